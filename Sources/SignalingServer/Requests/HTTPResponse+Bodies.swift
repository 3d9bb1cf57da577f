internal import HTTP
internal import HTTPTransport
internal import JSON
internal import Signaling

extension SignalingErrorCode {
    /// The contract's mapping; codes that only sockets know are the client's fault here too.
    var httpStatus: Int {
        switch self {
        case .badRequest, .notRegistered, .unknownEvent, .noSession, .notYourSession: 400
        case .invalidCredentials, .tokenMissing, .tokenExpired, .tokenInvalid, .accountDisabled: 401
        case .forbidden: 403
        case .notFound, .unknownKiosk: 404
        case .conflict, .kioskOffline, .kioskBusy: 409
        case .tooLarge: 413
        case .throttled: 429
        case .internalError: 500
        }
    }
}

extension HTTPResponse {
    static func json(_ status: Int, _ value: JSONValue, headers: [HTTPHeader] = []) -> HTTPResponse {
        var response = typed(status, "application/json; charset=utf-8", value.jsonText)
        response.headers += headers
        return response
    }

    static func text(_ status: Int, _ text: String, type: String = "text/plain; charset=utf-8") -> HTTPResponse {
        typed(status, type, Array(text.utf8))
    }

    static func typed(_ status: Int, _ type: String, _ body: [UInt8]) -> HTTPResponse {
        HTTPResponse(
            status: status,
            headers: [
                HTTPHeader("Content-Type", type), HTTPHeader("Cache-Control", "no-store"),
                HTTPHeader("X-Content-Type-Options", "nosniff"),
            ], body: body)
    }

    static func error(_ status: Int, _ error: SignalingError, headers: [HTTPHeader] = []) -> HTTPResponse {
        // RFC 9110 section 15.5.2: a 401 says how to authenticate.
        let challenge = status == 401 ? [HTTPHeader("WWW-Authenticate", "Bearer")] : []
        return json(status, error.httpBody, headers: challenge + headers)
    }

    /// - Parameter obstacle: why nobody should be sent here; nil when somebody may.
    static func readiness(_ obstacle: String?) -> HTTPResponse {
        obstacle.map { text(503, "not ready: \($0)\n") } ?? text(200, "ready\n")
    }

    static func metrics(_ text: String) -> HTTPResponse {
        self.text(200, text, type: "text/plain; version=0.0.4; charset=utf-8")
    }

    static var nothingHere: HTTPResponse { .error(404, SignalingError(.notFound, "nothing here")) }
}
