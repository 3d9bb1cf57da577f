internal import HTTP
internal import HTTPTransport
internal import Signaling

/// Why a request of the HTTP API is answered with an error.
struct APIFailure: Error, Equatable {
    var status: Int
    var error: SignalingError
    var headers: [HTTPHeader]

    init(_ error: SignalingError) {
        status = error.code.httpStatus
        self.error = error
        headers = []
    }

    init(_ code: SignalingErrorCode, _ message: String) { self.init(SignalingError(code, message)) }

    /// More than may be asked for now.
    /// - Parameter wait: seconds after which it may be asked for again.
    static func throttled(_ message: String, retryAfter wait: Int64) -> APIFailure {
        var failure = APIFailure(.throttled, message)
        failure.headers = [HTTPHeader("Retry-After", "\(wait)")]
        return failure
    }

    static func methodNotAllowed(_ allowed: [HTTPMethod]) -> APIFailure {
        var failure = APIFailure(.badRequest, "method not allowed")
        failure.status = 405
        failure.headers = [HTTPHeader("Allow", allowed.map(\.rawValue).joined(separator: ", "))]
        return failure
    }

    /// The records do not answer.
    static var recordsUnavailable: APIFailure {
        APIFailure(.internalError, "the records cannot be read or written")
    }

    var response: HTTPResponse { .error(status, error, headers: headers) }
}

/// Runs what fails with the contract's error as one that fails with the API's.
func api<Result>(_ body: () throws(SignalingError) -> Result) throws(APIFailure) -> Result {
    do throws(SignalingError) { return try body() } catch { throw APIFailure(error) }
}
