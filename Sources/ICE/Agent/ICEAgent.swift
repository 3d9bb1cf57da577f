public import Primitives
public import STUN

/// Interactive Connectivity Establishment (RFC 8445) with trickle (RFC 8838), patience (RFC 8863) and consent
/// (RFC 7675), as one machine without sockets, clock or names.
///
/// Two agents have told each other, over signaling, addresses at which each may be reached: their candidates. Every local
/// base and every remote address make a pair, and each agent asks over each pair, every 50 ms the next, whether the other
/// is there: a Binding request, signed with a password that only signaling has carried. A request that arrives is answered,
/// shows an address of the peer that may be new (peer-reflexive), and makes the agent ask back over the same pair at once
/// (triggered check). A pair that was answered is valid and may carry data. The controlling agent says USE-CANDIDATE over
/// the one it wants; the controlled one follows the latest nomination, and the data that the peer sends where the
/// nomination alone is not clear (`Path`).
///
/// The agent consists of four machines that know nothing of each other. Each returns the result of a call as a value, and
/// the agent passes it on to the machines that it concerns:
///
///     sockets, STUN servers ──▶ Gathering ◀──┐              ┌──▶ Checks ◀── the peer's candidates, credentials
///                                            ├── ICEAgent ──┤
///     TURN servers, streams ──▶ Relays    ◀──┘              └──▶ Path   ──▶ SelectedPath, ICEState
///
///     Gathering ─▶ Checks       a base: a pair with every address of the peer
///     Checks    ─▶ Relays       a pair of a relayed base: let this peer in
///     Relays    ─▶ Checks       the peer is let in, or refused
///     Relays    ─▶ Gathering    a base comes, or goes; what the server sees a socket as
///     Checks    ─▶ Path         a pair works; the peer asks over it, has chosen it; pairs are gone
///     Path      ─▶ Checks       ask this pair; ask all others again; this one is at an end
///     Path      ─▶ Relays       the path in use is relayed: bind a channel
///
/// **Data before nomination.** The best valid pair carries data from its first answer on, so that DTLS need not
/// wait for the peer's decision ("may send on any valid pair", RFC 8445 section 12.1).
///
/// **Restart.** `restart` begins a new generation: credentials, remote candidates and pairs are new, sockets stay. The one
/// before keeps its selected pair, consent and password until the new one has a nominated pair, so media never pauses.
///
/// **Time.** A check whose turn it is goes out with the next `pollTransmit`, also in the same turn in which its cause
/// arrived; only two starts within Ta are kept apart (`StartPacing`).
public struct ICEAgent: Sendable {
    private var random: RandomSource
    private var gathering: Gathering
    private var relays: Relays
    private var checks: Checks
    private var path: Path
    private var pacing: StartPacing
    /// Whether the next transaction to start is an allocation's, if there is one.
    private var isAllocationsTurn: Bool
    private var events: RingBuffer<ICEEvent>
    /// What was dropped, by reason.
    public private(set) var drops: Counter<ICEDrop>

    /// - Parameters:
    ///   - role: The offerer of the first offer is controlling; towards an ICE-lite peer we always are.
    ///   - authenticator: The hash functions that STUN needs, from the target that has cryptography.
    ///   - random: Of transaction identifiers, credentials and timers: `.system` in service.
    public init(
        role: ICERole, configuration: ICEConfiguration = ICEConfiguration(), authenticator: MessageAuthenticator,
        random: RandomSource
    ) {
        var random = random
        checks = Checks(role: role, configuration: configuration, authenticator: authenticator, random: &random)
        gathering = Gathering(
            configuration: configuration, usernameFragment: checks.localCredentials.usernameFragment)
        relays = Relays(configuration: configuration, authenticator: authenticator)
        path = Path(configuration: configuration)
        pacing = StartPacing(interval: configuration.pacing)
        isAllocationsTurn = false
        events = RingBuffer()
        drops = Counter()
        self.random = random
    }

