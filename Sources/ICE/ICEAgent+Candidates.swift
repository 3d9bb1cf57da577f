public import Primitives

/// Local and remote candidates, and the pairs they make.
extension ICEAgent {
    /// A base leaves room below its preference for several candidates of a type, of different servers and families: each has
    /// a priority of its own (RFC 8445 section 5.1.2).
    static let preferencesPerBase: UInt16 = 32

    // MARK: Local

    /// A bound UDP socket's address is a host candidate. The order of adding is the local preference, so whoever
    /// gathers interleaves the families (RFC 8421 section 4).
    public mutating func addLocalAddress(_ base: SocketAddress, now: Instant) {
        precondition(!base.address.isUnspecified, "ice agent: a base must be a concrete address")
        guard state != .closed, !bases.contains(where: { $0.base == base }) else { return }
        let endpoint = LocalEndpoint(
            base: base, type: .host, localPreference: freeLocalPreference,
            foundation: Foundation.of(type: .host, base: base.address, server: nil))
        bases.append(endpoint)
        announce(endpoint)
        for server in stunServers { ask(server, from: base, now: now) }
        for server in turnServers { allocate(at: server, from: endpoint, now: now) }
        for remote in current.remotes { pairUp(endpoint, remote, now: now) }
        updateState(now: now)
    }

    /// The highest that no socket has. What one that is gone had is free again: addresses may come and go for days.
    private var freeLocalPreference: UInt16 {
        // Below are the relays behind streams.
        let lowest: UInt16 = 2048
        var preference = UInt16.max
        while preference > lowest + ICEAgent.preferencesPerBase,
            bases.contains(where: { $0.type == .host && $0.localPreference == preference })
        {
            preference -= ICEAgent.preferencesPerBase
        }
        return preference
    }

    /// The interface is gone: its pairs end. A selected one is replaced by the best that still works, or by nothing.
    public mutating func removeLocalAddress(_ base: SocketAddress, now: Instant) {
        for relay in relays where relay.client.base == base && relay.client.transport == .udp {
            lostRelayDrops.add(relay.client.drops)
            relays.removeAll { $0.client.isSame(as: relay.client) }
            for address in relay.client.relayed { removeLocalAddress(address, now: now) }
        }
        bases.removeAll { $0.base == base }
        localCandidates.removeAll { $0.address == .ip(base) || $0.relatedAddress == .ip(base) }
        transactions.removeAll { $0.base == base }
        gathering.removeAll { $0.base == base }
        reflexive.removeAll { $0.base == base }
        reallocations.removeAll { $0.base == base }
        var lostConsent: Instant?
        func leave(_ generation: inout ICEGeneration) {
            generation.checkList.removeAll { $0.local.base == base }
            if let selected = generation.selected, generation.checkList.index(of: selected) == nil {
                lostConsent = generation.consent?.expiresAt ?? lostConsent
                generation.selected = nil
                generation.consent = nil
            }
        }
        if previous != nil { leave(&previous!) }
        leave(&current)
        selectBestValid(now: now)
        if carrier == nil {
            consentEndsAt = lostConsent ?? consentEndsAt
            current.checkList.recheck(except: nil)
        }
        updateState(now: now)
        completeGatheringIfDone()
    }

    /// All local addresses have been added.
    public mutating func finishLocalAddresses(now: Instant) {
        localAddressesFinished = true
        completeGatheringIfDone()
    }

    func isKnownBase(_ address: SocketAddress) -> Bool { bases.contains { $0.base == address } }

    mutating func announce(_ endpoint: LocalEndpoint) {
        let candidate = Candidate(
            foundation: endpoint.foundation, priority: endpoint.priority, address: .ip(endpoint.base),
            type: endpoint.type, relatedAddress: relatedAddress(of: endpoint),
            usernameFragment: current.local.usernameFragment)
        localCandidates.append(candidate)
        events.append(.localCandidate(candidate))
    }

    /// For a relayed candidate the mapped address (RFC 8839 section 5.1).
    private func relatedAddress(of endpoint: LocalEndpoint) -> CandidateAddress? {
        guard let client = relays.first(where: { $0.client.relayed.contains(endpoint.base) })?.client else {
            return nil
        }
        return .ip(client.mapped ?? client.base)
    }

    mutating func completeGatheringIfDone() {
        guard localAddressesFinished, !isGatheringComplete, gathering.isEmpty, !isAllocating else { return }
        isGatheringComplete = true
        events.append(.gatheringComplete)
    }

    // MARK: Remote

    /// What the remote description says. Others than those known before replace the peer's side of this generation
    /// (an answer to our own restart, or an offer that restarts; for the latter call `restart` first).
    public mutating func setRemoteCredentials(_ credentials: ICECredentials, isLite: Bool = false, now: Instant) {
        guard state != .closed else { return }
        if isLite, role == .controlled { switchRole(to: .controlling) }
        guard current.remote != credentials else { return }
        current.setRemote(credentials)
        current.patienceEndsAt = now + configuration.patience
        updateState(now: now)
    }

