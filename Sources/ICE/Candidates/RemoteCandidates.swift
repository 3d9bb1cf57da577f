import Primitives

/// The remote half of a pair.
struct RemoteEndpoint: Hashable, Sendable {
    let address: SocketAddress
    let type: CandidateType
    let priority: UInt32
    let foundation: String
    /// When signaling or a check first showed it.
    var knownSince: Instant
}

/// The peer's addresses of one generation: what signaling says and what its checks show, judged and limited.
struct RemoteCandidates: Sendable {
    enum Outcome: Equatable, Sendable {
        /// To be paired with every base.
        case new(RemoteEndpoint)
        /// A check had shown the address already; now signaling says what it really is.
        case revealed(RemoteEndpoint)
        /// To be resolved; `addResolved` follows, or nothing does.
        case named(String)
        case dropped(ICEDrop)
    }

    private(set) var endpoints: [RemoteEndpoint]
    /// Names that were given out to be resolved, so that none is asked for twice.
    private var namesAsked: [Candidate]
    /// The most that are kept, of either.
    private let limit: Int

    init(limit: Int) {
        endpoints = []
        namesAsked = []
        self.limit = limit
    }

    /// A candidate from signaling. `fragment` is the peer's of this generation, where it is known.
    mutating func add(_ candidate: Candidate, fragment: String?, now: Instant) -> Outcome {
        guard candidate.transport == .udp, candidate.component == 1 else { return .dropped(.candidateUnsupported) }
        if let said = candidate.usernameFragment, let fragment, said != fragment {
            return .dropped(.candidateForOtherGeneration)
        }
        switch candidate.address {
        case .ip(let address): return add(candidate, at: address, now: now)
        case .name(let name, _):
            // Only names that hide a browser's address; an offer must not make us ask the world's name servers.
            guard name.utf8.count <= 255, name.lowercased().hasSuffix(".local") else {
                return .dropped(.candidateUnsupported)
            }
            guard !namesAsked.contains(candidate) else { return .dropped(.candidateDuplicate) }
            guard namesAsked.count < limit else { return .dropped(.candidateOverLimit) }
            namesAsked.append(candidate)
            return .named(name)
        }
    }

    /// The address behind a name that was given out; nil for any other.
    mutating func addResolved(_ candidate: Candidate, address: IPAddress, now: Instant) -> Outcome? {
        guard namesAsked.contains(candidate) else { return nil }
        return add(candidate, at: SocketAddress(address: address, port: candidate.address.port), now: now)
    }

    private mutating func add(_ candidate: Candidate, at address: SocketAddress, now: Instant) -> Outcome {
        guard address.port != 0, !address.address.isUnspecified, !address.address.isMulticast else {
            return .dropped(.candidateUnusable)
        }
        var endpoint = RemoteEndpoint(
            address: address, type: candidate.type, priority: candidate.priority, foundation: candidate.foundation,
            knownSince: now)
        if let index = endpoints.firstIndex(where: { $0.address == address }) {
            guard endpoints[index].type == .peerReflexive, candidate.type != .peerReflexive else {
                return .dropped(.candidateDuplicate)
            }
            // Its check was faster than its signaling (RFC 8838 section 11.4).
            endpoint.knownSince = endpoints[index].knownSince
            endpoints[index] = endpoint
            return .revealed(endpoint)
        }
        guard endpoints.count < limit else { return .dropped(.candidateOverLimit) }
        endpoints.append(endpoint)
        return .new(endpoint)
    }

    /// An address that the peer's own check has shown (RFC 8445 section 7.3.1.3); nil when there are too many.
    mutating func learn(_ address: SocketAddress, priority: UInt32, now: Instant) -> RemoteEndpoint? {
        if let known = endpoints.first(where: { $0.address == address }) { return known }
        guard endpoints.count < limit else { return nil }
        // "an arbitrary value, different from the foundations of all other remote candidates"
        let endpoint = RemoteEndpoint(
            address: address, type: .peerReflexive, priority: priority, foundation: "prflx/\(endpoints.count)",
            knownSince: now)
        endpoints.append(endpoint)
        return endpoint
    }
}
