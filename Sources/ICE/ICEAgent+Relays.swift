public import Primitives
import STUN

/// A TURN client at work for the agent.
struct Relay: Sendable {
    var client: TURNClient
    let server: TURNServer
    let localPreference: UInt16
    /// When gathering is complete without it.
    let endsAt: Instant
    /// That moment has passed: gathering does not wait for it any more.
    var isLate: Bool
    var wasAllocated: Bool
    /// When the server forgets the allocation that this one replaces.
    let predecessorEndsAt: Instant?
}

/// An allocation that can be had only later.
struct Reallocation: Sendable {
    let base: SocketAddress
    let server: SocketAddress
    let at: Instant
}

/// Relayed candidates (RFC 8445 section 5.1.1.2): each TURN client's relayed address is a base like a socket's, only
/// that what leaves from it is framed and goes to the server.
extension ICEAgent {
    /// Each of those over UDP, and of those behind streams: many addresses must not keep the last resort away.
    private static var maximumRelays: Int { 8 }
    /// A relayed address of each family.
    private static var preferencesPerRelay: UInt16 { 2 }

    /// A TURN server over UDP, resolved. Every base of its family allocates there, those that come later too. One that is
    /// known already gets the credentials, and is asked again where it gave no allocation.
    public mutating func addTURNServer(_ server: TURNServer, now: Instant) {
        precondition(server.transport == .udp, "ice agent: a stream to a TURN server is added once it is connected")
        guard state != .closed else { return }
        if let index = turnServers.firstIndex(where: { $0.address == server.address }) {
            if turnServers[index].credentials != server.credentials {
                replaceTURNCredentials(server.credentials, ofServer: server.address, now: now)
            }
        } else {
            guard turnServers.count < 8 else { return }
            turnServers.append(server)
        }
        allocateMissing(at: server, now: now)
    }

    mutating func allocateMissing(at server: TURNServer, now: Instant) {
        for endpoint in bases where endpoint.type == .host { allocate(at: server, from: endpoint, now: now) }
    }

    /// A TCP or TLS stream to a TURN server that the driver has connected, by its local address. What the agent then
    /// transmits with that transport are frames of the stream; what `TURNStreamReader` cuts out of it goes to `handle`.
    /// `turnStreamFailed` follows at once where there are too many.
    public mutating func addTURNStream(_ server: TURNServer, local: SocketAddress, now: Instant) {
        precondition(server.transport != .udp, "ice agent: UDP is no stream")
        guard state != .closed else { return }
        // After every socket of ours: a relay behind a stream is the last resort, and TLS only costs more.
        var preference: UInt16 = server.transport == .tcp ? 1000 : 500
        while relays.contains(where: { $0.localPreference == preference }) {
            preference -= ICEAgent.preferencesPerRelay
        }
        guard startRelay(server, base: local, localPreference: preference, now: now) else {
            return events.append(.turnStreamFailed(local: local, alternate: nil))
        }
    }

    /// The stream has ended.
    public mutating func removeTURNStream(local: SocketAddress, now: Instant) {
        for relay in relays where relay.client.base == local && relay.server.transport != .udp {
            drop(relayOf: relay.client, now: now)
        }
        updateState(now: now)
    }

    /// Signaling has renewed the credentials of the server at this address.
    public mutating func replaceTURNCredentials(
        _ credentials: TURNCredentials, ofServer address: SocketAddress, now: Instant
    ) {
        for index in turnServers.indices where turnServers[index].address == address {
            turnServers[index].credentials = credentials
        }
        for index in relays.indices where relays[index].server.address == address {
            relays[index].client.replaceCredentials(credentials)
        }
    }

    mutating func allocate(at server: TURNServer, from endpoint: LocalEndpoint, now: Instant) {
        guard endpoint.base.address.isIPv4 == server.address.address.isIPv4, !endpoint.base.address.isLinkLocal,
            endpoint.base.address.isLoopback == server.address.address.isLoopback
        else { return }
        // While the server holds on to an allocation that is lost to us, it gives this address no other.
        guard !reallocations.contains(where: { $0.base == endpoint.base && $0.server == server.address }) else {
            return
        }
        let rank = turnServers.firstIndex { $0.address == server.address } ?? 0
        startRelay(
            server, base: endpoint.base,
            localPreference: endpoint.localPreference - UInt16(rank) * ICEAgent.preferencesPerRelay, now: now)
    }

