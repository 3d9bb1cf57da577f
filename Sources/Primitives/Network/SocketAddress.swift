/// An IPv4 or IPv6 address as a number; text forms by RFC 4291 section 2.2 and RFC 5952.
public enum IPAddress: Hashable, Sendable {
    case v4(UInt32)
    case v6(high: UInt64, low: UInt64)

    /// Parses a dotted quad or an IPv6 text form; nil for anything else. No names, no zones.
    public init?(_ text: some StringProtocol) {
        if text.utf8.contains(UInt8(ascii: ":")) {
            guard let groups = IPAddress.parseGroups(Substring(text)) else { return nil }
            func join(_ range: Range<Int>) -> UInt64 { groups[range].reduce(0) { $0 << 16 | UInt64($1) } }
            self = .v6(high: join(0..<4), low: join(4..<8))
        } else {
            guard let quad = IPAddress.parseQuad(Substring(text)) else { return nil }
            self = .v4(quad)
        }
    }

    /// Parses an address as proxies and people write it: with a port (`a.b.c.d:port`, `[v6]:port`), in brackets,
    /// quoted (RFC 7239 section 6), or IPv4 as `::ffff:a.b.c.d`, which is read as IPv4; nil for anything else.
    public init?(written text: some StringProtocol) {
        var rest = Substring(text)
        while let last = rest.last, last == " " || last == "\t" { rest.removeLast() }
        while let first = rest.first, first == " " || first == "\t" { rest.removeFirst() }
        if rest.utf8.count >= 2, rest.first == "\"", rest.last == "\"" { rest = rest.dropFirst().dropLast() }
        func isPort(_ port: Substring) -> Bool {
            port.first == ":" && (2...6).contains(port.utf8.count) && UInt16(port.dropFirst()) != nil
                && port.dropFirst().utf8.allSatisfy { (0x30...0x39).contains($0) }
        }
        var host = rest
        if rest.first == "[" {
            guard let end = rest.firstIndex(of: "]") else { return nil }
            host = rest[rest.index(after: rest.startIndex)..<end]
            let port = rest[rest.index(after: end)...]
            guard host.utf8.contains(UInt8(ascii: ":")), port.isEmpty || isPort(port) else { return nil }
        } else if let colon = rest.firstIndex(of: ":"), colon == rest.lastIndex(of: ":") {
            guard isPort(rest[colon...]) else { return nil }
            host = rest[..<colon]
        }
        guard let address = IPAddress(host) else { return nil }
        self = address.unmapped
    }

    /// IPv4-mapped IPv6 addresses are IPv6; see `unmapped`.
    public var isIPv4: Bool { if case .v4 = self { true } else { false } }

    /// 0.0.0.0 or ::, which means any address of the machine.
    public var isUnspecified: Bool {
        switch self {
        case .v4(let value): value == 0
        case .v6(let high, let low): high == 0 && low == 0
        }
    }

    /// The IPv4 address that an IPv6 socket shows as `::ffff:a.b.c.d` (RFC 4291 section 2.5.5.2); others as they are.
    public var unmapped: IPAddress {
        guard case .v6(high: 0, let low) = self, low >> 32 == 0xFFFF else { return self }
        return .v4(UInt32(truncatingIfNeeded: low))
    }

    /// What one subscriber has: of IPv6 at least a /64, whose rest it can change at will (RFC 6177).
    public var prefix64: IPAddress {
        switch self {
        case .v4: self
        case .v6(let high, _): .v6(high: high, low: 0)
        }
    }

    /// Whether both are in one network whose prefix has so many bits.
    public func isInNetwork(of other: IPAddress, prefixLength: Int) -> Bool {
        func areEqual<Word: FixedWidthInteger>(_ a: Word, _ b: Word, first bits: Int) -> Bool {
            bits <= 0 || (a ^ b) >> (Word.bitWidth - min(bits, Word.bitWidth)) == 0
        }
        return switch (self, other) {
        case (.v4(let a), .v4(let b)): areEqual(a, b, first: prefixLength)
        case (.v6(let high, let low), .v6(let otherHigh, let otherLow)):
            areEqual(high, otherHigh, first: prefixLength) && areEqual(low, otherLow, first: prefixLength - 64)
        case (.v4, .v6), (.v6, .v4): false
        }
    }

    /// 127/8 or ::1.
    public var isLoopback: Bool {
        switch self {
        case .v4(let value): value >> 24 == 127
        case .v6(let high, let low): high == 0 && low == 1
        }
    }

