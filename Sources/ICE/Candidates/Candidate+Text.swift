import Primitives

extension Candidate {
    /// Longer candidates are refused, as signaling refuses them.
    public static let maximumLength = 2048

    /// Parses the `candidate` attribute (RFC 8839 section 5.1), with or without `a=` and `candidate:`.
    ///
    ///     candidate:1 1 udp 2130706431 192.0.2.1 8998 typ host
    ///     candidate:2 1 udp 1694498815 203.0.113.141 60065 typ srflx raddr 192.0.2.1 rport 8998 ufrag aBcD
    ///     candidate:3 1 tcp 1518280447 2001:db8::1 9 typ host tcptype active
    public init(_ text: String) throws(CandidateParseError) {
        guard text.utf8.count <= Candidate.maximumLength else { throw .tooLong }
        var rest = Substring(text)
        if rest.hasPrefix("a=") { rest = rest.dropFirst(2) }
        if rest.hasPrefix("candidate:") { rest = rest.dropFirst("candidate:".count) }
        while let last = rest.utf8.last, last == 0x0D || last == 0x0A || last == 0x20 { rest.removeLast() }
        // Only printable characters may pass: what is kept of this is printed into descriptions again.
        guard rest.unicodeScalars.allSatisfy({ $0.value > 0x1F && $0.value != 0x7F }) else { throw .notACandidate }
        var fields = Fields(rest.split(separator: " ", omittingEmptySubsequences: true))

        foundation = try fields.next(
            "foundation", where: { (1...32).contains($0.utf8.count) && $0.utf8.allSatisfy(isICECharacter) })
        component = try fields.number("component", 1...256)
        switch try fields.next("transport", where: Candidate.isToken).lowercased() {
        case "udp": transport = .udp
        case "tcp": transport = .tcp
        case let other: transport = .other(other)
        }
        priority = UInt32(try fields.number("priority", 0...Int(UInt32.max)))
        let host = try fields.next("address", where: Candidate.isHost)
        let port = UInt16(try fields.number("port", 0...65_535))
        address = Candidate.address(host, port)
        guard try fields.next("typ", where: { _ in true }) == "typ" else { throw .fieldMissing("typ") }
        guard let type = CandidateType(rawValue: try fields.next("type", where: Candidate.isToken)) else {
            throw .fieldInvalid("type")
        }
        self.type = type

        relatedAddress = nil
        tcpType = nil
        usernameFragment = nil
        extensions = []
        var relatedHost: String?
        while let name = fields.nextIfAny() {
            let value = try fields.next(name, where: { $0.utf8.count <= 256 })
            switch name {
            case "raddr":
                guard Candidate.isHost(value) else { throw .fieldInvalid("raddr") }
                relatedHost = value
            case "rport":
                guard let port = UInt16(value) else { throw .fieldInvalid("rport") }
                // A port alone says nothing.
                if let relatedHost { relatedAddress = Candidate.address(relatedHost, port) }
            case "tcptype":
                guard let tcpType = TCPCandidateType(rawValue: value) else { throw .fieldInvalid("tcptype") }
                self.tcpType = tcpType
            case "ufrag":
                guard value.utf8.allSatisfy(isCredentialCharacter) else { throw .fieldInvalid("ufrag") }
                usernameFragment = value
            default:
                guard Candidate.isToken(name), extensions.count < 16 else { throw .fieldInvalid("extension") }
                extensions.append(CandidateExtension(name: name, value: value))
            }
        }
    }

    /// `candidate:…`, as it stands behind `a=` and in `RTCIceCandidate.candidate`.
    public var attribute: String {
        var text = "candidate:\(foundation) \(component) \(transport) \(priority) \(address) typ \(type.rawValue)"
        switch relatedAddress {
        case .ip(let related): text += " raddr \(related.address) rport \(related.port)"
        case .name(let name, let port): text += " raddr \(name) rport \(port)"
        case nil: break
        }
        if let tcpType { text += " tcptype \(tcpType.rawValue)" }
        if let usernameFragment { text += " ufrag \(usernameFragment)" }
        for pair in extensions { text += " \(pair.name) \(pair.value)" }
        return text
    }

    private static func address(_ host: String, _ port: UInt16) -> CandidateAddress {
        if let ip = IPAddress(host) { .ip(SocketAddress(address: ip, port: port)) } else { .name(host, port: port) }
    }

    /// An address or a name: letters, digits, dots, hyphens, colons. Zones of IPv6 addresses do not travel.
    private static func isHost(_ text: String) -> Bool {
        guard (1...255).contains(text.utf8.count) else { return false }
        if text.utf8.contains(UInt8(ascii: ":")) { return IPAddress(text) != nil }
        return text.utf8.allSatisfy {
            switch $0 {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
                true
            default: false
            }
        }
    }

    private static func isToken(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count)
            && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: ":") && $0 != UInt8(ascii: "\"") }
    }

    private struct Fields {
        private let all: [Substring]
        private var index = 0

        init(_ all: [Substring]) { self.all = all }

        mutating func nextIfAny() -> String? {
            guard index < all.count else { return nil }
            defer { index += 1 }
            return String(all[index])
        }

        mutating func next(_ name: String, where isValid: (String) -> Bool) throws(CandidateParseError) -> String {
            guard let field = nextIfAny() else { throw .fieldMissing(name) }
            guard isValid(field) else { throw .fieldInvalid(name) }
            return field
        }

        mutating func number(_ name: String, _ range: ClosedRange<Int>) throws(CandidateParseError) -> Int {
            let field = try next(
                name, where: { (1...10).contains($0.utf8.count) && $0.utf8.allSatisfy { (0x30...0x39).contains($0) } })
            guard let number = Int(field), range.contains(number) else { throw .fieldInvalid(name) }
            return number
        }
    }
}

extension CandidateTransport: CustomStringConvertible {
    public var description: String {
        switch self {
        case .udp: "udp"
        case .tcp: "tcp"
        case .other(let name): name
        }
    }
}

extension CandidateAddress: CustomStringConvertible {
    /// Address and port apart, as the attribute has them.
    public var description: String {
        switch self {
        case .ip(let address): "\(address.address) \(address.port)"
        case .name(let name, let port): "\(name) \(port)"
        }
    }
}

/// Why a text is no candidate.
public enum CandidateParseError: Error, Hashable, Sendable {
    /// More than `Candidate.maximumLength` bytes.
    case tooLong
    /// Control characters.
    case notACandidate
    /// The text ends before this field.
    case fieldMissing(String)
    /// The field breaks the grammar.
    case fieldInvalid(String)
}
