public import Primitives
import STUN

/// One question "what is my address?" to one STUN server from one base (RFC 8445 section 5.1.1.2).
struct GatheringTransaction: Sendable {
    let base: SocketAddress
    let server: SocketAddress
    let id: TransactionID
    var transmissions: Int
    var nextAt: Instant
    /// A server that has not answered by then is taken for dead.
    let endsAt: Instant
}

/// What a STUN server saw us as.
struct ReflexiveAddress: Sendable {
    let base: SocketAddress
    let server: SocketAddress
    let mapped: SocketAddress
    /// When the NAT's binding is refreshed, while it may still be needed (RFC 8445 section 5.1.1.4).
    var keepaliveAt: Instant
}

/// Server-reflexive candidates. Nothing waits for a server: host candidates are out before the first question, each
/// answer makes a candidate when it comes, and a dead server only delays the word that gathering is complete.
extension ICEAgent {
    /// A STUN server, resolved. Every base of its family asks it, those that come later too.
    public mutating func addSTUNServer(_ server: SocketAddress, now: Instant) {
        guard state != .closed, !stunServers.contains(server), stunServers.count < 8 else { return }
        stunServers.append(server)
        for endpoint in bases { ask(server, from: endpoint.base, now: now) }
    }

    mutating func ask(_ server: SocketAddress, from base: SocketAddress, now: Instant) {
        guard base.address.isIPv4 == server.address.isIPv4, !base.address.isLinkLocal,
            base.address.isLoopback == server.address.isLoopback,
            !gathering.contains(where: { $0.base == base && $0.server == server })
        else { return }
        isGatheringComplete = false
        gathering.append(
            GatheringTransaction(
                base: base, server: server, id: .random(using: &random), transmissions: 0, nextAt: now,
                endsAt: now + configuration.gatheringTimeout))
    }

    mutating func pollGathering(into packet: inout PacketBuffer, now: Instant) -> Transmit? {
        for index in gathering.indices where gathering[index].nextAt <= now {
            let isFirst = gathering[index].transmissions == 0
            if isFirst {
                guard now >= nextCheckAt else { continue }
                nextCheckAt = now + configuration.pacing
            }
            gathering[index].nextAt = now + configuration.minimumRTO * (1 << min(gathering[index].transmissions, 6))
            gathering[index].transmissions += 1
            let transaction = gathering[index]
            packet.write { writer in
                let message = STUNMessageWriter(.bindingRequest, transaction.id, into: &writer)
                message.writeFingerprint(into: &writer)
            }
            return Transmit(source: transaction.base, destination: transaction.server)
        }
        guard needsReflexiveKeepalives else { return nil }
        for index in reflexive.indices where reflexive[index].keepaliveAt <= now {
            reflexive[index].keepaliveAt = now + configuration.keepaliveInterval
            let id = TransactionID.random(using: &random)
            packet.write { writer in
                let message = STUNMessageWriter(.bindingIndication, id, into: &writer)
                message.writeFingerprint(into: &writer)
            }
            return Transmit(source: reflexive[index].base, destination: reflexive[index].server)
        }
        return nil
    }

    /// Bindings at the NAT are kept open until a pair is nominated; after that checks and media keep the one in use.
    private var needsReflexiveKeepalives: Bool { !current.hasNominated && state != .failed }

    /// True when the response was a server's.
    mutating func handleGatheringResponse(
        _ message: borrowing STUNMessage, from remote: SocketAddress, local: SocketAddress, now: Instant
    ) -> Bool {
        guard let index = gathering.firstIndex(where: { $0.id == message.transactionID }) else { return false }
        let transaction = gathering[index]
        guard transaction.server == remote, transaction.base == local else {
            drops.add(.responseAsymmetric)
            return true
        }
        gathering.remove(at: index)
        if message.type.messageClass == .successResponse {
            // Old servers know MAPPED-ADDRESS only (RFC 8489 section 11).
            let xored = message.xorAddress(of: .xorMappedAddress)
            if let mapped = xored ?? message.address(of: .mappedAddress) {
                learnReflexive(mapped, base: local, server: remote, now: now)
            } else {
                drops.add(.mappedAddressMissing)
            }
        }
        completeGatheringIfDone()
        return true
    }

    private mutating func learnReflexive(
        _ mapped: SocketAddress, base: SocketAddress, server: SocketAddress, now: Instant
    ) {
        reflexive.removeAll { $0.base == base && $0.server == server }
        let address = ReflexiveAddress(
            base: base, server: server, mapped: mapped, keepaliveAt: now + configuration.keepaliveInterval)
        // No NAT: the host candidate says it all (RFC 8445 section 5.1.3).
        guard mapped != base, !mapped.address.isUnspecified, mapped.port != 0 else { return }
        reflexive.append(address)
        announce(address)
    }

    mutating func announce(_ address: ReflexiveAddress) {
        announceReflexive(address.mapped, base: address.base, server: address.server.address)
    }

    /// The same mapped address from two servers is one candidate.
    mutating func announceReflexive(_ mapped: SocketAddress, base: SocketAddress, server: IPAddress) {
        let known = localCandidates.filter { $0.type == .serverReflexive && $0.relatedAddress == .ip(base) }
        // Behind a symmetric NAT each server sees another one.
        guard !known.contains(where: { $0.address == .ip(mapped) }), !isKnownBase(mapped),
            known.count < Int(ICEAgent.preferencesPerBase), let endpoint = bases.first(where: { $0.base == base })
        else { return }
        let localPreference = endpoint.localPreference - UInt16(known.count)
        let candidate = Candidate(
            foundation: Foundation.of(type: .serverReflexive, base: base.address, server: server),
            priority: Candidate.priority(type: .serverReflexive, localPreference: localPreference),
            address: .ip(mapped), type: .serverReflexive, relatedAddress: .ip(base),
            usernameFragment: current.local.usernameFragment)
        localCandidates.append(candidate)
        events.append(.localCandidate(candidate))
    }

    mutating func expireGathering(now: Instant) {
        let before = gathering.count
        gathering.removeAll { $0.endsAt <= now }
        if gathering.count != before { completeGatheringIfDone() }
    }

    var gatheringWakeAt: Instant? {
        var earliest: Instant?
        func consider(_ at: Instant) { earliest = min(earliest ?? at, at) }
        for transaction in gathering {
            consider(
                min(
                    transaction.transmissions == 0 ? max(transaction.nextAt, nextCheckAt) : transaction.nextAt,
                    transaction.endsAt))
        }
        if needsReflexiveKeepalives { for address in reflexive { consider(address.keepaliveAt) } }
        return earliest
    }
}