    /// Which of the two agents nominates (RFC 8445 section 6.1.1); a role conflict may switch it (`ICEEvent.roleChanged`).
    public var role: ICERole { checks.role }
    /// The state that the last `stateChanged` reported; `new` before.
    public var state: ICEState { path.state }
    /// Ours, of the current generation.
    public var localCredentials: ICECredentials { checks.localCredentials }
    /// The peer's, of the current generation.
    public var remoteCredentials: ICECredentials? { checks.remoteCredentials }
    /// All local candidates of this generation so far, for a description.
    public var localCandidates: [Candidate] { gathering.candidates }
    /// No further local candidate comes in this generation.
    public var isGatheringComplete: Bool { gathering.isComplete }
    /// The way for application data.
    public var selectedPath: SelectedPath? { path.selectedPath }
    /// Whether the selected path was found with the credentials of now, rather than with those before a restart.
    public var isPathCurrent: Bool { path.isCurrent }
    /// How often another pair became the selected one, and how often there was none any more.
    public var selectedPairChanges: UInt64 { path.changes }
    /// What the relays of now and those that are gone have dropped.
    public var relayDrops: Counter<TURNDrop> { relays.drops }

    /// The oldest event that was not taken yet; nil when there is none. Poll after every call that changes the agent.
    public mutating func pollEvent() -> ICEEvent? { events.popFirst() }

    /// Ends everything: nothing is sent or answered any more.
    public mutating func close(now: Instant) {
        checks.close()
        gathering.close()
        relays.close(now: now)
        path.close()
        showPath(of: nil)
        enter(.closed)
    }

    // MARK: Local addresses and servers

    /// A bound UDP socket's address is a host candidate. The order of adding is the local preference, so the driver
    /// interleaves the families (RFC 8421 section 4).
    public mutating func addLocalAddress(_ base: SocketAddress, now: Instant) {
        precondition(!base.address.isUnspecified, "ice agent: a base must be a concrete address")
        guard state != .closed, let (endpoint, candidate) = gathering.addSocket(base, random: &random, now: now) else {
            return
        }
        events.append(.localCandidate(candidate))
        if relays.allocate(from: [endpoint], random: &random, now: now) { gathering.reopen() }
        for remote in checks.remotes { pairUp(endpoint, remote, now: now) }
        settle(now: now)
    }

    /// The interface is gone: its pairs end. A selected one is replaced by the best that still works, or by nothing.
    public mutating func removeLocalAddress(_ base: SocketAddress, now: Instant) {
        while let relayed = relays.removeNext(from: base, isStream: false) {
            for address in relayed { leave(address, now: now) }
        }
        relays.forget(base: base)
        leave(base, now: now)
    }

    /// All local addresses have been added.
    public mutating func finishLocalAddresses(now: Instant) {
        gathering.finishAddresses()
        completeGathering()
    }

    /// A STUN server, resolved. Every base of its family asks it, those that come later too.
    public mutating func addSTUNServer(_ server: SocketAddress, now: Instant) {
        guard state != .closed else { return }
        gathering.addServer(server, random: &random, now: now)
    }

    /// A TURN server over UDP, resolved. Every base of its family allocates there, those that come later too. One that is
    /// known already gets the credentials, and is asked again where it gave no allocation.
    public mutating func addTURNServer(_ server: TURNServer, now: Instant) {
        precondition(server.transport == .udp, "ice agent: a stream to a TURN server is added once it is connected")
        guard state != .closed else { return }
        if relays.addServer(server, bases: gathering.bases, random: &random, now: now) { gathering.reopen() }
    }

    /// A TCP or TLS stream to a TURN server that the driver has connected, by its local address. What the agent then
    /// transmits with that transport are frames of the stream; what `TURNStreamReader` cuts out of it goes to `handle`.
    /// `turnStreamFailed` follows at once where there are too many.
    public mutating func addTURNStream(_ server: TURNServer, local: SocketAddress, now: Instant) {
        precondition(server.transport != .udp, "ice agent: UDP is no stream")
        guard state != .closed else { return }
        guard relays.addStream(server, local: local, random: &random, now: now) else {
            return events.append(.turnStreamFailed(local: local, alternate: nil))
        }
        gathering.reopen()
    }

    /// The stream has ended.
    public mutating func removeTURNStream(local: SocketAddress, now: Instant) {
        while let relayed = relays.removeNext(from: local, isStream: true) {
            for address in relayed { leave(address, now: now) }
            completeGathering()
        }
        settle(now: now)
    }

    /// Signaling has renewed the credentials of the server at this address.
    public mutating func replaceTURNCredentials(
        _ credentials: TURNCredentials, ofServer address: SocketAddress, now: Instant
    ) {
        relays.replaceCredentials(credentials, ofServer: address)
    }

    private mutating func completeGathering() {
        guard gathering.mayComplete, !relays.isAllocating else { return }
        gathering.complete()
        events.append(.gatheringComplete)
    }