    @discardableResult
    private mutating func startRelay(
        _ server: TURNServer, base: SocketAddress, localPreference: UInt16, predecessorEndsAt: Instant? = nil,
        now: Instant
    ) -> Bool {
        let isStream = server.transport != .udp
        let count = relays.reduce(0) { $0 + (($1.server.transport != .udp) == isStream ? 1 : 0) }
        guard count < ICEAgent.maximumRelays,
            !relays.contains(where: { $0.client.base == base && $0.server.address == server.address })
        else { return false }
        var client = TURNClient(
            server: server, base: base, minimumRTO: configuration.minimumRTO, authenticator: authenticator,
            random: random.split())
        client.start(now: now)
        isGatheringComplete = false
        relays.append(
            Relay(
                client: client, server: server, localPreference: localPreference,
                endsAt: now + configuration.gatheringTimeout, isLate: false, wasAllocated: false,
                predecessorEndsAt: predecessorEndsAt))
        return true
    }

    /// Whether gathering still waits for an allocation.
    var isAllocating: Bool { relays.contains { $0.client.isAllocating && !$0.isLate } }

    // MARK: Datagrams

    /// What a TURN server has sent; nil when the datagram is no relay's business.
    mutating func handleRelay(
        _ bytes: Span<UInt8>, from remote: SocketAddress, local: SocketAddress, now: Instant
    ) -> ICEInput? {
        guard !relays.isEmpty, bytes.count >= 4, !ICEAgent.isBinding(bytes),
            let index = relays.firstIndex(where: { $0.client.base == local && $0.client.server == remote })
        else { return nil }
        let input = relays[index].client.handle(bytes, now: now)
        let relayed = relays[index].client.relayed
        handleRelayEvents(now: now)
        switch input {
        case .consumed: return .consumed
        case .data(let range, let peer):
            guard let address = relayed.first(where: { $0.address.isIPv4 == peer.address.isIPv4 }) else {
                drops.add(.relayUnknownPeer)
                return .consumed
            }
            let payload = bytes.extracting(range)
            guard STUNMessage.isSTUN(payload) else { return .application(range, from: peer, local: address) }
            handleMessage(payload, from: peer, local: address, now: now)
            return .consumed
        }
    }

    /// The same address may also be a STUN server, or a peer.
    private static func isBinding(_ bytes: Span<UInt8>) -> Bool {
        guard bytes[0] < 64, let type = MessageType(rawValue: UInt16(bytes[0]) << 8 | UInt16(bytes[1])) else {
            return false
        }
        return type.method == .binding
    }

    mutating func pollRelays(into packet: inout PacketBuffer, now: Instant) -> Transmit? {
        for index in relays.indices where !relays[index].client.isAboutToStart {
            if let transmit = relays[index].client.pollTransmit(into: &packet, now: now) { return transmit }
        }
        return nil
    }

    /// The first question for an allocation starts a transaction like a check, so it keeps to Ta (RFC 8445 section 14.1).
    mutating func pollAllocation(into packet: inout PacketBuffer, now: Instant) -> Transmit? {
        guard now >= nextCheckAt, let index = relays.firstIndex(where: { $0.client.isAboutToStart }) else { return nil }
        nextCheckAt = now + configuration.pacing
        return relays[index].client.pollTransmit(into: &packet, now: now)
    }

    /// Where a datagram from `source` to `destination` really goes, with its header; nil when the relay is gone or has
    /// no permission for the peer.
    mutating func route(_ transmit: Transmit, _ packet: inout PacketBuffer) -> Transmit? {
        guard !relays.isEmpty,
            let index = relays.firstIndex(where: { $0.client.relayed.contains(transmit.source) })
        else { return transmit }
        guard relays[index].client.frame(&packet, to: transmit.destination) else { return nil }
        let client = relays[index].client
        return Transmit(source: client.base, destination: client.server, transport: client.transport)
    }

    // MARK: Events