    /// A candidate from the peer, whenever it comes. One that cannot be used is counted and forgotten.
    public mutating func addRemoteCandidate(_ candidate: Candidate, now: Instant) {
        guard state != .closed else { return }
        guard candidate.transport == .udp, candidate.component == 1 else { return drops.add(.candidateUnsupported) }
        if let fragment = candidate.usernameFragment, let remote = current.remote,
            fragment != remote.usernameFragment
        {
            return drops.add(.candidateForOtherGeneration)
        }
        switch candidate.address {
        case .ip(let address): addRemote(candidate, at: address, now: now)
        case .name(let name, _):
            // Only names that hide a browser's address; an offer must not make us ask the world's name servers.
            guard name.utf8.count <= 255, name.lowercased().hasSuffix(".local") else {
                return drops.add(.candidateUnsupported)
            }
            guard !current.namesAsked.contains(candidate) else { return drops.add(.candidateDuplicate) }
            guard current.namesAsked.count < configuration.maximumRemoteCandidates else {
                return drops.add(.candidateOverLimit)
            }
            current.namesAsked.append(candidate)
            events.append(.resolveName(name, candidate))
        }
    }

    /// The address behind a name that `.resolveName` gave out.
    public mutating func addResolvedCandidate(_ candidate: Candidate, address: IPAddress, now: Instant) {
        guard state != .closed, current.namesAsked.contains(candidate) else { return }
        addRemote(candidate, at: SocketAddress(address: address, port: candidate.address.port), now: now)
    }

    private mutating func addRemote(_ candidate: Candidate, at address: SocketAddress, now: Instant) {
        guard address.port != 0, !address.address.isUnspecified, !address.address.isMulticast else {
            return drops.add(.candidateUnusable)
        }
        var endpoint = RemoteEndpoint(
            address: address, type: candidate.type, priority: candidate.priority, foundation: candidate.foundation,
            knownSince: now)
        if let index = current.remotes.firstIndex(where: { $0.address == address }) {
            guard current.remotes[index].type == .peerReflexive, candidate.type != .peerReflexive else {
                return drops.add(.candidateDuplicate)
            }
            // Its check was faster than its signaling: now we know what it really is (RFC 8838 section 11.4).
            endpoint.knownSince = current.remotes[index].knownSince
            current.remotes[index] = endpoint
            for pair in current.checkList.pairs where pair.remote.address == address {
                current.checkList.update(pair.id) { $0.remote = endpoint }
            }
            current.checkList.sort(role: role)
            return updateState(now: now)
        }
        guard current.remotes.count < configuration.maximumRemoteCandidates else {
            return drops.add(.candidateOverLimit)
        }
        current.remotes.append(endpoint)
        for base in bases { pairUp(base, endpoint, now: now) }
        updateState(now: now)
    }

    /// An address that the peer's own check has shown (RFC 8445 section 7.3.1.3).
    mutating func learnPeerReflexive(
        _ address: SocketAddress, priority: UInt32, now: Instant
    ) -> RemoteEndpoint? {
        if let known = current.remotes.first(where: { $0.address == address }) { return known }
        guard current.remotes.count < configuration.maximumRemoteCandidates else {
            drops.add(.candidateOverLimit)
            return nil
        }
        // "an arbitrary value, different from the foundations of all other remote candidates"
        let endpoint = RemoteEndpoint(
            address: address, type: .peerReflexive, priority: priority, foundation: "prflx/\(current.remotes.count)",
            knownSince: now)
        current.remotes.append(endpoint)
        return endpoint
    }

    // MARK: Pairs

    @discardableResult
    mutating func pairUp(_ local: LocalEndpoint, _ remote: RemoteEndpoint, now: Instant) -> Int? {
        guard ICEAgent.mayReach(local.base.address, remote.address.address) else { return nil }
        if let index = current.checkList.index(base: local.base, remote: remote.address) {
            return current.checkList.pairs[index].id
        }
        guard !isFull(local, for: remote.address) else {
            drops.add(.pairOverLimit)
            return nil
        }
        var pair = CandidatePair(id: nextPairID, local: local, remote: remote, role: role)
        awaitPermission(&pair, now: now)
        guard current.checkList.insert(pair, limit: configuration.maximumPairs) else {
            drops.add(.pairOverLimit)
            return nil
        }
        nextPairID += 1
        return pair.id
    }

    /// Same family; link-local addresses only reach each other (RFC 8445 section 6.1.2.2), and so do loopback ones.
    static func mayReach(_ a: IPAddress, _ b: IPAddress) -> Bool {
        a.isIPv4 == b.isIPv4 && a.isLinkLocal == b.isLinkLocal && a.isLoopback == b.isLoopback
    }
}

/// Makes foundations (RFC 8445 section 5.1.1.3): equal for equal type, base address and server.
enum Foundation {
    static func of(type: CandidateType, base: IPAddress, server: IPAddress?) -> String {
        // FNV-1a: only equality matters, and the text must not show the addresses themselves.
        var hash: UInt32 = 2_166_136_261
        for byte in "\(type.rawValue) \(base) \(server.map { "\($0)" } ?? "-")".utf8 {
            hash = (hash ^ UInt32(byte)) &* 16_777_619
        }
        return String(hash)
    }
}