    /// 169.254/16 (RFC 3927) or fe80::/10 (RFC 4291).
    public var isLinkLocal: Bool {
        switch self {
        case .v4(let value): value >> 16 == 0xA9FE
        case .v6(let high, _): high >> 54 == 0xFE80 >> 6
        }
    }

    /// 224/4 or ff00::/8.
    public var isMulticast: Bool {
        switch self {
        case .v4(let value): value >> 28 == 0xE
        case .v6(let high, _): high >> 56 == 0xFF
        }
    }

    private static func parseQuad(_ text: Substring) -> UInt32? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var value: UInt32 = 0
        for part in parts {
            guard (1...3).contains(part.utf8.count), part.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                let octet = UInt8(part)
            else { return nil }
            value = value << 8 | UInt32(octet)
        }
        return value
    }

    private static func parseGroups(_ text: Substring) -> [UInt16]? {
        func groups(_ part: Substring, mayEndInQuad: Bool) -> [UInt16]? {
            if part.isEmpty { return [] }
            var result: [UInt16] = []
            let fields = part.split(separator: ":", omittingEmptySubsequences: false)
            for (index, field) in fields.enumerated() {
                if mayEndInQuad, index == fields.count - 1, field.contains(".") {
                    guard let quad = parseQuad(field) else { return nil }
                    result += [UInt16(quad >> 16), UInt16(truncatingIfNeeded: quad)]
                } else {
                    guard (1...4).contains(field.utf8.count), field.utf8.allSatisfy(isHexDigit),
                        let group = UInt16(field, radix: 16)
                    else { return nil }
                    result.append(group)
                }
            }
            return result
        }
        func isHexDigit(_ byte: UInt8) -> Bool {
            (0x30...0x39).contains(byte) || (0x41...0x46).contains(byte) || (0x61...0x66).contains(byte)
        }
        guard let gap = firstGap(in: text) else {
            guard let all = groups(text, mayEndInQuad: true), all.count == 8 else { return nil }
            return all
        }
        let tail = text[text.index(gap, offsetBy: 2)...]
        guard firstGap(in: tail) == nil,
            let head = groups(text[..<gap], mayEndInQuad: false), let rest = groups(tail, mayEndInQuad: true),
            head.count + rest.count <= 7
        else { return nil }
        return head + Array(repeating: 0, count: 8 - head.count - rest.count) + rest
    }

    private static func firstGap(in text: Substring) -> Substring.Index? {
        var previousWasColon = false
        for index in text.indices {
            let isColon = text[index] == ":"
            if isColon, previousWasColon { return text.index(before: index) }
            previousWasColon = isColon
        }
        return nil
    }
}

extension IPAddress: CustomStringConvertible {
    /// The canonical text form (RFC 5952 section 4).
    public var description: String {
        switch self {
        case .v4(let value):
            return "\(value >> 24).\(value >> 16 & 255).\(value >> 8 & 255).\(value & 255)"
        case .v6(let high, let low):
            let groups: [UInt16] = (0..<8).map { index -> UInt16 in
                let half: UInt64 = index < 4 ? high : low
                return UInt16(truncatingIfNeeded: half >> UInt64(48 - 16 * (index % 4)))
            }
            var longest = 0..<0
            var start: Int?
            for index in 0...8 {
                if index < 8, groups[index] == 0 {
                    start = start ?? index
                } else if let first = start {
                    if index - first > max(longest.count, 1) { longest = first..<index }
                    start = nil
                }
            }
            func text(_ range: Range<Int>) -> String {
                groups[range].map { String($0, radix: 16) }.joined(separator: ":")
            }
            return longest.isEmpty ? text(0..<8) : text(0..<longest.lowerBound) + "::" + text(longest.upperBound..<8)
        }
    }
}

/// A transport address: IP address and port.
public struct SocketAddress: Hashable, Sendable {
    /// Without zone.
    public var address: IPAddress
    /// 0: none, or any free one.
    public var port: UInt16

    /// Nothing is checked.
    @inlinable public init(address: IPAddress, port: UInt16) {
        self.address = address
        self.port = port
    }

    /// Parses `192.0.2.1:80` or `[2001:db8::1]:80`; nil for anything else.
    public init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            return nil
        }
        let host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            guard let address = IPAddress(host.dropFirst().dropLast()), !address.isIPv4 else { return nil }
            self.init(address: address, port: port)
        } else {
            guard let address = IPAddress(host), address.isIPv4 else { return nil }
            self.init(address: address, port: port)
        }
    }
}

extension SocketAddress: CustomStringConvertible {
    public var description: String { address.isIPv4 ? "\(address):\(port)" : "[\(address)]:\(port)" }
}
