public import SocketIO

/// The answer to a client's event: `{"ok":true,…}` or `{"ok":false,"error":{"code","message"}}`.
public enum Acknowledgement: Hashable, Sendable {
    /// Extra members stand beside `ok`.
    case ok(JSONObject)
    case refused(SignalingError, details: JSONObject)

    public static let ok = Acknowledgement.ok(JSONObject())
    public static func refused(_ error: SignalingError) -> Acknowledgement { .refused(error, details: JSONObject()) }

    /// The acknowledgement's arguments for the wire.
    public var arguments: [JSONValue] { [] }

    /// Reads what a server answered.
    public init(arguments: [JSONValue]) throws(SignalingError) { throw SignalingError(.badRequest, "") }
}

extension SignalingError {
    /// `{"code","message"}`.
    public var json: JSONValue { ["code": .string(code.rawValue), "message": .string(message)] }
}
