public import Crypto
public import ICE
public import Primitives
public import SDP
import STUN

// One peer connection as one machine without a socket: ICE finds the path, DTLS makes the keys, SRTP carries the media.
//
//                 accept(offer)            pair selected           handshake done,
//                 offer / accept(answer)   ─▶ DTLS starts          fingerprint right
//   described? ─────────────▶ connecting ────────────────▶ … ────────────────────▶ connected
//        │                        │                                                   │
//        └── close ───────────────┴── ICE failed, DTLS failed, consent expired, close ┴──▶ closed
//
//   bytes in   handle ─▶ Demultiplexer ─▶ ICEAgent │ DTLSEndpoint │ MediaPath
//   bytes out  pollTransmit ◀─ ICEAgent, DTLSEndpoint, MediaPath, in this order: a path before keys before media
//
// The driver calls `handle`, `send` or `handleTimeout`, then drains `pollTransmit` and `pollEvent`, then sleeps until
// `nextTimeout`. A kiosk answers; whoever tests a kiosk offers. Both are this type.

/// Which side of offer and answer a session is.
public enum PeerRole: Sendable {
    /// Answers offers; ICE is controlled (towards a full agent).
    case answerer
    /// Makes the offer; ICE is controlling.
    case offerer
}

/// A WebRTC peer for one session, without a socket and without a clock.
public struct PeerSession: ~Copyable {
    public struct Configuration: Sendable {
        public var role: PeerRole
        /// What can be sent (answerer) or is to be received (offerer).
        public var capabilities: LocalCapabilities
        public var ice: ICEConfiguration

        public init(role: PeerRole, capabilities: LocalCapabilities, ice: ICEConfiguration) {
            self.role = role
            self.capabilities = capabilities
            self.ice = ice
        }
    }

    public enum Phase: Sendable {
        /// → connecting, closed
        case new
        /// → connected, closed
        case connecting
        /// → closed
        case connected
        /// Final.
        case closed
    }

    enum Negotiation {
        case answering(Negotiator)
        case offering(Offerer, NegotiatedSession?)
    }

    public internal(set) var phase: Phase
    public let role: PeerRole
    var ice: ICEAgent
    var dtls: DTLSEndpoint?
    var media: MediaPath
    var negotiation: Negotiation
    let certificate: Certificate
    var remoteFingerprints: [Fingerprint]
    /// The section that carries the transport, for the candidates of ours.
    var taggedSection: (mid: String, index: Int)
    /// Candidates found before there was a description to go with them.
    var gathered: [String]
    var isGatheringComplete: Bool
    var isDisconnected: Bool
    var events: RingBuffer<PeerEvent>
    var random: RandomSource
    var timeline: PeerTimeline
    public internal(set) var drops: Counter<PeerDrop>

    /// A session that knows nothing of its peer yet. `clock` maps `now` to the time of day for sender reports.
    public init(
        _ configuration: Configuration, certificate: consuming Certificate, clock: NTPClock, random: RandomSource,
        now: Instant
    ) {
        var random = random
        role = configuration.role
        phase = .new
        ice = ICEAgent(configuration.ice, random: random.split(), now: now)
        dtls = nil
        media = MediaPath(clock: clock)
        switch configuration.role {
        case .answerer:
            negotiation = .answering(Negotiator(capabilities: configuration.capabilities, random: random.split()))
        case .offerer:
            negotiation = .offering(Offerer(capabilities: configuration.capabilities, random: random.split()), nil)
        }
        self.certificate = certificate
        remoteFingerprints = []
        taggedSection = ("0", 0)
        gathered = []
        isGatheringComplete = false
        isDisconnected = false
        events = RingBuffer(capacity: 32)
        drops = Counter()
        timeline = PeerTimeline(createdAt: now)
        self.random = random
    }
}
