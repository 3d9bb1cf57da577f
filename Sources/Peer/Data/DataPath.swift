import Crypto
import Primitives
import SCTP
import SDP

/// The data channels of one session: an SCTP association over the DTLS association of now (RFC 8831, RFC 8261).
///
/// ```
///   absent ── configure (a section) ──▶ waiting ── start (keys) ──▶ open ── the peer ends it ──▶ ended
///     ▲                                   ▲  ▲                      │  │                          │
///     └── configure (no section) ─────────┼──┴── stop (other keys) ─┘  └── configure (none) ─▶ absent
///                                         └────────────── stop (other keys) ──────────────────────┘
/// ```
///
/// Media goes first: while the session sends any, data is sent only as long as round trips stay within `courtesy` of the shortest.
struct DataPath: ~Copyable {
    /// How much longer than the shortest a round trip may become by data that is sent beside media.
    static let courtesy = Duration.milliseconds(3)
    /// Channels of both sides together.
    static let maximumChannels = 64

    private enum Phase {
        /// Nobody asked for channels. → waiting
        case absent
        /// Agreed on, without keys. → open, absent
        case waiting(DataParameters)
        /// → waiting (other keys), absent, ended
        case open(Boxed<DataChannels>, DataParameters)
        /// The peer has ended its association. → waiting (other keys), absent
        case ended(DataParameters)
    }

    private let local: DataCapability
    private var phase: Phase
    private var random: RandomSource
    /// The number of the association of now, or of the last.
    private var association: UInt32
    private var isMediaSent: Bool
    private var events: RingBuffer<PeerChannelEvent>
    private var pastDrops: Counter<SCTPDrop>

    /// - Parameter local: What our descriptions say.
    init(_ local: DataCapability, random: RandomSource) {
        self.local = local
        self.random = random
        phase = .absent
        association = 0
        isMediaSent = false
        events = RingBuffer(capacity: 8)
        pastDrops = Counter()
    }

    // MARK: Descriptions and keys

    /// A description was accepted: with a section for channels or without, and with media of ours or without.
    mutating func configure(_ agreed: DataParameters?, sendsMedia: Bool) {
        if isMediaSent != sendsMedia {
            isMediaSent = sendsMedia
            if case .open(let channels, _) = phase { channels.value.giveWay(target) }
        }
        guard let agreed else {
            abandon()
            phase = .absent
            return
        }
        switch phase {
        case .absent: phase = .waiting(agreed)
        case .waiting: phase = .waiting(agreed)
        // An association keeps the ports that it began with (RFC 8841 section 9.3).
        case .open, .ended: break
        }
    }

    /// The peer is the announced one: the association begins.
    mutating func start(as role: DTLSRole, now: Instant) {
        guard case .waiting(let agreed) = phase else { return }
        var configuration = AssociationConfiguration()
        configuration.localPort = local.port
        configuration.remotePort = agreed.port
        configuration.maximumPacketSize = DTLSEndpoint.maximumMessage
        configuration.maximumReceivedMessageSize = local.maximumMessageSize
        configuration.maximumSentMessageSize = min(agreed.maximumMessageSize, local.maximumMessageSize)
        let key = (0..<32).map { _ in UInt8.random(in: 0...255, using: &random) }
        var channels = DataChannels(
            configuration, role: role,
            authenticator: CookieAuthenticator(key: key) { HMAC.sha256($0, key: $1) }, random: random.split(),
            maximumChannels: DataPath.maximumChannels)
        association += 1
        channels.giveWay(target)
        channels.start(now: now)
        phase = .open(Boxed(channels), agreed)
    }

    /// The keys of now are no longer the peer's: all channels are gone, and others begin with the next keys.
    mutating func stop() {
        switch phase {
        case .absent, .waiting: break
        case .open(_, let agreed):
            abandon()
            phase = .waiting(agreed)
        case .ended(let agreed): phase = .waiting(agreed)
        }
    }

    private var target: Duration? { isMediaSent ? DataPath.courtesy : nil }

