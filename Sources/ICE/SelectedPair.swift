public import Primitives

/// The pair that carries data, for statistics: what W3C webrtc-stats has in `RTCIceCandidatePairStats` and
/// `RTCIceCandidateStats`.
public struct SelectedPair: Hashable, Sendable {
    /// One end of it: a candidate.
    public struct End: Hashable, Sendable {
        /// The candidate's own: what a reflexive one is seen as, what a relay has given.
        public var address: SocketAddress
        public var type: CandidateType
        public var priority: UInt32
        /// The base of a reflexive candidate; for a relayed one, what the relay sees us as.
        public var relatedAddress: SocketAddress?
        /// The STUN or TURN server that the candidate comes from, where it is known.
        public var server: SocketAddress?
        /// How the TURN server of a relayed candidate is reached.
        public var relayProtocol: TransportProtocol?

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
    public var local: End
    public var remote: End
    public var isNominated: Bool
    public var statistics: CandidatePairStatistics
}

/// Datagrams of the application, without the framing of a relay.
public struct PathTraffic: Hashable, Sendable {
    public private(set) var packetsSent: UInt64 = 0
    public private(set) var bytesSent: UInt64 = 0
    public private(set) var packetsReceived: UInt64 = 0
    public private(set) var bytesReceived: UInt64 = 0
    public private(set) var lastSentAt: Instant?
    public private(set) var lastReceivedAt: Instant?

    public init() {}

    public mutating func noteSent(_ bytes: Int, now: Instant) {
        packetsSent &+= 1
        bytesSent &+= UInt64(bytes)
        lastSentAt = now
    }

    public mutating func noteReceived(_ bytes: Int, now: Instant) {
        packetsReceived &+= 1
        bytesReceived &+= UInt64(bytes)
        lastReceivedAt = now
    }
}

extension ICEAgent {
    /// The pair that carries data, with its counts; nil without one.
    public var selectedPair: SelectedPair? {
        guard let pair = carrier?.selectedPair else { return nil }
        var statistics = pair.statistics
        statistics.traffic = traffic
        let remote = SelectedPair.End(
            address: pair.remote.address, type: pair.remote.type, priority: pair.remote.priority)
        return SelectedPair(
            id: pair.id, local: localEnd(of: pair), remote: remote, isNominated: pair.isNominated,
            statistics: statistics)
    }

    private func localEnd(of pair: CandidatePair) -> SelectedPair.End {
        let base = pair.local.base
        var end = SelectedPair.End(address: base, type: localType(of: pair), priority: pair.local.priority)
        switch end.type {
        case .host: break
        case .serverReflexive, .peerReflexive:
            end.address = pair.mappedAddress ?? base
            end.relatedAddress = base
            end.priority = Candidate.priority(type: end.type, localPreference: pair.local.localPreference)
            if end.type == .serverReflexive {
                end.server = reflexive.first { $0.base == base && $0.mapped == end.address }?.server
            }
        case .relayed:
            guard let client = relays.first(where: { $0.client.relayed.contains(base) })?.client else { break }
            end.relatedAddress = client.mapped ?? client.base
            end.server = client.server
            end.relayProtocol = client.transport
        }
        return end
    }

    /// The type of the candidate that the peer sees. The mapped address tells a reflexive one from the base it hides
    /// behind.
    func localType(of pair: CandidatePair) -> CandidateType {
        guard pair.local.type == .host, let mapped = pair.mappedAddress, mapped != pair.local.base else {
            return pair.local.type
        }
        let isKnown = localCandidates.contains { $0.type == .serverReflexive && $0.address == .ip(mapped) }
        return isKnown ? .serverReflexive : .peerReflexive
    }

    /// The datagrams that are counted from now on are this pair's. What was counted before rests with its own, which may
    /// be selected again.
    mutating func count(for pair: CandidatePair?) {
        guard pair?.id != trafficPair else { return }
        if let last = trafficPair {
            let counted = traffic
            current.checkList.update(last) { $0.statistics.traffic = counted }
            previous?.checkList.update(last) { $0.statistics.traffic = counted }
        }
        traffic = pair?.statistics.traffic ?? PathTraffic()
        trafficPair = pair?.id
        selectedPairChanges += 1
    }

    /// The application has taken in a datagram that came this way. The peer may send over another pair than we do: when that
    /// is its choice, we follow.
    public mutating func countReceived(_ bytes: Int, from remote: SocketAddress, local: SocketAddress, now: Instant) {
        guard isSelected(remote, local) else { return followData(from: remote, local: local, now: now) }
        traffic.noteReceived(bytes, now: now)
    }
}
