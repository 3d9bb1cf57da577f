import Primitives

/// What one association may use and how it waits. Both sides may differ in everything but the ports.
public struct AssociationConfiguration: Sendable {
    /// Our port, of `a=sctp-port` in our description (RFC 8841 section 5).
    public var localPort: UInt16
    /// The peer's port, of its description.
    public var remotePort: UInt16
    /// Bytes of the largest SCTP packet: the path's MTU less IP, UDP and what DTLS adds. A multiple of four, 512 or more.
    public var maximumPacketSize: Int
    /// Bytes of the largest message that we take, as announced by `a=max-message-size` (RFC 8841 section 6).
    public var maximumReceivedMessageSize: Int
    /// Bytes of the largest message that the peer takes, by its description.
    public var maximumSentMessageSize: Int
    /// Bytes that are held of what came in, incomplete and not yet taken; what the peer is told as window.
    public var receiveBuffer: Int
    /// Bytes of messages that one stream may hold to be sent, those on their way included.
    public var sendBufferPerStream: Int
    /// The same of all streams together.
    public var sendBuffer: Int
    /// Streams that are asked for and accepted in each direction: "SHOULD be 65535" (RFC 8831 section 6.2).
    public var streams: UInt16
    /// RTO.Initial of RFC 9260 section 16.
    public var initialRTO: Duration
    /// RTO.Min, below the RFC's second: media paths have shorter round trips, and an acknowledgement waits for at most 200 ms.
    public var minimumRTO: Duration
    /// RTO.Max, below the RFC's minute: who is back after an outage is not kept waiting.
    public var maximumRTO: Duration
    /// How long an acknowledgement may wait for a second packet, at most 500 ms (RFC 9260 section 6.2).
    public var acknowledgementDelay: Duration
    /// HB.interval; the path is asked for after so long without anything to acknowledge.
    public var heartbeatInterval: Duration
    /// Association.Max.Retrans and Max.Init.Retransmits.
    public var maximumRetransmissions: Int
    /// Valid.Cookie.Life.
    public var cookieLife: Duration
    /// Whether packets with a zero checksum are offered and, where the peer offers them, sent (RFC 9653). Only over DTLS.
    public var usesZeroChecksum: Bool

    /// For data channels: port 5000, 256 KiB a message, packets that with DTLS, UDP and IPv6 fit 1,280 bytes.
    public init() {
        localPort = 5000
        remotePort = 5000
        maximumPacketSize = 1188
        maximumReceivedMessageSize = 262_144
        maximumSentMessageSize = 262_144
        receiveBuffer = 1 << 20
        sendBufferPerStream = 1 << 20
        sendBuffer = 2 << 20
        streams = 65_535
        initialRTO = .milliseconds(1000)
        minimumRTO = .milliseconds(400)
        maximumRTO = .seconds(10)
        acknowledgementDelay = .milliseconds(200)
        heartbeatInterval = .seconds(30)
        maximumRetransmissions = 10
        cookieLife = .seconds(60)
        usesZeroChecksum = true
    }

    /// Bytes of user data in one DATA chunk that fills a packet.
    var maximumFragment: Int { (maximumPacketSize - PacketHeader.size - DataFlags.headerSize) & ~3 }
}

/// Signs and recognizes state cookies: the hash function comes from the target with the library, the key is random and this
/// machine's alone (RFC 9260 section 5.1.3).
public struct CookieAuthenticator: Sendable {
    let hmacSHA256: @Sendable (_ message: Span<UInt8>, _ key: Span<UInt8>) -> [32 of UInt8]
    let key: [UInt8]

    /// - Parameters:
    ///   - key: 16 bytes or more from the kernel's generator. Associations of one process may share it.
    ///   - hmacSHA256: HMAC-SHA256 (RFC 2104); pure.
    public init(
        key: [UInt8], hmacSHA256: @escaping @Sendable (_ message: Span<UInt8>, _ key: Span<UInt8>) -> [32 of UInt8]
    ) {
        precondition(key.count >= 16, "cookie authenticator: a key below 16 bytes")
        self.key = key
        self.hmacSHA256 = hmacSHA256
    }

    func sign(_ message: Span<UInt8>) -> [32 of UInt8] { hmacSHA256(message, key.span) }

    /// Compares all of the signature, so that the time tells nothing.
    func accepts(_ signature: Span<UInt8>, of message: Span<UInt8>) -> Bool {
        guard signature.count == 32 else { return false }
        let own = sign(message)
        var difference: UInt8 = 0
        for index in 0..<32 { difference |= own[index] ^ signature[index] }
        return difference == 0
    }
}

extension CookieAuthenticator: CustomStringConvertible, CustomReflectable {
    public var description: String { "(redacted)" }
    public var customMirror: Mirror { Mirror(self, children: []) }
}
