public import JSON
public import Signaling

/// Why an event was refused, with what stands beside `code` and `message` in the answer.
public struct Refusal: Error, Hashable, Sendable {
    /// What the client decides by, and a text.
    public var error: SignalingError
    /// Members that stand beside `code` and `message`.
    public var details: JSONObject

    /// A refusal for the rules' own reasons.
    public init(_ code: SignalingErrorCode, _ message: String, details: JSONObject = JSONObject()) {
        error = SignalingError(code, message)
        self.details = details
    }

    /// A refusal of what could not be understood.
    public init(_ error: SignalingError) {
        self.error = error
        details = JSONObject()
    }

    /// As the sender of the event gets it.
    public var acknowledgement: Acknowledgement { .refused(error, details: details) }
}
