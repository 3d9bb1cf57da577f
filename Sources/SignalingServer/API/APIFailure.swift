internal import HTTP
internal import HTTPTransport
internal import Signaling

/// Why a request of the HTTP API is answered with an error.
struct APIFailure: Error {
    var status: Int
    var error: SignalingError
    var headers: [HTTPHeader]

    init(_ error: SignalingError) {
        status = error.code.httpStatus
        self.error = error
        headers = []
    }

    init(_ code: SignalingErrorCode, _ message: String) { self.init(SignalingError(code, message)) }

    /// More work waits than a moment's.
    static func busy(_ message: String) -> APIFailure {
        var failure = APIFailure(.throttled, message)
        failure.headers = [HTTPHeader("Retry-After", "2")]
        return failure
    }

    static func methodNotAllowed(_ allowed: [HTTPMethod]) -> APIFailure {
        var failure = APIFailure(.badRequest, "method not allowed")
        failure.status = 405
        failure.headers = [HTTPHeader("Allow", allowed.map(\.rawValue).joined(separator: ", "))]
        return failure
    }
}

/// Runs what fails with the contract's error as one that fails with the API's.
func api<Result>(_ body: () throws(SignalingError) -> Result) throws(APIFailure) -> Result {
    do throws(SignalingError) { return try body() } catch { throw APIFailure(error) }
}
