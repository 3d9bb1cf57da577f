import Primitives
import Signaling

/// Where a STUN or TURN server is and how it is reached (RFC 7064, RFC 7065).
struct ICEServerURL: Hashable, Sendable {
    enum Scheme: String, Hashable, Sendable {
        case stun, turn, turns
    }

    var scheme: Scheme
    /// A name or a literal address, IPv6 without brackets.
    var host: String
    var port: UInt16
    var transport: TransportProtocol

    /// Reads `stun:host[:port]`, `turn:host[:port][?transport=udp|tcp]` and `turns:…`; nil for anything else.
    init?(_ text: String) {
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
        var port: UInt16 = scheme == .turns ? 5349 : 3478
        let host: Substring
        if authority.hasPrefix("[") {
            guard let end = authority.firstIndex(of: "]") else { return nil }
            host = authority[authority.index(after: authority.startIndex)..<end]
            let tail = authority[authority.index(after: end)...]
            if !tail.isEmpty {
                guard tail.hasPrefix(":"), let number = UInt16(tail.dropFirst()) else { return nil }
                port = number
            }
        } else if let colon = authority.lastIndex(of: ":") {
            guard let number = UInt16(authority[authority.index(after: colon)...]) else { return nil }
            host = authority[..<colon]
            port = number
        } else {
            host = authority
        }
        guard !host.isEmpty, port > 0 else { return nil }
        self.scheme = scheme
        self.host = String(host)
        self.port = port
        self.transport = transport
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
