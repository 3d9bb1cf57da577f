public import Primitives
internal import Signaling

/// Where a STUN or TURN server is and how it is reached (RFC 7064, RFC 7065).
public struct ICEServerURL: Hashable, Sendable {
    /// `stun` of RFC 7064, `turn` and `turns` of RFC 7065; `stuns` is not spoken.
    public enum Scheme: String, Hashable, Sendable {
        case stun, turn, turns
    }

    /// Read without regard to case.
    public var scheme: Scheme
    /// A name or a literal address, IPv6 without brackets.
    public var host: String
    /// 1 … 65535; where the URL names none, 3478, and 5349 for `turns`.
    public var port: UInt16
    /// UDP; for `turn` with `transport=tcp` TCP, for `turns` TLS over TCP.
    public var transport: TransportProtocol

    /// Reads `stun:host[:port]`, `turn:host[:port][?transport=udp|tcp]` and `turns:…`; nil for anything else.
    public init?(_ written: String) {
        let text = written.trimmingBlanks
        guard let colon = text.firstIndex(of: ":"), let scheme = Scheme(rawValue: text[..<colon].lowercased()) else {
            return nil
        }
        let rest = text[text.index(after: colon)...]
        let parts = rest.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        guard let authority = parts.first, !authority.isEmpty else { return nil }
        var transport: TransportProtocol = scheme == .turns ? .tls : .udp
        if parts.count == 2 {
            switch (scheme, parts[1].lowercased()) {
            case (.turn, "transport=udp"), (.turns, "transport=tcp"): break
            case (.turn, "transport=tcp"): transport = .tcp
            // TURN over DTLS (RFC 7350), and STUN over anything but UDP, are not spoken.
            default: return nil
            }
        }
        guard let (host, port) = ICEServerURL.place(authority, defaultPort: scheme == .turns ? 5349 : 3478) else {
            return nil
        }
        self.scheme = scheme
        self.host = host
        self.port = port
        self.transport = transport
    }

    /// Reads `name`, `a.b.c.d`, `[v6]` and, as people write it without a port, a bare `v6`; each of the others with
    /// `:port`, which may be empty (RFC 7064 section 3.1).
    private static func place(_ text: Substring, defaultPort: UInt16) -> (host: String, port: UInt16)? {
        let colons = text.utf8.count { $0 == UInt8(ascii: ":") }
        let host: Substring
        let tail: Substring
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]") else { return nil }
            host = text[text.index(after: text.startIndex)..<end]
            tail = text[text.index(after: end)...]
            guard let address = IPAddress(host), !address.isIPv4 else { return nil }
        } else if colons > 1 {
            guard IPAddress(text) != nil else { return nil }
            (host, tail) = (text, "")
        } else {
            let end = text.firstIndex(of: ":") ?? text.endIndex
            (host, tail) = (text[..<end], text[end...])
        }
        guard !host.isEmpty, tail.isEmpty || tail.hasPrefix(":") else { return nil }
        let digits = tail.dropFirst()
        guard !digits.isEmpty else { return (String(host), defaultPort) }
        guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = UInt16(digits), port > 0 else {
            return nil
        }
        return (String(host), port)
    }
}

/// A server of the session's list with its address known.
public struct ResolvedICEServer: Hashable, Sendable {
    /// TURN when there are credentials, STUN otherwise.
    struct Credentials: Hashable, Sendable {
        var username: String
        var password: Redacted<String>
    }

    /// As its URL names it, for the certificate.
    var host: String
    var address: SocketAddress
    var transport: TransportProtocol
    var credentials: Credentials?
}

extension String {
    /// Without blanks at both ends.
    fileprivate var trimmingBlanks: Substring {
        var rest = self[...]
        while rest.last == " " || rest.last == "\t" { rest.removeLast() }
        while rest.first == " " || rest.first == "\t" { rest.removeFirst() }
        return rest
    }
}
