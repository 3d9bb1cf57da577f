public import Primitives

/// ICE restart (RFC 8445 section 9).
extension ICEAgent {
    /// Begins a new generation: new local credentials, local candidates announced again, no remote ones. The path in
    /// use goes on until the new generation has a nominated pair. An answerer calls this, then
    /// `setRemoteCredentials` with what the restarting offer says.
    public mutating func restart(now: Instant) {
        guard state != .closed else { return }
        if current.selected != nil || previous?.selected == nil { previous = current }
        let kept = previous?.number
        transactions.removeAll { $0.generation != kept || $0.kind != .consent }
        current = ICEGeneration(
            number: current.number + 1, local: .random(using: &random))
        localCandidates.removeAll()
        isGatheringComplete = false
        for endpoint in bases { announce(endpoint) }
        // What servers have said before holds until they say something else.
        for address in reflexive { announce(address) }
        for relay in relays { announceMapped(of: relay) }
        forgetPermissions()
        for server in stunServers { for endpoint in bases { ask(server, from: endpoint.base, now: now) } }
        for server in turnServers { allocateMissing(at: server, now: now) }
        if state == .failed { setState(.checking) }
        completeGatheringIfDone()
        updateState(now: now)
    }
}