    /// A base is gone, and with it its pairs.
    private mutating func leave(_ base: SocketAddress, now: Instant) {
        gathering.remove(base)
        let consentEndsAt = path.lose(checks.remove(base: base))
        selectBest(now: now)
        if path.carrier == nil {
            path.awaitSuccessor(until: consentEndsAt)
            checks.recheck(except: nil)
        }
        settle(now: now)
        completeGathering()
    }

    // MARK: The peer

    /// What the remote description says. Others than those known before replace the peer's side of this generation
    /// (an answer to our own restart, or an offer that restarts; for the latter call `restart` first).
    public mutating func setRemoteCredentials(_ credentials: ICECredentials, isLite: Bool = false, now: Instant) {
        guard state != .closed else { return }
        if isLite, checks.switchRole(to: .controlling) { events.append(.roleChanged(.controlling)) }
        guard checks.setRemote(credentials) else { return }
        path.beginPatience(now: now)
        settle(now: now)
    }

    /// A candidate from the peer, whenever it comes. One that cannot be used is counted and forgotten.
    public mutating func addRemoteCandidate(_ candidate: Candidate, now: Instant) {
        guard state != .closed else { return }
        take(candidate, checks.addRemote(candidate, now: now), now: now)
    }

    /// The address behind a name that `.resolveName` gave out.
    public mutating func addResolvedCandidate(_ candidate: Candidate, address: IPAddress, now: Instant) {
        guard state != .closed, let outcome = checks.addResolved(candidate, address: address, now: now) else { return }
        take(candidate, outcome, now: now)
    }

    private mutating func take(_ candidate: Candidate, _ outcome: RemoteCandidates.Outcome, now: Instant) {
        switch outcome {
        case .dropped(let drop): drops.add(drop)
        case .named(let name): events.append(.resolveName(name, candidate))
        case .revealed: settle(now: now)
        case .new(let endpoint):
            for base in gathering.bases { pairUp(base, endpoint, now: now) }
            settle(now: now)
        }
    }

    /// The pair of these two, which is made when it is new; nil when it cannot be.
    @discardableResult
    private mutating func pairUp(_ local: LocalEndpoint, _ remote: RemoteEndpoint, now: Instant) -> Int? {
        let peer = remote.address.address
        guard local.mayReach(peer) else { return nil }
        if let known = checks.knownPair(local, remote) { return known }
        var awaitsPermission = false
        if local.type == .relayed {
            guard relays.hasRoom(for: peer, at: local.base) else {
                drops.add(.pairOverLimit)
                return nil
            }
            awaitsPermission = relays.admit(
                remote, at: local.base, mayReachDirectly: gathering.mayReachDirectly(peer), now: now)
        }
        guard let id = checks.addPair(local, remote, awaitsPermission: awaitsPermission) else {
            drops.add(.pairOverLimit)
            return nil
        }
        return id
    }

    /// Begins a new generation (RFC 8445 section 9): new local credentials, local candidates announced again, no remote ones.
    /// The path in use goes on until the new generation has a nominated pair. An answerer calls this, then
    /// `setRemoteCredentials` with what the restarting offer says.
    public mutating func restart(now: Instant) {
        guard state != .closed else { return }
        checks.restart(keepsCurrent: path.restart(), random: &random)
        let candidates = gathering.restart(
            usernameFragment: checks.localCredentials.usernameFragment, relays: relays.mappedAddresses)
        for candidate in candidates { events.append(.localCandidate(candidate)) }
        relays.retainPeers(checks.allRemotes)
        gathering.askServers(random: &random, now: now)
        if relays.allocate(from: gathering.bases, random: &random, now: now) { gathering.reopen() }
        if state == .failed { enter(.checking) }
        completeGathering()
        settle(now: now)
    }

    /// Whether a pair joins these two addresses: the peer has named the remote one in signaling, or has shown by a check
    /// with our password that it is there. Data from other senders is not the peer's.
    public func isPaired(_ remote: SocketAddress, with local: SocketAddress) -> Bool {
        checks.isPaired(base: local, remote: remote)
    }

    // MARK: Data

    /// Frames what is in `packet` for the selected path and returns where it goes; nil without a path: the caller drops it.
    public mutating func frame(_ packet: inout PacketBuffer, now: Instant) -> Transmit? {
        guard let way = path.way else { return nil }
        let size = packet.count
        guard let transmit = relays.route(way, &packet) else { return nil }
        path.noteSent(size, now: now)
        return transmit
    }

