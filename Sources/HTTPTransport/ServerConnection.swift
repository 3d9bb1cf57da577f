internal import CWebSockets
internal import Primitives

/// One accepted connection: a request at a time, or a WebSocket. A class because libwebsockets keeps a pointer to it.
final class ServerConnection {
    let wsi: OpaquePointer
    let peer: SocketAddress
    /// The request that waits for its body or for its answer.
    var request: HTTPRequest?
    var missingBody: Int
    /// On libwebsockets' clock, in microseconds: whoever sends a byte now and then does not get to keep the connection.
    var bodyDeadline: Int64
    var isHead: Bool
    var closesAfterResponse: Bool
    /// Whether the body of a refused request is taken meanwhile: whoever sends it does not read before it is through.
    var swallows: Bool
    var response: [UInt8]?
    /// Whether the set of hang-ups holds this connection's socket.
    var isWatched: Bool
    /// Kept from the request until the WebSocket is established.
    var handshake: WebSocketHandshake?
    var webSocket: ConnectionID?
    var inbox: [UInt8]
    var outbox: Outbox
    var peerCloseCode: WebSocketCloseCode?

    init(wsi: OpaquePointer, peer: SocketAddress) {
        self.wsi = wsi
        self.peer = peer
        missingBody = 0
        bodyDeadline = 0
        isHead = false
        closesAfterResponse = false
        swallows = false
        isWatched = false
        inbox = []
        outbox = Outbox()
    }

    /// Answers what nobody above is to see, and closes.
    func refuse(_ status: Int, date: WallClock?) {
        closesAfterResponse = true
        swallows = status == 413
        response = HTTPRefusal.response(status).encoded(withoutBody: false, closing: true, date: date)
        lws_callback_on_writable(wsi)
    }

    var closeCode: WebSocketCloseCode { outbox.closeCode ?? peerCloseCode ?? .abnormal }
}

extension HTTPResponse {
    /// The whole answer as HTTP/1.1 writes it.
    ///
    /// - Parameter date: a server with a clock sends it (RFC 9110 section 6.6.1).
    func encoded(withoutBody: Bool, closing: Bool, date: WallClock?) -> [UInt8] {
        var head = "HTTP/1.1 \(status) \(HTTPResponse.reason(status))\r\n"
        if let date { head += "Date: \(HTTPDate.text(date))\r\n" }
        for header in headers where HTTPResponse.isSafe(header) { head += "\(header.name): \(header.value)\r\n" }
        if status >= 200, status != 204, status != 304 { head += "Content-Length: \(body.count)\r\n" }
        if closing { head += "Connection: close\r\n" }
        head += "\r\n"
        var bytes = Array(head.utf8)
        if !withoutBody, status != 204, status != 304 { bytes.append(contentsOf: body) }
        return bytes
    }

    // A line break in a value would let whoever chose the value write headers of their own.
    private static func isSafe(_ header: HTTPHeader) -> Bool {
        func hasControl(_ text: String) -> Bool { text.utf8.contains { $0 == 0x0D || $0 == 0x0A || $0 == 0 } }
        return !hasControl(header.name) && !hasControl(header.value)
    }

    static func reason(_ status: Int) -> String {
        switch status {
        case 200: "OK"
        case 201: "Created"
        case 202: "Accepted"
        case 204: "No Content"
        case 301: "Moved Permanently"
        case 302: "Found"
        case 303: "See Other"
        case 304: "Not Modified"
        case 307: "Temporary Redirect"
        case 308: "Permanent Redirect"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 409: "Conflict"
        case 411: "Length Required"
        case 413: "Content Too Large"
        case 415: "Unsupported Media Type"
        case 422: "Unprocessable Content"
        case 426: "Upgrade Required"
        case 429: "Too Many Requests"
        case 431: "Request Header Fields Too Large"
        case 500: "Internal Server Error"
        case 501: "Not Implemented"
        case 503: "Service Unavailable"
        default: "Status \(status)"
        }
    }
}

