import Primitives
import STUN

/// An allocation that has ended, or was never given.
struct LostRelay: Equatable, Sendable {
    /// The addresses that it had given.
    let relayed: [SocketAddress]
    /// The server that was asked at last, and how.
    let server: SocketAddress
    let transport: TransportProtocol
    let base: SocketAddress
    let failure: TURNFailure
    /// The server that it was asked of in the beginning.
    fileprivate let firstServer: SocketAddress
    fileprivate let localPreference: UInt16
    fileprivate let wasAllocated: Bool
    /// When the server forgets it, and when it forgets the one that it was to replace.
    fileprivate let expiresAt: Instant?
    fileprivate let predecessorEndsAt: Instant?

    /// What the application has to know. A redirection (300) is no refusal.
    var events: [ICEEvent] {
        var alternate: AlternateServer?
        var events: [ICEEvent] = []
        if case .redirected(let next) = failure {
            alternate = next
        } else {
            events.append(.relayRefused(server: server, transport: transport, failure))
        }
        if transport != .udp { events.append(.turnStreamFailed(local: base, alternate: alternate)) }
        return events
    }
}

/// What the rest of the agent has to know of its relays.
enum RelayEvent: Equatable, Sendable {
    /// Bases to be announced and paired, and what the server sees the socket as, where that is news.
    case allocated([LocalEndpoint], mapped: MappedAddress?)
    /// Datagrams of this peer are let in at these relayed addresses.
    case permitted(IPAddress, at: [SocketAddress])
    case denied(IPAddress, at: [SocketAddress])
    case channelBound
    case lost(LostRelay)
}

/// What a datagram from a TURN server was.
enum RelayInput: Equatable, Sendable {
    case consumed
    /// A peer's bytes lie in this range; they came to this relayed address, nil when there is none of the peer's family.
    case data(Range<Int>, from: SocketAddress, local: SocketAddress?)
}

/// Our TURN clients (RFC 8445 section 5.1.1.2): which servers are asked, from which sockets, what becomes of allocations that
/// are lost, and which peers are let in when. Each relayed address is a base like a socket's, only that what leaves from it
/// is framed and goes to the server.
struct Relays: Sendable {
    /// A TURN client at work.
    private struct Relay: Sendable {
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

        var isStream: Bool { server.transport != .udp }
    }

    /// An allocation that can be had only later.
    private struct Reallocation: Sendable {
        let base: SocketAddress
        let server: SocketAddress
        let at: Instant
    }

    /// A peer that is let in a little later (`admit`).
    private struct Admission: Sendable {
        let relayed: SocketAddress
        let peer: IPAddress
        let at: Instant
    }

    private static let maximumServers = 8
    /// The most relays over UDP, and the most behind streams: many local addresses must not use up the room of streams, the
    /// last resort.
    private static let maximumRelays = 8
    /// A relayed address of each family.
    private static let preferencesPerRelay: UInt16 = 2

    private let configuration: ICEConfiguration
    private let authenticator: MessageAuthenticator
    /// Those over UDP.
    private var servers: [TURNServer]
    private var relays: [Relay]
    private var reallocations: [Reallocation]
    private var admissions: [Admission]
    /// What relays have dropped that are gone.
    private var lostDrops: Counter<TURNDrop>

    init(configuration: ICEConfiguration, authenticator: MessageAuthenticator) {
        self.configuration = configuration
        self.authenticator = authenticator
        servers = []
        relays = []
        reallocations = []
        admissions = []
        lostDrops = Counter()
    }

    /// Whether gathering still waits for an allocation.
    var isAllocating: Bool { relays.contains { $0.client.isAllocating && !$0.isLate } }
    /// What the relays of now and those that are gone have dropped.
    var drops: Counter<TURNDrop> { relays.reduce(into: lostDrops) { $0.add($1.client.drops) } }

    // MARK: Servers