    /// Authentic application data (SRTP, DTLS) came in: if it came over the path in use, the path is alive.
    public mutating func noteReceived(from remote: SocketAddress, local: SocketAddress, now: Instant) {
        guard path.leads(to: remote, from: local) else { return }
        path.received(now: now)
        if state == .disconnected { settle(now: now) }
    }

    /// A datagram of the application came this way. Where the peer has chosen another pair than ours for it, we follow.
    public mutating func countReceived(_ bytes: Int, from remote: SocketAddress, local: SocketAddress, now: Instant) {
        if path.leads(to: remote, from: local) { return path.noteReceived(bytes, now: now) }
        guard let id = path.follow(dataFrom: remote, local: local, role: role, in: checks.list, now: now) else {
            return
        }
        select(id, nominated: true, now: now)
        settle(now: now)
    }

    // MARK: What comes in

    /// A datagram that RFC 7983 gives to STUN (first byte 0 … 3) or to TURN channels (64 … 79).
    public mutating func handle(
        _ bytes: Span<UInt8>, from remote: SocketAddress, local: SocketAddress, now: Instant
    ) -> ICEInput {
        guard state != .closed else { return .consumed }
        guard let input = relays.handle(bytes, from: remote, local: local, now: now) else {
            guard gathering.isBase(local) else {
                drops.add(.unknownLocalAddress)
                return .consumed
            }
            handleMessage(bytes, from: remote, local: local, now: now)
            return .consumed
        }
        handleRelayEvents(now: now)
        guard case .data(let range, let peer, let relayed) = input else { return .consumed }
        guard let relayed else {
            drops.add(.relayUnknownPeer)
            return .consumed
        }
        let payload = bytes.extracting(range)
        guard STUNMessage.isSTUN(payload) else { return .application(range, from: peer, local: relayed) }
        handleMessage(payload, from: peer, local: relayed, now: now)
        return .consumed
    }

    private mutating func handleMessage(
        _ bytes: Span<UInt8>, from remote: SocketAddress, local: SocketAddress, now: Instant
    ) {
        do {
            let message = try STUNMessage(bytes)
            guard message.type.method == .binding else { return drops.add(.unknownMethod) }
            switch message.type.messageClass {
            case .request: handleRequest(message, from: remote, local: local, now: now)
            case .successResponse, .errorResponse: handleResponse(message, from: remote, local: local, now: now)
            // A keepalive: "no response" (RFC 8445 section 11). Unsigned, so it proves nothing.
            case .indication: break
            }
        } catch {
            drops.add(ICEDrop(error))
        }
    }

    private mutating func handleRequest(
        _ message: borrowing STUNMessage, from remote: SocketAddress, local: SocketAddress, now: Instant
    ) {
        guard let check = checks.handleRequest(message, from: remote, local: local, drops: &drops) else { return }
        guard check.isCurrent else { return handlePrevious(check, now: now) }
        if let new = check.switchedTo { events.append(.roleChanged(new)) }
        guard let base = gathering.endpoint(of: local) else { return }
        guard let endpoint = checks.learnRemote(of: check, now: now) else { return drops.add(.candidateOverLimit) }
        guard let id = pairUp(base, endpoint, now: now) else { return }
        path.received(over: id, now: now)
        checks.checkBack(id, now: now)
        if role == .controlled, check.nominates, checks.noteNomination(of: id, by: check.transaction) {
            switch path.choose(id, in: checks.list, now: now) {
            case .take(let id): select(id, nominated: true, now: now)
            case .ask(let id): checks.ask(id)
            case nil: break
            }
        }
        settle(now: now)
    }

    /// A request of the generation before a restart: followed if it moves the path.
    private mutating func handlePrevious(_ check: PeerCheck, now: Instant) {
        guard let pair = checks.previousPair(base: check.base, remote: check.remote) else { return }
        let nominates = role == .controlled && check.nominates && pair.lastNomination != check.transaction
        if path.previousAsked(over: pair, nominates: nominates, random: &random, now: now) {
            _ = checks.noteNomination(of: pair.id, by: check.transaction)
        }
        settle(now: now)
    }