    /// Ends the association where there is one, without a word to the peer: its keys are gone, or its section is.
    private mutating func abandon() {
        guard case .open(let channels, _) = phase else { return }
        channels.value.abort()
        takeEvents(of: channels)
        pastDrops.add(channels.value.dropped)
    }

    // MARK: Packets

    /// One SCTP packet, as DTLS has decrypted it; false when there is no association to take it.
    mutating func handle(_ packet: Span<UInt8>, now: Instant) -> Bool {
        guard case .open(let channels, _) = phase else { return false }
        channels.value.handle(packet, now: now)
        settle()
        return true
    }

    /// Fills the empty buffer `packet` with the next SCTP packet for DTLS; false when there is none.
    mutating func pollTransmit(into packet: inout PacketBuffer, now: Instant) -> Bool {
        guard case .open(let channels, _) = phase else { return false }
        return channels.value.pollTransmit(into: &packet, now: now)
    }

    mutating func handleTimeout(now: Instant) {
        guard case .open(let channels, _) = phase else { return }
        channels.value.handleTimeout(now: now)
        settle()
    }

    var nextTimeout: Wake? {
        guard case .open(let channels, _) = phase else { return nil }
        return channels.value.nextTimeout
    }

    // MARK: Channels

    /// Opens a channel.
    ///
    /// - Throws: `DataChannelError`; `refused(associationEnded)` also before there is an association.
    mutating func open(
        _ parameters: DataChannelParameters, now: Instant
    ) throws(DataChannelError) -> PeerChannel {
        guard case .open(let channels, _) = phase else { throw .refused(.associationEnded) }
        return PeerChannel(association: association, id: try channels.value.open(parameters, now: now))
    }

    mutating func send(
        _ message: DataChannelMessage, on channel: PeerChannel, now: Instant
    ) throws(DataChannelError) {
        guard let channels = channels(of: channel) else { throw .channelUnknown }
        try channels.value.send(message, on: channel.id, now: now)
    }

    mutating func close(_ channel: PeerChannel) {
        channels(of: channel)?.value.close(channel.id)
    }

    /// Bytes that no packet has carried yet; 0 for a channel that is gone.
    func bufferedAmount(of channel: PeerChannel) -> Int {
        channels(of: channel)?.value.bufferedAmount(of: channel.id) ?? 0
    }

    mutating func setBufferedAmountLowThreshold(
        _ threshold: Int, of channel: PeerChannel
    ) throws(DataChannelError) {
        guard let channels = channels(of: channel) else { throw .channelUnknown }
        try channels.value.setBufferedAmountLowThreshold(threshold, of: channel.id)
    }

    private func channels(of channel: PeerChannel) -> Boxed<DataChannels>? {
        guard channel.association == association, case .open(let channels, _) = phase else { return nil }
        return channels
    }

    // MARK: Events and numbers

    mutating func pollEvent() -> PeerChannelEvent? { events.popFirst() }

    /// What SCTP dropped, by reason, in all associations.
    var drops: Counter<SCTPDrop> {
        guard case .open(let channels, _) = phase else { return pastDrops }
        var all = pastDrops
        all.add(channels.value.dropped)
        return all
    }

    private mutating func settle() {
        guard case .open(let channels, let agreed) = phase else { return }
        takeEvents(of: channels)
        guard channels.value.hasEnded else { return }
        pastDrops.add(channels.value.dropped)
        phase = .ended(agreed)
    }

    private mutating func takeEvents(of channels: Boxed<DataChannels>) {
        func named(_ id: ChannelID) -> PeerChannel { PeerChannel(association: association, id: id) }
        while let event = channels.value.pollEvent() {
            switch event {
            case .connected, .ended: break
            case .opened(let id, _, let parameters): events.append(.opened(named(id), parameters))
            case .accepted(let id): events.append(.accepted(named(id)))
            case .message(let id, let message): events.append(.message(named(id), message))
            case .bufferedAmountLow(let id): events.append(.bufferedAmountLow(named(id)))
            case .closed(let id): events.append(.closed(named(id)))
            }
        }
    }
}
