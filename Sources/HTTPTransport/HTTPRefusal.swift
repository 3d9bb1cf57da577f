/// What the transport itself answers, in the form of the errors of the application above it.
enum HTTPRefusal {
    static func response(_ status: Int) -> HTTPResponse {
        let (code, message) =
            switch status {
            case 404: ("not-found", "nothing here")
            case 405: ("bad-request", "method not allowed")
            case 411: ("bad-request", "a body needs its Content-Length")
            case 413: ("too-large", "the body is too large")
            case 426: ("bad-request", "WebSocket version 13 is spoken here")
            default: ("bad-request", "the request cannot be read")
            }
        var headers = [HTTPHeader("Content-Type", "application/json; charset=utf-8")]
        switch status {
        case 405: headers.append(HTTPHeader("Allow", HTTPMethod.allCases.map(\.rawValue).joined(separator: ", ")))
        case 426:
            headers += [HTTPHeader("Upgrade", "websocket"), HTTPHeader("Sec-WebSocket-Version", "13")]
        default: break
        }
        return HTTPResponse(
            status: status, headers: headers,
            body: Array("{\"error\":{\"code\":\"\(code)\",\"message\":\"\(message)\"}}".utf8))
    }

    /// Of bytes that the library could not read as a request: a method that nobody has here, or no request at all.
    static func status(ofUnreadable bytes: UnsafeRawBufferPointer) -> Int {
        let line = bytes.prefix(1024).prefix { $0 != 0x0D && $0 != 0x0A }
        let words = line.split(separator: 0x20, omittingEmptySubsequences: false)
        let isRequest =
            words.count == 3 && !words[0].isEmpty && words[0].allSatisfy { (0x41...0x5A).contains($0) }
            && words[2].starts(with: "HTTP/1.".utf8)
        return isRequest ? 405 : 400
    }
}
