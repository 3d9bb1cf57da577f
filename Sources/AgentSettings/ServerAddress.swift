import Configuration
import Primitives

/// Where `kiosk-signaling` is: an origin (RFC 6454), `https://signaling.example:8443`.
public struct ServerAddress: Hashable, Sendable {
    /// Whether the scheme is `https`.
    public var isSecure: Bool
    /// A name, an IPv4 address, or an IPv6 address in brackets.
    public var host: String
    /// Nil for the scheme's own.
    public var port: UInt16?

    /// Reads `https://` or `http://`, a host, an optional port 1 … 65535 and an optional slash; nil for anything else, a path
    /// among it.
    public init?(_ text: String) {
        let schemes = [("https://", true), ("http://", false)]
        guard let (prefix, isSecure) = schemes.first(where: { text.lowercased().hasPrefix($0.0) }) else { return nil }
        var rest = text.dropFirst(prefix.count)
        if rest.hasSuffix("/") { rest = rest.dropLast() }
        var host = rest
        var port: UInt16?
        if let colon = rest.lastIndex(of: ":"), !rest[colon...].contains("]") {
            guard let number = UInt16(rest[rest.index(after: colon)...]), number > 0 else { return nil }
            port = number
            host = rest[..<colon]
        }
        if host.hasPrefix("[") {
            guard host.hasSuffix("]"), let address = IPAddress(host.dropFirst().dropLast()), !address.isIPv4 else {
                return nil
            }
        } else {
            let isLegal = host.utf8.allSatisfy {
                (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
                    || $0 == 0x2D || $0 == 0x2E || $0 == 0x5F
            }
            guard (1...253).contains(host.utf8.count), isLegal else { return nil }
        }
        self.isSecure = isSecure
        self.host = String(host)
        self.port = port
    }

    /// Whether the server is on this machine, so that no packet to it leaves the machine.
    public var isLoopback: Bool {
        let name = host.lowercased()
        if name == "localhost" || name.hasSuffix(".localhost") { return true }
        let text = name.hasPrefix("[") ? name.dropFirst().dropLast() : Substring(name)
        return IPAddress(text)?.isLoopback ?? false
    }

    /// Whether passwords and crew events would cross a network unencrypted.
    public var isInsecure: Bool { !isSecure && !isLoopback }

    /// The command that shows the certificates that the server sends.
    public var openSSLCommand: String { "openssl s_client -connect \(host):\(port ?? 443)" }

    private var authority: String { host + (port.map { ":\($0)" } ?? "") }

    /// For requests: `https://host:port/path`.
    public func url(_ path: String) -> String { "\(isSecure ? "https" : "http")://\(authority)\(path)" }
    /// For WebSockets: `wss://host:port/path`.
    public func webSocketURL(_ path: String) -> String { "\(isSecure ? "wss" : "ws")://\(authority)\(path)" }
}

extension ServerAddress: CustomStringConvertible {
    public var description: String { url("") }
}

extension ServerAddress: Decodable {
    public init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        guard let address = ServerAddress(text) else {
            throw RuleViolation("must be an address like https://signaling.example:8443, without a path")
        }
        self = address
    }
}