    /// A server over UDP. One that is known already gets the credentials, and is asked again where it gave no allocation.
    /// Whether an allocation was asked for.
    mutating func addServer(
        _ server: TURNServer, bases: [LocalEndpoint], random: inout RandomSource, now: Instant
    ) -> Bool {
        if let known = servers.first(where: { $0.address == server.address }) {
            if known.credentials != server.credentials {
                replaceCredentials(server.credentials, ofServer: server.address)
            }
        } else {
            guard servers.count < Relays.maximumServers else { return false }
            servers.append(server)
        }
        return allocate(at: server, from: bases, random: &random, now: now)
    }

    /// A stream to a server; false where there are too many.
    mutating func addStream(
        _ server: TURNServer, local: SocketAddress, random: inout RandomSource, now: Instant
    ) -> Bool {
        // After every socket of ours: a relay behind a stream is the last resort, and TLS only costs more.
        var preference: UInt16 = server.transport == .tcp ? 1000 : 500
        while relays.contains(where: { $0.localPreference == preference }) {
            preference -= Relays.preferencesPerRelay
        }
        return start(server, base: local, localPreference: preference, random: &random, now: now)
    }

    mutating func replaceCredentials(_ credentials: TURNCredentials, ofServer address: SocketAddress) {
        for index in servers.indices where servers[index].address == address {
            servers[index].credentials = credentials
        }
        for index in relays.indices where relays[index].server.address == address {
            relays[index].client.replaceCredentials(credentials)
        }
    }

    /// Every server is asked from each of these sockets that has no allocation there. Returns whether one was asked for.
    mutating func allocate(from bases: [LocalEndpoint], random: inout RandomSource, now: Instant) -> Bool {
        var hasStarted = false
        for server in servers {
            if allocate(at: server, from: bases, random: &random, now: now) { hasStarted = true }
        }
        return hasStarted
    }

    private mutating func allocate(
        at server: TURNServer, from bases: [LocalEndpoint], random: inout RandomSource, now: Instant
    ) -> Bool {
        var hasStarted = false
        for endpoint in bases where endpoint.type == .host {
            if allocate(at: server, from: endpoint, random: &random, now: now) { hasStarted = true }
        }
        return hasStarted
    }

    private mutating func allocate(
        at server: TURNServer, from endpoint: LocalEndpoint, random: inout RandomSource, now: Instant
    ) -> Bool {
        guard endpoint.base.address.isIPv4 == server.address.address.isIPv4, !endpoint.base.address.isLinkLocal,
            endpoint.base.address.isLoopback == server.address.address.isLoopback
        else { return false }
        // While the server holds on to an allocation that is lost to us, it gives this address no other.
        guard !reallocations.contains(where: { $0.base == endpoint.base && $0.server == server.address }) else {
            return false
        }
        let rank = servers.firstIndex { $0.address == server.address } ?? 0
        return start(
            server, base: endpoint.base,
            localPreference: endpoint.localPreference - UInt16(rank) * Relays.preferencesPerRelay, random: &random,
            now: now)
    }

    private mutating func start(
        _ server: TURNServer, base: SocketAddress, localPreference: UInt16, predecessorEndsAt: Instant? = nil,
        random: inout RandomSource, now: Instant
    ) -> Bool {
        let isStream = server.transport != .udp
        guard relays.count(where: { $0.isStream == isStream }) < Relays.maximumRelays,
            !relays.contains(where: { $0.client.base == base && $0.server.address == server.address })
        else { return false }
        var client = TURNClient(
            server: server, base: base, minimumRTO: configuration.minimumRTO, authenticator: authenticator,
            random: random.split())
        client.start(now: now)
        relays.append(
            Relay(
                client: client, server: server, localPreference: localPreference,
                endsAt: now + configuration.gatheringTimeout, isLate: false, wasAllocated: false,
                predecessorEndsAt: predecessorEndsAt))
        return true
    }

    // MARK: Ends