    private mutating func handleResponse(
        _ message: borrowing STUNMessage, from remote: SocketAddress, local: SocketAddress, now: Instant
    ) {
        switch checks.handleResponse(
            message, from: remote, local: local, standing: path.standing, random: &random, drops: &drops, now: now)
        {
        case .notAsked: return handleServerResponse(message, from: remote, local: local, now: now)
        case .ignored: return
        case .handled, .roleConflict(nil): break
        case .roleConflict(let new?): events.append(.roleChanged(new))
        case .succeeded(let id, let nominates): pairSucceeded(id, nominates: nominates, now: now)
        case .previousSucceeded(let transaction):
            if path.previousAnswered(transaction.pair, now: now) {
                checks.notePrevious(responseTo: transaction, now: now)
            }
        }
        settle(now: now)
    }

    private mutating func handleServerResponse(
        _ message: borrowing STUNMessage, from remote: SocketAddress, local: SocketAddress, now: Instant
    ) {
        switch gathering.handleResponse(message, from: remote, local: local, now: now) {
        case .candidate(let candidate): events.append(.localCandidate(candidate))
        case .nothingNew: break
        case .dropped(let drop): drops.add(drop)
        case nil: return drops.add(.transactionUnknown)
        }
        completeGathering()
    }

    private mutating func pairSucceeded(_ id: Int, nominates: Bool, now: Instant) {
        if path.answered(id, nominates: nominates, role: role, in: checks.list, now: now) {
            return select(id, nominated: true, now: now)
        }
        checks.planNomination(standing: path.standing, now: now)
        selectBest(now: now)
    }

    private mutating func handleRelayEvents(now: Instant) {
        while let event = relays.pollEvent() {
            switch event {
            case .allocated(let endpoints, let mapped):
                if let candidate = mapped.flatMap({ gathering.addReflexive($0) }) {
                    events.append(.localCandidate(candidate))
                }
                for endpoint in endpoints {
                    events.append(.localCandidate(gathering.addRelayed(endpoint)))
                    for remote in checks.remotes { pairUp(endpoint, remote, now: now) }
                }
            case .permitted(let peer, let relayed): checks.permit(peer, at: relayed)
            case .denied(let peer, let relayed): checks.deny(peer, at: relayed, standing: path.standing, now: now)
            case .channelBound: break
            case .lost(let relay): relayLost(relay, now: now)
            }
            settle(now: now)
        }
        completeGathering()
    }

    private mutating func relayLost(_ relay: LostRelay, now: Instant) {
        for address in relay.relayed { leave(address, now: now) }
        completeGathering()
        for event in relay.events { events.append(event) }
        if gathering.isBase(relay.base), relays.replace(relay, random: &random, now: now) { gathering.reopen() }
    }

    // MARK: What goes out

    /// Writes the next datagram that is due into `packet`, replacing what is in it.
    public mutating func pollTransmit(into packet: inout PacketBuffer, now: Instant) -> Transmit? {
        if let transmit = relays.pollTransmit(into: &packet, now: now) { return transmit }
        guard state != .closed else { return nil }
        while true {
            packet.removeAll()
            guard let transmit = pollDirect(into: &packet, now: now) else { return nil }
            // A relay that cannot send it loses it, as a network would; the next one may go another way.
            if let routed = relays.route(transmit, &packet) { return routed }
        }
    }

    private mutating func pollDirect(into packet: inout PacketBuffer, now: Instant) -> Transmit? {
        if let transmit = checks.pollResponse(into: &packet) { return transmit }
        if let transmit = checks.pollRetransmission(into: &packet, now: now) { return transmit }
        if let pair = path.nextConsentCheck(random: &random, now: now),
            let transmit = checks.askConsent(pair, into: &packet, random: &random, now: now)
        {
            return transmit
        }
        if let transmit = gathering.pollTransmit(
            into: &packet, pacing: &pacing, keepsAlive: needsKeepalives, random: &random, now: now)
        {
            return transmit
        }
        // Checks and allocations in turn: neither waits until the other has nothing left.
        if isAllocationsTurn, let transmit = relays.pollAllocation(into: &packet, pacing: &pacing, now: now) {
            isAllocationsTurn = false
            return transmit
        }
        if let (transmit, pair) = checks.pollCheck(
            into: &packet, standing: path.standing, pacing: &pacing, random: &random, now: now)
        {
            path.checked(pair, now: now)
            isAllocationsTurn = true
            return transmit
        }
        return relays.pollAllocation(into: &packet, pacing: &pacing, now: now)
    }

    private var needsKeepalives: Bool { !path.standing.isNominated && state != .failed }

    // MARK: Which pair