    mutating func handleRelayEvents(now: Instant) {
        // An event may change the list, so each is looked for anew.
        while let index = relays.firstIndex(where: { $0.client.hasEvents }),
            let event = relays[index].client.pollEvent()
        {
            handle(event, ofRelayAt: index, now: now)
        }
        completeGatheringIfDone()
    }

    private mutating func handle(_ event: TURNEvent, ofRelayAt index: Int, now: Instant) {
        let client = relays[index].client
        switch event {
        case .allocated(let relayed, _):
            relays[index].wasAllocated = true
            announceMapped(of: relays[index])
            for (rank, address) in relayed.prefix(Int(ICEAgent.preferencesPerRelay)).enumerated() {
                let endpoint = LocalEndpoint(
                    base: address, type: .relayed, localPreference: relays[index].localPreference - UInt16(rank),
                    foundation: Foundation.of(type: .relayed, base: address.address, server: client.server.address))
                bases.append(endpoint)
                announce(endpoint)
                for remote in current.remotes { pairUp(endpoint, remote, now: now) }
            }
        case .permissionGranted(let address):
            for pair in current.checkList.pairs
            where client.relayed.contains(pair.local.base) && pair.remote.address.address == address {
                current.checkList.update(pair.id) { $0.awaitsPermission = false }
            }
        case .permissionDenied(let address):
            for pair in current.checkList.pairs
            where client.relayed.contains(pair.local.base) && pair.remote.address.address == address {
                failPair(pair.id, now: now)
            }
        case .channelBound: break
        case .failed(let failure):
            let relay = relays[index]
            drop(relayOf: client, now: now)
            if case .redirected = failure {
            } else {
                events.append(.relayRefused(server: client.server, transport: client.transport, failure))
            }
            if client.transport != .udp {
                let alternate: AlternateServer? = if case .redirected(let next) = failure { next } else { nil }
                events.append(.turnStreamFailed(local: client.base, alternate: alternate))
            }
            if client.transport == .udp { replace(relay, after: failure, now: now) }
        }
        updateState(now: now)
    }

    /// An allocation that was lost may be had again, with credentials that are newer perhaps: at once, or when the server
    /// has forgotten the lost one, for until then it has no other for the same address (437, RFC 8656 section 6.2).
    private mutating func replace(_ relay: Relay, after failure: TURNFailure, now: Instant) {
        let base = relay.client.base
        guard isKnownBase(base), let server = turnServers.first(where: { $0.address == relay.server.address }) else {
            return
        }
        if relay.wasAllocated {
            startRelay(
                server, base: base, localPreference: relay.localPreference, predecessorEndsAt: relay.client.expiresAt,
                now: now)
        } else if failure == .refused(.allocationMismatch) {
            // "SHOULD NOT try to create another allocation on the server for 2 minutes" (section 6.4), unless we know when
            // it forgets; its clock may be a little behind ours.
            let at = relay.predecessorEndsAt.map { max($0, now) + .seconds(2) } ?? now + .seconds(120)
            reallocations.append(Reallocation(base: base, server: server.address, at: at))
        }
    }

    private mutating func handleReallocations(now: Instant) {
        let due = reallocations.filter { $0.at <= now }
        guard !due.isEmpty else { return }
        reallocations.removeAll { $0.at <= now }
        for one in due {
            guard let server = turnServers.first(where: { $0.address == one.server }),
                let endpoint = bases.first(where: { $0.base == one.base })
            else { continue }
            allocate(at: server, from: endpoint, now: now)
        }
    }

    /// The server of an allocation also says how it sees us.
    mutating func announceMapped(of relay: Relay) {
        guard relay.client.transport == .udp, relay.client.isAllocated, let mapped = relay.client.mapped,
            mapped != relay.client.base
        else { return }
        announceReflexive(mapped, base: relay.client.base, server: relay.client.server.address)
    }

    private mutating func drop(relayOf client: TURNClient, now: Instant) {
        lostRelayDrops.add(client.drops)
        relays.removeAll { $0.client.isSame(as: client) }
        for address in client.relayed { removeLocalAddress(address, now: now) }
        completeGatheringIfDone()
    }

    mutating func handleRelayTimeouts(now: Instant) {
        handleReallocations(now: now)
        guard !relays.isEmpty else { return }
        askDuePermissions(now: now)
        for index in relays.indices { relays[index].client.handleTimeout(now: now) }
        handleRelayEvents(now: now)
        for index in relays.indices where relays[index].endsAt <= now { relays[index].isLate = true }
        completeGatheringIfDone()
    }

