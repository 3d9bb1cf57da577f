internal import CWebSockets
internal import Primitives

/// One exchange with a server. A class because libwebsockets keeps a pointer to it.
final class ClientConnection {
    enum Purpose {
        case request(RequestID)
        case webSocket(ConnectionID)
    }

    let purpose: Purpose
    let headers: [HTTPHeader]
    let body: [UInt8]
    /// Whether the method has a body even when it is empty (RFC 9110 section 8.6).
    let expectsBody: Bool
    /// What the pointer held by libwebsockets retains.
    var selfReference: Unmanaged<ClientConnection>?
    var wsi: OpaquePointer?
    var host: String
    /// On libwebsockets' clock, in microseconds.
    var deadline: Int64
    var isOpen: Bool
    /// Whether the last event has been delivered.
    var isOver: Bool
    var status: Int
    var responseHeaders: [HTTPHeader]
    var responseBody: [UInt8]
    var responseLimit: Int
    var tlsFailure: TLSFailure?
    var inbox: [UInt8]
    var outbox: Outbox
    var peerCloseCode: WebSocketCloseCode?

    init(_ purpose: Purpose, headers: [HTTPHeader], body: [UInt8], expectsBody: Bool) {
        self.purpose = purpose
        self.headers = headers
        self.body = body
        self.expectsBody = expectsBody
        host = ""
        deadline = 0
        isOpen = false
        isOver = false
        status = 0
        responseHeaders = []
        responseBody = []
        responseLimit = 0
        inbox = []
        outbox = Outbox()
    }

    var closeCode: WebSocketCloseCode { peerCloseCode ?? outbox.closeCode ?? .abnormal }

    /// libwebsockets has no pointer to this any more.
    func releaseSelf() {
        let reference = selfReference
        selfReference = nil
        reference?.release()
    }

    /// Writes one message or, behind the last, the close frame. False ends the connection.
    func writeWebSocket(_ wsi: OpaquePointer) -> Bool {
        if outbox.isEmpty, let code = outbox.closeCode {
            lws_close_reason(wsi, lws_close_status(rawValue: UInt32(code.rawValue)), nil, 0)
            return false
        }
        guard outbox.writeNext(to: wsi) else { return false }
        if !outbox.isEmpty || outbox.closeCode != nil { lws_callback_on_writable(wsi) }
        return true
    }

    func readResponseHead(_ wsi: OpaquePointer) {
        status = Int(lws_http_client_http_response(wsi))
        for (token, name) in answerHeaders {
            if let value = headerValue(wsi, token) { responseHeaders.append(HTTPHeader(name, value)) }
        }
    }

    func noteVerification(_ error: Int32) {
        switch error {
        case cws_x509_ok: break
        case cws_x509_not_yet_valid: tlsFailure = .notYetValid
        case cws_x509_expired: tlsFailure = .expired
        case cws_x509_hostname, cws_x509_ip: tlsFailure = .hostNameMismatch
        case cws_x509_self_signed: tlsFailure = .selfSigned
        case cws_x509_self_signed_chain, cws_x509_no_issuer, cws_x509_no_issuer_locally, cws_x509_no_leaf:
            tlsFailure = .notTrusted
        default: tlsFailure = .other("certificate refused (X.509 error \(error))")
        }
    }
}

private let answerHeaders: [(lws_token_indexes, String)] = [
    (WSI_TOKEN_HTTP_CONTENT_TYPE, "content-type"), (WSI_TOKEN_HTTP_CONTENT_LENGTH, "content-length"),
    (WSI_TOKEN_HTTP_LOCATION, "location"), (WSI_TOKEN_HTTP_RETRY_AFTER, "retry-after"),
    (WSI_TOKEN_HTTP_DATE, "date"), (WSI_TOKEN_HTTP_SET_COOKIE, "set-cookie"),
    (WSI_TOKEN_HTTP_WWW_AUTHENTICATE, "www-authenticate"), (WSI_TOKEN_HTTP_ETAG, "etag"),
    (WSI_TOKEN_HTTP_CACHE_CONTROL, "cache-control"), (WSI_TOKEN_HTTP_SERVER, "server"),
]

/// The parts of an `http`, `https`, `ws` or `wss` URL (RFC 3986 section 3). No user information: secrets are no addresses.
struct ClientURL: Equatable {
    var isSecure: Bool
    /// A name or an IP address without brackets.
    var host: String
    var port: UInt16
    /// Path and query.
    var target: String

    init?(_ text: String) {
        guard let schemeEnd = text.firstRange(of: "://") else { return nil }
        switch text[..<schemeEnd.lowerBound].lowercased() {
        case "http", "ws": isSecure = false
        case "https", "wss": isSecure = true
        default: return nil
        }
        let rest = text[schemeEnd.upperBound...]
        let authorityEnd = rest.firstIndex { "/?#".contains($0) } ?? rest.endIndex
        let authority = rest[..<authorityEnd]
        var target = rest[authorityEnd...]
        if let fragment = target.firstIndex(of: "#") { target = target[..<fragment] }
        self.target = target.hasPrefix("/") ? String(target) : "/" + target
        guard self.target.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }), !authority.contains("@") else { return nil }
        var portText: Substring?
        if authority.hasPrefix("[") {
            guard let close = authority.firstIndex(of: "]") else { return nil }
            host = String(authority[authority.index(after: authority.startIndex)..<close])
            guard IPAddress(host) != nil else { return nil }
            let after = authority[authority.index(after: close)...]
            if after.hasPrefix(":") { portText = after.dropFirst() } else if !after.isEmpty { return nil }
        } else {
            let parts = authority.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count <= 2 else { return nil }
            host = String(parts[0])
            if parts.count == 2 { portText = parts[1] }
        }
        guard !host.isEmpty, host.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { return nil }
        guard let portText else {
            port = isSecure ? 443 : 80
            return
        }
        guard let number = UInt16(portText), number > 0 else { return nil }
        port = number
    }

    /// The host as the Host header has it.
    var hostHeader: String {
        let name = host.contains(":") ? "[\(host)]" : host
        return port == (isSecure ? 443 : 80) ? name : "\(name):\(port)"
    }

    /// For messages: tokens travel in queries.
    static func withoutQuery(_ text: String) -> String { String(text.prefix { $0 != "?" }) }
}
