internal import HTTP

/// What the transport itself answers, in the form of the errors of the application above it.
enum HTTPRefusal {
    static func response(_ status: Int, _ message: String) -> HTTPResponse {
        let code =
            switch status {
            case 404: "not-found"
            case 413, 414, 431: "too-large"
            default: "bad-request"
            }
        var headers = [HTTPHeader("Content-Type", "application/json; charset=utf-8")]
        switch status {
        case 405: headers.append(HTTPHeader("Allow", HTTPMethod.allCases.map(\.rawValue).joined(separator: ", ")))
        case 426:
            headers += [HTTPHeader("Upgrade", "websocket"), HTTPHeader("Sec-WebSocket-Version", "13")]
        default: break
        }
        // The messages are our own and hold nothing that JSON would have to escape.
        return HTTPResponse(
            status: status, headers: headers,
            body: Array("{\"error\":{\"code\":\"\(code)\",\"message\":\"\(message)\"}}".utf8))
    }
}