    /// Ends a relay whose socket or stream is gone; returns the addresses that it had given. Nil when there is none: one
    /// local address may have several.
    mutating func removeNext(from base: SocketAddress, isStream: Bool) -> [SocketAddress]? {
        guard let index = relays.firstIndex(where: { $0.client.base == base && $0.isStream == isStream }) else {
            return nil
        }
        return remove(at: index)
    }

    private mutating func remove(at index: Int) -> [SocketAddress] {
        let relayed = relays[index].client.relayed
        lostDrops.add(relays[index].client.drops)
        relays.remove(at: index)
        admissions.removeAll { relayed.contains($0.relayed) }
        return relayed
    }

    /// Nothing is asked for any more from this socket.
    mutating func forget(base: SocketAddress) { reallocations.removeAll { $0.base == base } }

    /// An allocation that was lost may be had again, with credentials that are newer perhaps: at once, or when the server
    /// has forgotten the lost one, for until then it has no other for the same address (437, RFC 8656 section 6.2). Returns
    /// whether it was asked for at once.
    mutating func replace(_ lost: LostRelay, random: inout RandomSource, now: Instant) -> Bool {
        guard lost.transport == .udp, let server = servers.first(where: { $0.address == lost.firstServer }) else {
            return false
        }
        if lost.wasAllocated {
            return start(
                server, base: lost.base, localPreference: lost.localPreference, predecessorEndsAt: lost.expiresAt,
                random: &random, now: now)
        }
        if lost.failure == .refused(.allocationMismatch) {
            // "SHOULD NOT try to create another allocation on the server for 2 minutes" (section 6.4), unless we know when
            // it forgets; its clock may be a little behind ours.
            let at = lost.predecessorEndsAt.map { max($0, now) + .seconds(2) } ?? now + .seconds(120)
            reallocations.append(Reallocation(base: lost.base, server: server.address, at: at))
        }
        return false
    }

    mutating func close(now: Instant) {
        reallocations.removeAll()
        admissions.removeAll()
        for index in relays.indices { relays[index].client.close(now: now) }
    }

    // MARK: Datagrams

    /// What a TURN server has sent; nil when the datagram is no relay's business.
    mutating func handle(
        _ bytes: Span<UInt8>, from remote: SocketAddress, local: SocketAddress, now: Instant
    ) -> RelayInput? {
        guard !relays.isEmpty, bytes.count >= 4, !Relays.isBinding(bytes),
            let index = relays.indices.first(where: {
                relays[$0].client.base == local && relays[$0].client.server == remote
            })
        else { return nil }
        switch relays[index].client.handle(bytes, now: now) {
        case .consumed: return .consumed
        case .data(let range, let peer):
            let address = relays[index].client.relayed.first { $0.address.isIPv4 == peer.address.isIPv4 }
            return .data(range, from: peer, local: address)
        }
    }

    /// The same address may also be a STUN server, or a peer.
    private static func isBinding(_ bytes: Span<UInt8>) -> Bool {
        guard bytes[0] < 64, let type = MessageType(rawValue: UInt16(bytes[0]) << 8 | UInt16(bytes[1])) else {
            return false
        }
        return type.method == .binding
    }

    /// The next request of a client, but for the first Allocate of each.
    mutating func pollTransmit(into packet: inout PacketBuffer, now: Instant) -> Transmit? {
        for index in relays.indices where !relays[index].client.isAboutToStart {
            if let transmit = relays[index].client.pollTransmit(into: &packet, now: now) { return transmit }
        }
        return nil
    }

    /// The first question for an allocation starts a transaction like a check, so it keeps to Ta (RFC 8445 section 14.1).
    mutating func pollAllocation(
        into packet: inout PacketBuffer, pacing: inout StartPacing, now: Instant
    ) -> Transmit? {
        guard pacing.isOpen(now: now), let index = relays.firstIndex(where: { $0.client.isAboutToStart }) else {
            return nil
        }
        pacing.start(now: now)
        return relays[index].client.pollTransmit(into: &packet, now: now)
    }

