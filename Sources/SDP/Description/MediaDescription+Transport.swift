public import Primitives

/// What a peer's connectivity checks are authenticated with (RFC 8839 section 5.4).
public struct ICECredentials: Hashable, Sendable {
    /// 4 to 256 characters.
    public var usernameFragment: String
    /// 22 to 256 characters. It never goes into a log.
    public var password: Redacted<String>

    /// Nothing is checked; `isWellFormed` judges what came from a peer.
    public init(usernameFragment: String, password: String) {
        self.usernameFragment = usernameFragment
        self.password = Redacted(password)
    }

    /// Whether both are 4 and 22 to 256 characters of letters, digits, `+` and `/`. Some stacks also use `-`, `_`
    /// and `=`, which harm nothing.
    var isWellFormed: Bool {
        func isWellFormed(_ text: String, atLeast minimum: Int) -> Bool {
            (minimum...256).contains(text.utf8.count)
                && text.utf8.allSatisfy { byte in
                    switch byte {
                    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
                    case UInt8(ascii: "+"), UInt8(ascii: "/"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "="):
                        true
                    default: false
                    }
                }
        }
        return isWellFormed(usernameFragment, atLeast: 4) && isWellFormed(password.unredacted, atLeast: 22)
    }
}

extension MediaDescription {
    /// The section's name in its bundle (RFC 5888 section 4): any token.
    public var mid: String? {
        guard let value = attributes.first("mid")?.trimmingSpaces, !value.isEmpty else { return nil }
        return String(value)
    }

    /// The section's own direction, if stated.
    public var statedDirection: Direction? {
        for attribute in attributes where attribute.value == nil {
            if let direction = Direction(rawValue: attribute.name) { return direction }
        }
        return nil
    }

    /// Offered without an address of its own: acceptable only within its bundle (RFC 9143 section 6).
    public var isBundleOnly: Bool { attributes.has("bundle-only") }
    /// Whether RTP and RTCP share one port (RFC 5761 section 5.1.1). A section without it is rejected.
    public var hasRTCPMux: Bool { attributes.has("rtcp-mux") }
    /// Whether RTCP packets need not be compound (RFC 5506 section 5).
    public var hasReducedSizeRTCP: Bool { attributes.has("rtcp-rsize") }
    /// The `a=candidate` lines without `a=`: `candidate:…` as they travel in signaling.
    public var candidates: [String] { attributes.all("candidate").map { "candidate:" + $0 } }
    /// Whether no candidates of this generation follow by trickling (RFC 8840 section 8.2).
    public var hasEndOfCandidates: Bool { attributes.has("end-of-candidates") }

    /// Whether the section is for WebRTC's data channels (RFC 8841 section 4.3), in whatever transport.
    var isData: Bool { media == "application" && formats.contains { $0.lowercased() == "webrtc-datachannel" } }

    /// The SCTP association that the section offers; nil where it has none that can be served: without a port the section
    /// is invalid (RFC 8841 section 5), port 0 closes the association.
    var dataParameters: DataParameters? {
        switch transport.uppercased() {
        case "UDP/DTLS/SCTP", "TCP/DTLS/SCTP": break
        default: return nil
        }
        guard isData, let port = attributes.first("sctp-port").flatMap({ UInt16($0) }), port != 0 else { return nil }
        // RFC 8841 section 6: 64 kB where nothing is said, and 0 is no limit.
        guard let text = attributes.first("max-message-size") else {
            return DataParameters(port: port, maximumMessageSize: 65_536)
        }
        guard let size = UInt64(text) else { return nil }
        return DataParameters(port: port, maximumMessageSize: size == 0 ? .max : Int(clamping: size))
    }

    var isRTP: Bool {
        // RFC 9429 section 5.1.2: every one of these profiles must be read as the secure one with feedback.
        switch transport.uppercased() {
        case "UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP", "TCP/DTLS/RTP/SAVPF", "TCP/DTLS/RTP/SAVP", "TCP/TLS/RTP/SAVPF",
            "RTP/SAVPF", "RTP/SAVP", "RTP/AVPF", "RTP/AVP":
            true
        default: false
        }
    }

    var iceCredentials: ICECredentials? { attributes.iceCredentials }
    var fingerprints: [Fingerprint] { attributes.fingerprints }
}

extension SessionDescription {
    /// The bundle groups, each a list of mids, in their order (RFC 9143).
    public var bundleGroups: [[String]] {
        attributes.all("group").compactMap { value in
            let parts = value.split(separator: " ")
            return parts.first == "BUNDLE" ? parts.dropFirst().map(String.init) : nil
        }
    }

    /// Whether the other side only answers checks and never sends any (RFC 8839 section 5.3).
    public var isICELite: Bool { attributes.has("ice-lite") }

    /// The direction of a section, from the describing side's view; `sendrecv` where nothing is stated.
    public func direction(of section: MediaDescription) -> Direction {
        if let direction = section.statedDirection { return direction }
        for attribute in attributes where attribute.value == nil {
            if let direction = Direction(rawValue: attribute.name) { return direction }
        }
        return .sendrecv
    }

    func allowsMixedExtensions(_ section: MediaDescription) -> Bool {
        attributes.has("extmap-allow-mixed") || section.attributes.has("extmap-allow-mixed")
    }
}

extension Array where Element == Attribute {
    var iceCredentials: ICECredentials? {
        guard let fragment = first("ice-ufrag"), let password = first("ice-pwd") else { return nil }
        return ICECredentials(usernameFragment: fragment, password: password)
    }

    var fingerprints: [Fingerprint] { all("fingerprint").prefix(16).compactMap { Fingerprint(parsing: $0) } }

    var iceOptions: Set<String> {
        Set(all("ice-options").flatMap { $0.split(separator: " ").map(String.init) }.prefix(16))
    }
}