    var relayWake: Wake? {
        var wake: Wake?
        for relay in relays {
            var next = relay.client.nextTimeout
            if relay.client.isAboutToStart, let due = next {
                next = Wake(at: max(due.at, nextCheckAt), reason: due.reason)
            }
            wake = .earliest(wake, next)
            if !isGatheringComplete, relay.client.isAllocating, !relay.isLate {
                wake = .earliest(wake, Wake(at: relay.endsAt, reason: .iceGathering))
            }
        }
        for one in reallocations { wake = .earliest(wake, Wake(at: one.at, reason: .turnRefresh)) }
        if let at = nextPermissionAt, !relays.isEmpty { wake = .earliest(wake, Wake(at: at, reason: .iceCheck)) }
        return wake
    }

    /// Whether the relay whose address this is has no room for another peer.
    func isFull(_ local: LocalEndpoint, for remote: SocketAddress) -> Bool {
        guard local.type == .relayed, let relay = relays.first(where: { $0.client.relayed.contains(local.base) }) else {
            return false
        }
        return !relay.client.mayPermit(remote.address)
    }

    /// Has a new pair wait where its relay does not let the peer in yet, and sees to it that it will.
    ///
    /// Peers with aggressive nomination (RFC 5245) take the first pair that works and may look at no other, so a relay whose
    /// server is near would win over a direct path that takes a round trip more, for as long as the session lasts. Direct
    /// pairs therefore have a head start: whoever can be reached without the relay is let in there a little later.
    mutating func awaitPermission(_ pair: inout CandidatePair, now: Instant) {
        let remote = pair.remote
        guard pair.local.type == .relayed, let index = relayIndex(of: pair),
            !relays[index].client.isPermitted(remote.address.address)
        else { return }
        pair.awaitsPermission = true
        let hasRival = bases.contains {
            $0.type == .host && ICEAgent.mayReach($0.base.address, remote.address.address)
        }
        let dueAt = hasRival ? remote.knownSince + configuration.directHeadStart : now
        if dueAt > now {
            pair.permissionDueAt = dueAt
            nextPermissionAt = min(nextPermissionAt ?? dueAt, dueAt)
        } else {
            relays[index].client.permit(remote.address.address, now: now)
        }
    }

    private func relayIndex(of pair: CandidatePair) -> Int? {
        relays.firstIndex { $0.client.relayed.contains(pair.local.base) }
    }

    private mutating func askDuePermissions(now: Instant) {
        guard let due = nextPermissionAt, due <= now else { return }
        nextPermissionAt = nil
        for pair in current.checkList.pairs {
            guard let dueAt = pair.permissionDueAt else { continue }
            guard dueAt <= now else {
                nextPermissionAt = min(nextPermissionAt ?? dueAt, dueAt)
                continue
            }
            current.checkList.update(pair.id) { $0.permissionDueAt = nil }
            guard let index = relayIndex(of: pair) else { continue }
            relays[index].client.permit(pair.remote.address.address, now: now)
        }
    }

    /// Peers that no generation knows any more need not be let in; else restarts would add up.
    mutating func forgetPermissions() {
        let needed = Set((current.remotes + (previous?.remotes ?? [])).map(\.address.address))
        for index in relays.indices { relays[index].client.retainPermissions(of: needed) }
    }

    /// What the relays of now and those that are gone have dropped.
    public var relayDrops: Counter<TURNDrop> {
        relays.reduce(into: lostRelayDrops) { $0.add($1.client.drops) }
    }

    /// The path in use deserves the small header.
    mutating func bindChannelIfRelayed(_ pair: CandidatePair, now: Instant) {
        guard pair.local.type == .relayed,
            let index = relayIndex(of: pair)
        else { return }
        relays[index].client.bindChannel(to: pair.remote.address, now: now)
    }
}

extension TURNClient {
    /// Whether both are the client of one agent: no two have the same base and first server.
    func isSame(as other: TURNClient) -> Bool {
        base == other.base && redirections.first == other.redirections.first && transport == other.transport
    }
}