    /// Where a datagram from `source` to `destination` really goes, with its header; nil when the relay is gone or has
    /// no permission for the peer.
    mutating func route(_ transmit: Transmit, _ packet: inout PacketBuffer) -> Transmit? {
        guard !relays.isEmpty, let index = index(of: transmit.source) else { return transmit }
        guard relays[index].client.frame(&packet, to: transmit.destination) else { return nil }
        return Transmit(
            source: relays[index].client.base, destination: relays[index].client.server,
            transport: relays[index].client.transport)
    }

    private func index(of relayed: SocketAddress) -> Int? {
        // Asked for every packet: a closure would be handed a copy of each client.
        for index in relays.indices where relays[index].client.relayed.contains(relayed) { return index }
        return nil
    }

    // MARK: Events

    /// What has become of a client. Each may change the relays, so the next one is looked for anew.
    mutating func pollEvent() -> RelayEvent? {
        for index in relays.indices {
            if let event = relays[index].client.pollEvent() { return tell(event, ofRelayAt: index) }
        }
        return nil
    }

    private mutating func tell(_ event: TURNEvent, ofRelayAt index: Int) -> RelayEvent {
        switch event {
        case .allocated(let relayed, let mapped):
            relays[index].wasAllocated = true
            let (base, server) = (relays[index].client.base, relays[index].client.server)
            let endpoints = relayed.prefix(Int(Relays.preferencesPerRelay)).enumerated().map { rank, address in
                LocalEndpoint(
                    base: address, type: .relayed, localPreference: relays[index].localPreference - UInt16(rank),
                    foundation: Foundation.of(type: .relayed, base: address.address, server: server.address),
                    relatedAddress: mapped ?? base)
            }
            return .allocated(endpoints, mapped: mappedAddress(ofRelayAt: index))
        case .permissionGranted(let peer): return .permitted(peer, at: relays[index].client.relayed)
        case .permissionDenied(let peer): return .denied(peer, at: relays[index].client.relayed)
        case .channelBound: return .channelBound
        case .failed(let failure):
            let relay = relays[index]
            return .lost(
                LostRelay(
                    relayed: remove(at: index), server: relay.client.server, transport: relay.client.transport,
                    base: relay.client.base, failure: failure, firstServer: relay.server.address,
                    localPreference: relay.localPreference, wasAllocated: relay.wasAllocated,
                    expiresAt: relay.client.expiresAt, predecessorEndsAt: relay.predecessorEndsAt))
        }
    }

    /// The server of an allocation also says how it sees us.
    private func mappedAddress(ofRelayAt index: Int) -> MappedAddress? {
        let base = relays[index].client.base
        guard !relays[index].isStream, relays[index].client.isAllocated, let mapped = relays[index].client.mapped,
            mapped != base
        else { return nil }
        return MappedAddress(base: base, server: relays[index].client.server, mapped: mapped)
    }

    /// What the servers see our sockets as.
    var mappedAddresses: [MappedAddress] { relays.indices.compactMap { mappedAddress(ofRelayAt: $0) } }

    // MARK: Peers

    /// Whether the relay whose address this is has room for another peer.
    func hasRoom(for peer: IPAddress, at relayed: SocketAddress) -> Bool {
        index(of: relayed).map { relays[$0].client.mayPermit(peer) } ?? true
    }

