public import JSON
public import Signaling

/// Why an event was refused, with what stands beside `code` and `message` in the answer.
public struct Refusal: Error, Hashable, Sendable {
    public var error: SignalingError
    public var details: JSONObject

    public init(_ code: SignalingErrorCode, _ message: String, details: JSONObject = JSONObject()) {
        error = SignalingError(code, message)
        self.details = details
    }

    public init(_ error: SignalingError) {
        self.error = error
        details = JSONObject()
    }

    public var acknowledgement: Acknowledgement { .refused(error, details: details) }
}