    /// Data takes this pair from now on.
    private mutating func select(_ id: Int, nominated: Bool, now: Instant) {
        guard let pair = checks.list[id: id], pair.isValid else { return }
        if nominated { checks.endNomination(with: id) }
        let isOther = path.take(pair, nominated: nominated, random: &random, now: now)
        if isOther, pair.local.type == .relayed {
            relays.bindChannel(to: pair.remote.address, at: pair.local.base, now: now)
        }
    }

    private mutating func selectBest(now: Instant) {
        if let best = path.best(in: checks.list, now: now) { select(best, nominated: false, now: now) }
    }

    private mutating func enter(_ new: ICEState) {
        if path.enter(new) { events.append(.stateChanged(new)) }
    }

    /// Derives path and state from what the machines hold. Called after everything that can change them.
    private mutating func settle(now: Instant) {
        guard state != .closed else { return }
        guard let pair = path.carrier.flatMap({ checks.pair($0) }) else {
            showPath(of: nil)
            return enter(
                path.stateWithoutPair(
                    hasRemote: checks.hasRemote, isExhausted: checks.list.isExhausted, now: now))
        }
        showPath(of: pair)
        guard path.isQuiet(now: now) else { return enter(path.isNominated ? .completed : .connected) }
        if state != .disconnected {
            if let other = path.unusedChoice(role: role, in: checks.list, now: now) {
                select(other, nominated: true, now: now)
                return settle(now: now)
            }
            checks.recheck(except: path.standing.selected)
        }
        enter(.disconnected)
    }

    private mutating func showPath(of pair: CandidatePair?) {
        if let before = path.count(for: pair) { checks.keep(before.traffic, of: before.pair) }
        let selected = pair.map { pair in
            let way = relays.route(of: pair.local.base)
            return SelectedPath(
                base: way?.source ?? pair.local.base, remote: pair.remote.address,
                localType: gathering.localType(of: pair),
                remoteType: pair.remote.type, relay: way == nil ? nil : pair.local.base,
                isNominated: path.isNominated)
        }
        if path.show(selected) { events.append(.selectedPathChanged(selected)) }
    }

    /// The pair that carries data, with its counts; nil without one.
    public var selectedPair: SelectedPair? {
        guard let pair = path.carrier.flatMap({ checks.pair($0) }) else { return nil }
        let server = pair.mappedAddress.flatMap { gathering.server(of: $0, base: pair.local.base) }
        return SelectedPair(
            of: pair, localType: gathering.localType(of: pair), server: server,
            relay: relays.route(of: pair.local.base),
            isNominated: path.isNominated, traffic: path.traffic)
    }

    // MARK: Time

    /// Does what is due by now. Poll for datagrams and events afterwards.
    public mutating func handleTimeout(now: Instant) {
        guard state != .closed else { return }
        checks.expireTransactions(standing: path.standing, now: now)
        gathering.handleTimeout(now: now)
        completeGathering()
        if relays.handleTimeout(bases: gathering.bases, random: &random, now: now) { gathering.reopen() }
        handleRelayEvents(now: now)
        relays.giveUpLate(now: now)
        completeGathering()
        expireConsent(now: now)
        checks.handleTimeout(standing: path.standing, now: now)
        if let choice = path.settleDoubt(role: role, in: checks.list, now: now) {
            select(choice, nominated: true, now: now)
        }
        if let silent = path.nextQuestion(now: now) { checks.ask(silent) }
        settle(now: now)
    }

    private mutating func expireConsent(now: Instant) {
        if let pair = path.expireConsent(now: now) {
            checks.invalidate(pair)
            selectBest(now: now)
            if path.carrier == nil { events.append(.consentExpired) }
        }
        if path.expirePreviousConsent(now: now) {
            selectBest(now: now)
            if path.carrier == nil { events.append(.consentExpired) }
        }
        // The path went with its address, and nothing has taken its place.
        if path.expireLostConsent(now: now) { events.append(.consentExpired) }
    }

    /// The earliest moment at which something is due.
    public var nextTimeout: Wake? {
        guard state != .closed else { return nil }
        var wake = checks.nextTimeout(standing: path.standing, pacing: pacing)
        wake = .earliest(wake, gathering.nextTimeout(pacing: pacing, keepsAlive: needsKeepalives))
        wake = .earliest(wake, relays.nextTimeout(isGathering: !gathering.isComplete, pacing: pacing))
        return .earliest(
            wake, path.nextTimeout(hasRemote: checks.hasRemote, isExhausted: checks.list.isExhausted))
    }
}
