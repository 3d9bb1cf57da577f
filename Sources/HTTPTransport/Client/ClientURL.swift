internal import Primitives

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