    /// Makes the relay let the peer in. Returns whether a pair of the two has to wait for that.
    ///
    /// Peers with aggressive nomination (RFC 5245) take the first pair that works and may look at no other, so a relay whose
    /// server is near would win over a direct path that takes a round trip more, for as long as the session lasts. Direct
    /// pairs therefore have a head start: a peer that can be reached without the relay is let in there a little later.
    mutating func admit(
        _ remote: RemoteEndpoint, at relayed: SocketAddress, mayReachDirectly: Bool, now: Instant
    ) -> Bool {
        let peer = remote.address.address
        guard let index = index(of: relayed), !relays[index].client.isPermitted(peer) else { return false }
        let dueAt = mayReachDirectly ? remote.knownSince + configuration.directHeadStart : now
        if dueAt > now {
            admissions.append(Admission(relayed: relayed, peer: peer, at: dueAt))
        } else {
            relays[index].client.permit(peer, now: now)
        }
        return true
    }

    private mutating func admitDue(now: Instant) {
        guard admissions.contains(where: { $0.at <= now }) else { return }
        for one in admissions where one.at <= now {
            guard let index = index(of: one.relayed) else { continue }
            relays[index].client.permit(one.peer, now: now)
        }
        admissions.removeAll { $0.at <= now }
    }

    /// A new generation begins: permissions of addresses that are in no generation any more end, or each restart would add
    /// some.
    mutating func retainPeers(_ remotes: [RemoteEndpoint]) {
        admissions.removeAll()
        let needed = Set(remotes.map(\.address.address))
        for index in relays.indices { relays[index].client.retainPermissions(of: needed) }
    }

    /// Binds a channel for the path in use: its header has 4 bytes instead of 36 or 48.
    mutating func bindChannel(to peer: SocketAddress, at relayed: SocketAddress, now: Instant) {
        guard let index = index(of: relayed) else { return }
        relays[index].client.bindChannel(to: peer, now: now)
    }

    /// How the server of a relayed address is reached; nil when the address is no relay's.
    func route(of relayed: SocketAddress) -> Transmit? {
        guard let index = index(of: relayed) else { return nil }
        return Transmit(
            source: relays[index].client.base, destination: relays[index].client.server,
            transport: relays[index].client.transport)
    }

    // MARK: Time

    /// Does what is due by now; events follow. Whether an allocation was asked for.
    mutating func handleTimeout(bases: [LocalEndpoint], random: inout RandomSource, now: Instant) -> Bool {
        let hasStarted = reallocate(from: bases, random: &random, now: now)
        admitDue(now: now)
        for index in relays.indices { relays[index].client.handleTimeout(now: now) }
        return hasStarted
    }

    private mutating func reallocate(from bases: [LocalEndpoint], random: inout RandomSource, now: Instant) -> Bool {
        let due = reallocations.filter { $0.at <= now }
        guard !due.isEmpty else { return false }
        reallocations.removeAll { $0.at <= now }
        var hasStarted = false
        for one in due {
            guard let server = servers.first(where: { $0.address == one.server }),
                let endpoint = bases.first(where: { $0.base == one.base })
            else { continue }
            if allocate(at: server, from: endpoint, random: &random, now: now) { hasStarted = true }
        }
        return hasStarted
    }

    /// Gathering waits no longer for those that have not answered in time.
    mutating func giveUpLate(now: Instant) {
        for index in relays.indices where relays[index].endsAt <= now { relays[index].isLate = true }
    }

    /// - Parameter isGathering: Whether gathering still waits for allocations to be given or refused.
    func nextTimeout(isGathering: Bool, pacing: StartPacing) -> Wake? {
        var wake: Wake?
        for index in relays.indices {
            var next = relays[index].client.nextTimeout
            if relays[index].client.isAboutToStart, let due = next {
                next = Wake(at: max(due.at, pacing.nextAt), reason: due.reason)
            }
            wake = .earliest(wake, next)
            if isGathering, relays[index].client.isAllocating, !relays[index].isLate {
                wake = .earliest(wake, Wake(at: relays[index].endsAt, reason: .iceGathering))
            }
        }
        for one in reallocations { wake = .earliest(wake, Wake(at: one.at, reason: .turnRefresh)) }
        for one in admissions { wake = .earliest(wake, Wake(at: one.at, reason: .iceCheck)) }
        return wake
    }
}
