public import JSON

/// The answer to a client's event: `{"ok":true,…}` or `{"ok":false,"error":{"code","message"}}`.
public enum Acknowledgement: Hashable, Sendable {
    /// Extra members stand beside `ok`.
    case ok(JSONObject)
    /// Extra members stand beside `code` and `message`.
    case refused(SignalingError, details: JSONObject)

    /// `{"ok":true}` with nothing beside it.
    public static let ok = Acknowledgement.ok(JSONObject())
    /// A refusal with `code` and `message` alone.
    public static func refused(_ error: SignalingError) -> Acknowledgement { .refused(error, details: JSONObject()) }

    /// The acknowledgement's arguments for the wire.
    public var arguments: [JSONValue] {
        switch self {
        case .ok(let extra):
            var object: JSONObject = JSONObject([("ok", true)])
            for member in extra.members { object[member.name] = member.value }
            return [.object(object)]
        case .refused(let error, let details):
            var object = JSONObject([("code", .string(error.code.rawValue)), ("message", .string(error.message))])
            for member in details.members { object[member.name] = member.value }
            return [["ok": false, "error": .object(object)]]
        }
    }

    /// Reads what a server answered.
    public init(arguments: [JSONValue]) throws(SignalingError) {
        let fields = try Fields(arguments: arguments, event: "acknowledgement")
        if try fields.bool("ok") {
            self = .ok(JSONObject(members: fields.object.members.filter { $0.name != "ok" }))
        } else {
            let error = try fields.fields("error")
            self = .refused(
                try SignalingError(error),
                details: JSONObject(members: error.object.members.filter { !["code", "message"].contains($0.name) }))
        }
    }
}

extension SignalingError {
    /// `{"code","message"}`.
    public var json: JSONValue { ["code": .string(code.rawValue), "message": .string(message)] }

    /// A code that this side does not know yet is an internal error of the other's.
    init(_ fields: Fields) throws(SignalingError) {
        let text = try fields.string("code")
        let message = try fields.optionalString("message", limit: 4096, rule: .lines) ?? ""
        if let code = SignalingErrorCode(rawValue: text) {
            self.init(code, message)
        } else {
            self.init(.internalError, "\(text): \(message)")
        }
    }
}