extension OpaquePointer {
    /// Of a libwebsockets connection whose request head is still held.
    var requestMethod: HTTPMethod? {
        let methods: [(lws_token_indexes, HTTPMethod)] = [
            (WSI_TOKEN_GET_URI, .get), (WSI_TOKEN_POST_URI, .post), (WSI_TOKEN_OPTIONS_URI, .options),
            (WSI_TOKEN_PUT_URI, .put), (WSI_TOKEN_PATCH_URI, .patch), (WSI_TOKEN_DELETE_URI, .delete),
            (WSI_TOKEN_HEAD_URI, .head),
        ]
        return methods.first { lws_hdr_total_length(self, $0.0) > 0 }?.1
    }

    /// Percent-decoded; nil when that is not UTF-8.
    var requestPath: String? {
        for token in [
            WSI_TOKEN_GET_URI, WSI_TOKEN_POST_URI, WSI_TOKEN_OPTIONS_URI, WSI_TOKEN_PUT_URI, WSI_TOKEN_PATCH_URI,
            WSI_TOKEN_DELETE_URI, WSI_TOKEN_HEAD_URI,
        ] {
            if lws_hdr_total_length(self, token) > 0 { return headerValue(self, token) }
        }
        return "/"
    }

    /// libwebsockets has split and percent-decoded the query already. Nil when that is not UTF-8: a filter that is left
    /// out would show what it was to hide.
    var requestQuery: [QueryItem]? {
        var items: [QueryItem] = []
        var index: Int32 = 0
        while true {
            let length = lws_hdr_fragment_length(self, WSI_TOKEN_HTTP_URI_ARGS, index)
            guard length > 0 else { return items }
            let item: QueryItem? = withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(length) + 1) { buffer in
                let copied = lws_hdr_copy_fragment(
                    self, buffer.baseAddress, length + 1, WSI_TOKEN_HTTP_URI_ARGS, index)
                guard copied >= 0,
                    let text = String(
                        validating: buffer[..<Int(copied)].lazy.map { UInt8(bitPattern: $0) }, as: UTF8.self)
                else { return nil }
                let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                return QueryItem(name: String(parts[0]), value: parts.count > 1 ? String(parts[1]) : "")
            }
            guard let item else { return nil }
            items.append(item)
            index += 1
        }
    }

    /// The headers that anyone here reads.
    var requestHeaders: [HTTPHeader] {
        var headers: [HTTPHeader] = []
        for (token, name) in knownHeaders {
            if let value = headerValue(self, token) { headers.append(HTTPHeader(name, value)) }
        }
        for name in customHeaders {
            if let value = customHeaderValue(self, name) { headers.append(HTTPHeader(String(name.dropLast()), value)) }
        }
        return headers
    }
}

private let knownHeaders: [(lws_token_indexes, String)] = [
    (WSI_TOKEN_HOST, "host"), (WSI_TOKEN_ORIGIN, "origin"), (WSI_TOKEN_HTTP_AUTHORIZATION, "authorization"),
    (WSI_TOKEN_HTTP_CONTENT_TYPE, "content-type"), (WSI_TOKEN_HTTP_CONTENT_LENGTH, "content-length"),
    (WSI_TOKEN_HTTP_TRANSFER_ENCODING, "transfer-encoding"), (WSI_TOKEN_HTTP_USER_AGENT, "user-agent"),
    (WSI_TOKEN_HTTP_COOKIE, "cookie"), (WSI_TOKEN_HTTP_ACCEPT, "accept"),
    (WSI_TOKEN_HTTP_ACCEPT_ENCODING, "accept-encoding"), (WSI_TOKEN_HTTP_ACCEPT_LANGUAGE, "accept-language"),
    (WSI_TOKEN_HTTP_IF_NONE_MATCH, "if-none-match"), (WSI_TOKEN_HTTP_REFERER, "referer"),
    (WSI_TOKEN_HTTP_AC_REQUEST_HEADERS, "access-control-request-headers"),
    (WSI_TOKEN_X_FORWARDED_FOR, "x-forwarded-for"), (WSI_TOKEN_HTTP_X_REAL_IP, "x-real-ip"),
]

private let customHeaders = ["access-control-request-method:", "x-forwarded-proto:", "forwarded:"]
