/// The number of an attribute (IANA "STUN Attributes").
public struct AttributeType: Hashable, Sendable {
    public var rawValue: UInt16

    @inlinable public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// Whether a receiver that does not know it must refuse the message (RFC 8489 section 14: 0x0000–0x7FFF).
    @inlinable public var isComprehensionRequired: Bool { rawValue < 0x8000 }
}

extension AttributeType {
    // RFC 8489 section 18.3.
    /// The client's address in clear, for servers of RFC 3489's age (RFC 8489 section 14.1).
    public static let mappedAddress = AttributeType(rawValue: 0x0001)
    /// ICE writes "theirs:ours" (RFC 8489 section 14.3, RFC 8445 section 7.2.2); at most 508 bytes.
    public static let username = AttributeType(rawValue: 0x0006)
    /// HMAC-SHA1 over the message up to it, 20 bytes (RFC 8489 section 14.5).
    public static let messageIntegrity = AttributeType(rawValue: 0x0008)
    /// Class, number and reason of an error response (RFC 8489 section 14.8).
    public static let errorCode = AttributeType(rawValue: 0x0009)
    /// What a 420 response did not understand, two bytes each (RFC 8489 section 14.13).
    public static let unknownAttributes = AttributeType(rawValue: 0x000A)
    /// What the long-term key is made with (RFC 8489 section 14.9).
    public static let realm = AttributeType(rawValue: 0x0014)
    /// A server's challenge, good until it answers 438 (RFC 8489 section 14.10).
    public static let nonce = AttributeType(rawValue: 0x0015)
    /// HMAC-SHA256 over the message up to it, 16 to 32 bytes (RFC 8489 section 14.6).
    public static let messageIntegritySHA256 = AttributeType(rawValue: 0x001C)
    /// The hash that the client chose for its long-term key (RFC 8489 section 14.12).
    public static let passwordAlgorithm = AttributeType(rawValue: 0x001D)
    /// SHA-256 of user name and realm instead of USERNAME, 32 bytes (RFC 8489 section 14.4).
    public static let userhash = AttributeType(rawValue: 0x001E)
    /// The client's address, XORed so that no NAT rewrites it (RFC 8489 section 14.2).
    public static let xorMappedAddress = AttributeType(rawValue: 0x0020)
    /// The hashes that a server offers for the long-term key (RFC 8489 section 14.11).
    public static let passwordAlgorithms = AttributeType(rawValue: 0x8002)
    /// The name that the certificate of ALTERNATE-SERVER must carry (RFC 8489 section 14.16).
    public static let alternateDomain = AttributeType(rawValue: 0x8003)
    /// For people, in UTF-8 (RFC 8489 section 14.14).
    public static let software = AttributeType(rawValue: 0x8022)
    /// Where a 300 response sends the client (RFC 8489 section 14.15).
    public static let alternateServer = AttributeType(rawValue: 0x8023)
    /// CRC-32 XOR 0x5354554E, last in the message (RFC 8489 section 14.7).
    public static let fingerprint = AttributeType(rawValue: 0x8028)

    // RFC 8656 section 18.
    /// 0x4000 to 0x4FFF and two zero bytes (RFC 8656 section 18.1).
    public static let channelNumber = AttributeType(rawValue: 0x000C)
    /// Seconds until an allocation ends, 32 bits; 0 ends it (RFC 8656 section 18.2).
    public static let lifetime = AttributeType(rawValue: 0x000D)
    /// The peer behind the relay (RFC 8656 section 18.3).
    public static let xorPeerAddress = AttributeType(rawValue: 0x0012)
    /// The application's bytes in Send and Data indications (RFC 8656 section 18.4).
    public static let data = AttributeType(rawValue: 0x0013)
    /// The address that the relay lends to the client (RFC 8656 section 18.5).
    public static let xorRelayedAddress = AttributeType(rawValue: 0x0016)
    /// IPv4 or IPv6 for the relayed address (RFC 8656 section 18.6).
    public static let requestedAddressFamily = AttributeType(rawValue: 0x0017)
    /// Asks for an even port and, with bit 7, for the next one to be kept (RFC 8656 section 18.7).
    public static let evenPort = AttributeType(rawValue: 0x0018)
    /// The protocol towards the peers: 17, UDP, in the upper byte (RFC 8656 section 18.8).
    public static let requestedTransport = AttributeType(rawValue: 0x0019)
    /// Asks the relay to set DF; it has no value (RFC 8656 section 18.9).
    public static let dontFragment = AttributeType(rawValue: 0x001A)
    /// Eight bytes that name a port kept by EVEN-PORT (RFC 8656 section 18.10).
    public static let reservationToken = AttributeType(rawValue: 0x0022)
    /// Asks for an IPv6 address beside the IPv4 one (RFC 8656 section 18.11).
    public static let additionalAddressFamily = AttributeType(rawValue: 0x8000)
    /// Why one of two asked families was not allocated (RFC 8656 section 18.12).
    public static let addressErrorCode = AttributeType(rawValue: 0x8001)
    /// An ICMP error that the relay received from the path to the peer (RFC 8656 section 18.13).
    public static let icmp = AttributeType(rawValue: 0x8004)

    // RFC 8445 section 16.1.
    /// The priority that a peer-reflexive candidate would have, 32 bits (RFC 8445 section 7.1.1).
    public static let priority = AttributeType(rawValue: 0x0024)
    /// Nominates the pair that is checked; it has no value (RFC 8445 section 7.1.2).
    public static let useCandidate = AttributeType(rawValue: 0x0025)
    /// The sender is controlled; 64 bits break a tie (RFC 8445 section 7.1.3).
    public static let iceControlled = AttributeType(rawValue: 0x8029)
    /// The sender is controlling; 64 bits break a tie (RFC 8445 section 7.1.3).
    public static let iceControlling = AttributeType(rawValue: 0x802A)

    // RFC 5780 section 9.
    /// Asks for an answer from another address (bit 2) or port (bit 1) (RFC 5780 section 7.2).
    public static let changeRequest = AttributeType(rawValue: 0x0003)
    /// Where the answer was sent from (RFC 5780 section 7.3).
    public static let responseOrigin = AttributeType(rawValue: 0x802B)
    /// The server's other address and port (RFC 5780 section 7.4).
    public static let otherAddress = AttributeType(rawValue: 0x802C)

    /// Whether this codec knows what the attribute means; one that it does not know and that is
    /// comprehension-required makes a request end in error 420 (RFC 8489 section 6.3.1).
    public var isKnown: Bool {
        switch self {
        case .mappedAddress, .username, .messageIntegrity, .errorCode, .unknownAttributes, .realm, .nonce,
            .messageIntegritySHA256, .passwordAlgorithm, .userhash, .xorMappedAddress, .passwordAlgorithms,
            .alternateDomain, .software, .alternateServer, .fingerprint, .channelNumber, .lifetime, .xorPeerAddress,
            .data, .xorRelayedAddress, .requestedAddressFamily, .evenPort, .requestedTransport, .dontFragment,
            .reservationToken, .additionalAddressFamily, .addressErrorCode, .icmp, .priority, .useCandidate,
            .iceControlled, .iceControlling:
            true
        default: false
        }
    }
}
