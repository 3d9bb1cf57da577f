/// A request's head, read and checked.
public struct HTTPRequestHead: Hashable, Sendable {
    /// One of those known here; others are refused.
    public var method: HTTPMethod
    /// Path and query, whichever form the request line had.
    public var target: RequestTarget
    /// HTTP/1.1 or a later minor version; otherwise HTTP/1.0.
    public var isHTTP11: Bool
    /// In the order in which they came.
    public var headers: [HTTPHeader]
    let framing: BodyFraming

    /// Bytes of the body where the head says it; nil for chunks.
    public var contentLength: Int? {
        switch framing {
        case .none: 0
        case .length(let count): count
        case .chunked, .untilClose: nil
        }
    }

    init(_ reader: borrowing HeadReader, _ limits: HTTPLimits) throws(HTTPViolation) {
        let words = reader.startLine.split(separator: 0x20, omittingEmptySubsequences: false)
        guard words.count == 3, let name = words.first, !name.isEmpty, name.allSatisfy(\.isTokenCharacter),
            let isHTTP11 = HTTPRequestHead.version(words[2])
        else { throw .malformed("the first line is no request of HTTP/1.1") }
        guard let method = HTTPMethod(rawValue: String(decoding: name, as: UTF8.self)) else {
            throw HTTPViolation(405, "method not allowed")
        }
        let target = try RequestTarget(words[1], method: method)
        var headers = try reader.fields(limits)
        // RFC 9112 section 3.2: a server MUST answer 400 to a request of HTTP/1.1 without a Host, or with several.
        let hosts = headers.count(of: "host")
        guard hosts == 1 || (hosts == 0 && !isHTTP11) else { throw .malformed("a request has one Host field") }
        if let authority = target.authority {
            headers.removeAll { $0.name.isSameToken(as: "host") }
            headers.append(HTTPHeader("host", authority))
        }
        self.method = method
        self.target = target
        self.isHTTP11 = isHTTP11
        framing = try BodyFraming(request: headers, method: method, isHTTP11: isHTTP11)
        if let expectation = headers["expect"] {
            guard expectation.isSameToken(as: "100-continue") else {
                throw HTTPViolation(417, "no expectation but 100-continue is known here")
            }
        }
        self.headers = headers
    }

    /// Whether it is HTTP/1.1 or later, or HTTP/1.0; nil for what is neither.
    static func version(_ bytes: ArraySlice<UInt8>) -> Bool? {
        guard bytes.count == 8, bytes.starts(with: "HTTP/1.".utf8), let minor = bytes.last,
            (0x30...0x39).contains(minor)
        else { return nil }
        return minor > 0x30
    }

    /// Whether the client waits for a word before it sends the body (RFC 9110 section 10.1.1).
    var expectsContinue: Bool { isHTTP11 && framing != .none && headers["expect"] != nil }

    /// Whether the connection may carry another request (RFC 9112 section 9.3).
    var persists: Bool {
        let options = headers.tokens(of: "connection")
        if options.contains("close") { return false }
        return isHTTP11 || options.contains("keep-alive")
    }

    /// What it asks to be switched to. An upgrade to something unknown here is an ordinary request (RFC 9110 section 7.8).
    public var asksForWebSocket: Bool {
        isHTTP11 && method == .get && headers.tokens(of: "upgrade").contains("websocket")
            && headers.tokens(of: "connection").contains("upgrade")
    }

    /// The key of an opening handshake; nil when the handshake cannot be accepted (RFC 6455 section 4.2.1).
    public var webSocketKey: String? {
        guard headers.count(of: "sec-websocket-key") == 1, let key = headers["sec-websocket-key"],
            key.utf8.count == 24, key.hasSuffix("=="), framing == .none,
            key.utf8.dropLast(2).allSatisfy({ $0.isBase64Digit })
        else { return nil }
        return key
    }

    /// Whether the handshake speaks the one version there is.
    public var isWebSocketVersion13: Bool { headers["sec-websocket-version"] == "13" }
}

extension UInt8 {
    fileprivate var isBase64Digit: Bool {
        switch self {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2B, 0x2F: true
        default: false
        }
    }
}
