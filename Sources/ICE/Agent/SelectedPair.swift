public import Primitives

/// The pair that carries data, for statistics: what W3C webrtc-stats has in `RTCIceCandidatePairStats` and
/// `RTCIceCandidateStats`.
public struct SelectedPair: Hashable, Sendable {
    /// One end of it: a candidate.
    public struct End: Hashable, Sendable {
        /// The candidate's own: what a reflexive one is seen as, what a relay has given.
        public var address: SocketAddress
        /// How the address was learned.
        public var type: CandidateType
        /// The candidate's priority (RFC 8445 section 5.1.2).
        public var priority: UInt32
        /// The base of a reflexive candidate; for a relayed one, what the relay sees us as.
        public var relatedAddress: SocketAddress?
        /// The STUN or TURN server that the candidate comes from, where it is known.
        public var server: SocketAddress?
        /// How the TURN server of a relayed candidate is reached.
        public var relayProtocol: TransportProtocol?

        /// Takes the values as they are.
        public init(
            address: SocketAddress, type: CandidateType, priority: UInt32, relatedAddress: SocketAddress? = nil,
            server: SocketAddress? = nil, relayProtocol: TransportProtocol? = nil
        ) {
            self.address = address
            self.type = type
            self.priority = priority
            self.relatedAddress = relatedAddress
            self.server = server
            self.relayProtocol = relayProtocol
        }
    }

    /// No other pair of the agent has it, before a restart or after.
    public var id: Int
    /// Our candidate.
    public var local: End
    /// The peer's candidate.
    public var remote: End
    /// Whether the controlling agent has chosen the pair; data may flow before (RFC 8445 section 12.1).
    public var isNominated: Bool
    /// Checks and traffic of the pair so far.
    public var statistics: CandidatePairStatistics
}

extension SelectedPair {
    /// - Parameters:
    ///   - server: The STUN server that has shown the local candidate, where it is reflexive and one has.
    ///   - relay: How the local candidate's TURN server is reached, where it is relayed.
    init(
        of pair: CandidatePair, localType: CandidateType, server: SocketAddress?, relay: Transmit?, isNominated: Bool,
        traffic: PathTraffic
    ) {
        id = pair.id
        local = End(address: pair.local.base, type: localType, priority: pair.local.priority)
        switch localType {
        case .host: break
        case .serverReflexive, .peerReflexive:
            local.address = pair.mappedAddress ?? pair.local.base
            local.relatedAddress = pair.local.base
            local.priority = Candidate.priority(type: localType, localPreference: pair.local.localPreference)
            if localType == .serverReflexive { local.server = server }
        case .relayed:
            local.relatedAddress = pair.local.relatedAddress
            local.server = relay?.destination
            local.relayProtocol = relay?.transport
        }
        remote = End(address: pair.remote.address, type: pair.remote.type, priority: pair.remote.priority)
        self.isNominated = isNominated
        statistics = pair.statistics
        statistics.traffic = traffic
    }
}

/// Datagrams of the application, without the framing of a relay.
public struct PathTraffic: Hashable, Sendable {
    /// Datagrams handed over for sending.
    public private(set) var packetsSent: UInt64 = 0
    /// Their payload in bytes, without the headers of TURN, UDP and IP.
    public private(set) var bytesSent: UInt64 = 0
    /// Datagrams that arrived.
    public private(set) var packetsReceived: UInt64 = 0
    /// Their payload in bytes, without the headers of TURN, UDP and IP.
    public private(set) var bytesReceived: UInt64 = 0
    /// When the latest datagram was handed over; nil before the first.
    public private(set) var lastSentAt: Instant?
    /// When the latest datagram arrived; nil before the first.
    public private(set) var lastReceivedAt: Instant?

    /// Nothing carried yet.
    public init() {}

    /// One datagram with a payload of `bytes` bytes was sent.
    public mutating func noteSent(_ bytes: Int, now: Instant) {
        packetsSent &+= 1
        bytesSent &+= UInt64(bytes)
        lastSentAt = now
    }

    /// One datagram with a payload of `bytes` bytes has arrived.
    public mutating func noteReceived(_ bytes: Int, now: Instant) {
        packetsReceived &+= 1
        bytesReceived &+= UInt64(bytes)
        lastReceivedAt = now
    }
}
