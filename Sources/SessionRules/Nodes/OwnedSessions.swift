internal import Primitives
internal import Signaling
internal import SocketIO

/// The sessions of the kiosks that this node owns, and their ways from one owner to the next. The node that holds a kiosk's socket owns its
/// session: monitors of other nodes are served by messages to it, and what their sockets are to receive comes back the same way. A single
/// node has nobody to talk to, and nothing here changes what it does.
///
/// What is decided about one kiosk is `MonitoringSessions`', whose kiosk it is `KioskOwnership`'s; here both are brought together. Who is
/// connected to this node is an argument (`Clients`, `Presence`).
struct OwnedSessions: Sendable {
    /// What is to be done, in order.
    enum Action: Hashable, Sendable {
        case session(MonitoringSessions.Action)
        case send(NodeMessage, to: NodeID)
        /// At once, also where the session's beginning is not recorded.
        case deliver(ServerEvent, to: Address)
        case refuse(PendingReply, Refusal)
        /// Nothing is heard any more of the socket of a kiosk that another node holds.
        case letGo(SocketID, kioskId: String)
        /// A session that was handed over has arrived nowhere.
        case recordLoss(sessionId: String)
        /// To the kiosk's monitors at this node.
        case announceHere(kioskId: String, KioskChange)
        /// At every node.
        case announce(kioskId: String, KioskChange)
    }

    /// For the ways between clients and nodes.
    private static let margin: Duration = .seconds(10)

    var sessions: MonitoringSessions
    private var ownership: KioskOwnership
    private var random: RandomSource

    /// - Parameters:
    ///   - others: the other nodes that share the records, all of them; none of a single one.
    ///   - random: what names of sessions are drawn from.
    init(_ rules: MonitoringSessions.Rules, random: RandomSource, node: NodeID, others: [NodeID]) {
        sessions = MonitoringSessions(rules)
        ownership = KioskOwnership(
            node, others: others, waitingLimit: Presence.silenceLimit + rules.gracePeriod + OwnedSessions.margin)
        self.random = random
    }

    /// Nodes that hear this one, in order.
    var joined: [NodeID] { ownership.joined }

    /// Whether the kiosk's socket is this node's, or was last.
    func holds(_ kioskId: String) -> Bool { ownership.holds(kioskId) }

    /// An address that another node wrote, as this one sees it.
    func read(_ address: Address, from node: NodeID) -> Address { address.read(by: ownership.own, from: node) }

    // MARK: What monitors ask

    /// The node that serves what a monitor asks of a kiosk; nil for this one.
    /// - Parameter forwards: how many nodes have passed it on.
    func server(of kioskId: String, forwards: Int) throws(Refusal) -> NodeID? {
        guard !ownership.holds(kioskId), sessions.session(ofKiosk: kioskId) == nil,
            let remote = ownership.remote(kioskId)
        else { return nil }
        // Twice is a kiosk that moves faster than the nodes learn of it.
        guard ownership.isJoined(remote.node), forwards < 2 else { throw .nodeUnavailable }
        return remote.node
    }

    /// Whether another node may still have a session of the kiosk.
    func isDisputed(_ kioskId: String) -> Bool { ownership.holds(kioskId) && !ownership.isSettled(kioskId) }

    /// - Parameter kiosk: nil when there is none of that name.
    mutating func startRequested(
        by monitor: Party, kiosk: MonitoringSessions.Kiosk?, now: Moment
    ) throws(Refusal) -> [MonitoringSessions.Action] {
        try sessions.startRequested(by: monitor, kiosk: kiosk, newId: newIdentifier(), now: now)
    }

    /// 128 random bits in base64url.
    private mutating func newIdentifier() -> String {
        var bytes: [UInt8] = []
        for word in [random.next(), random.next()] {
            for shift in stride(from: 56, through: 0, by: -8) { bytes.append(UInt8(truncatingIfNeeded: word >> shift)) }
        }
        return Base64.encode(bytes.span, alphabet: .url)
    }

    /// Those of the named sessions in which a monitor goes on, here or at another node.
    func going(_ named: [String], ofMonitor id: String) -> [String] {
        let here = sessions.going(named, ofMonitor: id)
        return named.filter { here.contains($0) || ownership.remoteSession($0)?.state?.monitoredBy == id }
    }

    /// What becomes of a request by HTTP to end a session.
    enum End: Hashable, Sendable {
        case ended([MonitoringSessions.Action])
        /// The node that ends it.
        case elsewhere(NodeID)
        /// There is no such session that the account may end.
        case refused
    }

    /// An administrator may end each session of the organization, a monitor its own.
    mutating func endRequested(by account: Account, sessionId: String, _ directory: Directory) -> End {
        guard let session = sessions[sessionId] else {
            return endElsewhere(by: account, sessionId: sessionId, directory)
        }
        guard session.organization == account.organization else { return .refused }
        switch account.role {
        case .admin: return .ended(sessions.endedByAdmin(sessionId: sessionId))
        case .monitor:
            return session.monitorId == account.id
                ? .ended(sessions.endedByMonitor(sessionId: sessionId)) : .refused
        case .kiosk: return .refused
        }
    }

    private func endElsewhere(by account: Account, sessionId: String, _ directory: Directory) -> End {
        guard let remote = ownership.remoteSession(sessionId), ownership.isJoined(remote.node),
            let state = remote.state, directory[state.kioskId]?.organization == account.organization,
            account.role == .admin || state.monitoredBy == account.id
        else { return .refused }
        return .elsewhere(remote.node)
    }

    // MARK: A restart

    /// What was going on when this node last stopped. A session whose record names another node is left to that one.
    /// - Returns: those that cannot go on, and have ended with the server.
    mutating func restored(
        _ open: [SessionRecord], ended: [SessionRecord], _ directory: Directory, now: Moment
    ) -> [String] {
        for session in ended {
            sessions.remembered(
                session.id, kioskId: session.kioskId, monitorId: session.monitorId,
                reason: session.endReason ?? .serverShutdown)
        }
        var over: [String] = []
        for session in open where session.node == nil || session.node == ownership.own {
            guard directory[session.kioskId]?.isDisabled == false, directory[session.monitorId]?.isDisabled == false,
                sessions.session(ofKiosk: session.kioskId) == nil
            else {
                over.append(session.id)
                sessions.remembered(
                    session.id, kioskId: session.kioskId, monitorId: session.monitorId, reason: .serverShutdown)
                continue
            }
            sessions.restored(
                session.id, kioskId: session.kioskId, monitorId: session.monitorId, clientId: session.clientId,
                organization: session.organization, startedAt: session.startedAt,
                isNegotiated: session.negotiatedAt != nil, now: now)
        }
        return over
    }

    // MARK: Kiosks come, here and elsewhere

    /// A kiosk has registered here. What that means for its session is decided once no other node may have one.
    mutating func kioskRegistered(
        _ kioskId: String, carried: [String]?, replacing earlier: SocketID?, _ clients: Clients, _ presence: Presence,
        now: Instant
    ) -> [Action] {
        let claim = ownership.claim(
            kioskId, carried: carried, replaced: earlier.map { .here($0) },
            mayWait: sessions.session(ofKiosk: kioskId) == nil, now: now)
        return toAll(.kioskClaimed(claim)) + settle(kioskId, clients, presence, now: now)
    }

    /// A kiosk that was silent is heard again, on the same socket.
    mutating func kioskReturned(_ kioskId: String, address: Address) -> [MonitoringSessions.Action] {
        guard ownership.isSettled(kioskId) else { return [] }
        return sessions.kioskRegistered(kioskId, address: address, carried: nil, replacing: nil)
    }

    /// Registers a kiosk with the sessions as soon as its claim is settled.
    mutating func settle(
        _ kioskId: String, _ clients: Clients, _ presence: Presence, now: Instant
    ) -> [Action] {
        guard let settled = ownership.settle(kioskId, now: now) else { return [] }
        var actions: [Action] = []
        if let before = settled.earlierState, let id = before.sessionId, sessions[id] == nil {
            actions += tellMonitor(of: before, clients)
        }
        guard let socket = presence.socket(ofKiosk: kioskId) else { return actions }
        return actions
            + OwnedSessions.wrap(
                sessions.kioskRegistered(
                    kioskId, address: .here(socket), carried: settled.claim.carried, replacing: settled.replaced))
    }

    /// Another node holds a kiosk's socket.
    /// - Parameter isRecorded: whether the records have the beginning of the kiosk's session.
    mutating func kioskClaimed(
        _ claim: KioskClaim, by node: NodeID, isRecorded: Bool, _ presence: Presence, now: Instant
    ) -> [Action] {
        let kioskId = claim.kioskId
        guard ownership.claimed(claim, by: node) else { return [] }
        var actions: [Action] = []
        let earlier = presence.socket(ofKiosk: kioskId)
        if let earlier { actions.append(.letGo(earlier, kioskId: kioskId)) }
        if let session = sessions.session(ofKiosk: kioskId) {
            let goesOn = claim.carried.map { $0.contains(session.id) } ?? (earlier == nil)
            if goesOn, isRecorded {
                if let handed = sessions.handOver(kioskId: kioskId, now: now) {
                    ownership.handOver(handed, to: node, now: now)
                }
            } else {
                actions += OwnedSessions.wrap(sessions.kioskReplaced(kioskId, now: now))
            }
        }
        let release = KioskRelease(
            kioskId: kioskId, number: claim.number, session: ownership.handedOver(kioskId, to: node),
            ended: sessions.takeEnded(ofKiosk: kioskId, carried: claim.carried))
        actions.append(.send(.kioskReleased(release), to: node))
        return actions
    }

    /// Another node lets go of a kiosk, and gives its session away if it had one. `settle` follows.
    mutating func kioskReleased(
        _ release: KioskRelease, by node: NodeID, _ clients: Clients, _ presence: Presence, now: Instant
    ) -> [Action] {
        var actions: [Action] = []
        for session in release.ended { sessions.remembered(session) }
        if release.session == nil, let lost = ownership.handedOver(release.kioskId, to: node) {
            // Handed over to a node that the kiosk has left since: it did not get the session, or has ended it.
            ownership.taken(lost.id)
            actions += handOverFailed(lost, presence)
        }
        if let session = release.session {
            actions.append(.send(.sessionTaken(session.id), to: node))
            actions += takeOver(session, from: node, clients, presence, now: now)
        }
        ownership.released(release.kioskId, number: release.number, by: node)
        return actions
    }

    /// What was handed over has arrived.
    mutating func sessionTaken(_ id: String) { ownership.taken(id) }

    private mutating func takeOver(
        _ session: HandedOverSession, from node: NodeID, _ clients: Clients, _ presence: Presence, now: Instant
    ) -> [Action] {
        ownership.taken(session.id)
        var session = session
        session.monitorAddress = session.monitorAddress.map { read($0, from: node) }
        if let remote = ownership.remote(session.kioskId), !ownership.holds(session.kioskId) {
            // The kiosk has moved on, and so does its session.
            ownership.handOver(session, to: remote.node, now: now)
            let release = KioskRelease(kioskId: session.kioskId, number: remote.number, session: session, ended: [])
            return [.send(.kioskReleased(release), to: remote.node)]
        }
        let monitor = reachable(session.monitorAddress, clients)
        guard sessions.takeOver(session, monitor: monitor, now: now) else { return [] }
        var actions: [Action] = []
        if monitor == nil {
            for party in clients.registeredMonitors(session.monitorId) {
                actions += OwnedSessions.wrap(sessions.monitorRegistered(party, carried: nil))
            }
            actions += toAll(.monitorSought(id: session.monitorId))
        }
        if let socket = presence.socket(ofKiosk: session.kioskId) {
            actions += OwnedSessions.wrap(kioskReturned(session.kioskId, address: .here(socket)))
        }
        actions.append(.announce(kioskId: session.kioskId, .status))
        return actions
    }

    private func reachable(_ address: Address?, _ clients: Clients) -> Address? {
        switch address {
        case .here(let socket)?: clients[socket] != nil ? address : nil
        case .node(let node, _)?: ownership.isJoined(node) ? address : nil
        case nil: nil
        }
    }

    private mutating func handOverFailed(_ session: HandedOverSession, _ presence: Presence) -> [Action] {
        guard !sessions.hasEnded(session.id) else { return [] }
        var actions = OwnedSessions.wrap(sessions.handOverFailed(session))
        actions.append(.recordLoss(sessionId: session.id))
        if ownership.isSettled(session.kioskId), let socket = presence.socket(ofKiosk: session.kioskId) {
            actions += OwnedSessions.wrap(sessions.tellEnded(toKiosk: session.kioskId, on: .here(socket)))
        }
        return actions
    }

    // MARK: Nodes come and go

    /// Another node hears this one, and knows nothing of what is here.
    mutating func nodeJoined(_ node: NodeID, _ clients: Clients, _ presence: Presence) -> [Action] {
        ownership.nodeJoined(node)
        var actions: [Action] = []
        for claim in ownership.claims {
            actions.append(.send(.kioskClaimed(claim), to: node))
            if let state = state(ofKiosk: claim.kioskId, presence) {
                actions.append(.send(.kioskChanged(state, state.online ? .online : .offline), to: node))
            }
        }
        for party in clients.registeredMonitors() {
            actions.append(.send(.monitorRegistered(party, carried: nil), to: node))
        }
        return actions
    }

    /// Another node is gone, or has forgotten this one.
    /// - Parameter undelivered: what may not have reached it.
    mutating func nodeLeft(_ node: NodeID, undelivered: [NodeMessage], now: Moment) -> [Action] {
        ownership.nodeLeft(node, now: now.instant)
        var actions = ownership.onlineKiosks(of: node).map { Action.announceHere(kioskId: $0, .offline) }
        actions += OwnedSessions.wrap(sessions.nodeLost(node, now: now))
        for message in undelivered {
            switch message {
            case .deliver(.event(.monitoringStopped(_, let session, _)), _): sessions.notTold(ofMonitorIn: session)
            case .request(_, let party, let reply, _):
                if case .here = party.address { actions.append(.refuse(reply, .nodeUnavailable)) }
            // Whoever joins is told all of these again, or has given up waiting.
            case .deliver, .kioskClaimed, .kioskReleased, .sessionTaken, .kioskChanged, .monitorRegistered,
                .monitorLost, .monitorSought, .crewStored, .sessionEnded:
                break
            }
        }
        return actions
    }

    /// Another node told of one of its kiosks; one that is not its own any more is left alone.
    mutating func kioskChanged(
        _ state: KioskState, _ change: KioskChange, by node: NodeID, _ clients: Clients
    ) -> [Action] {
        guard let changed = ownership.changed(state, by: node) else { return [] }
        return (changed.missedEnd.map { tellMonitor(of: $0, clients) } ?? [])
            + [.announceHere(kioskId: state.kioskId, change)]
    }

    /// Another node has taken a session over and does not know where its monitor is.
    func monitorSought(_ id: String, by node: NodeID, _ clients: Clients) -> [Action] {
        clients.registeredMonitors(id).map { .send(.monitorRegistered($0, carried: nil), to: node) }
    }

    // MARK: What monitors see

    /// What other nodes are told of a kiosk; nil of one that this node does not hold.
    func state(ofKiosk kioskId: String, _ presence: Presence) -> KioskState? {
        guard let number = ownership.number(of: kioskId) else { return nil }
        let seen = presence.seen(kioskId)
        let session = sessions.session(ofKiosk: kioskId)
        return KioskState(
            kioskId: kioskId, number: number, online: seen.online, lastSeen: seen.lastSeen, status: seen.status,
            sessionId: session?.id, monitoredBy: session?.monitorId)
    }

    /// A kiosk's entry, wherever it is connected.
    func entry(of account: Account, _ presence: Presence) -> KioskEntry {
        guard !ownership.holds(account.id), let remote = ownership.remote(account.id), let state = remote.state else {
            return presence.entry(of: account, monitoredBy: sessions.session(ofKiosk: account.id)?.monitorId)
        }
        let isKnown = ownership.isJoined(remote.node)
        return KioskEntry(
            kioskId: account.id, displayName: account.displayName, online: isKnown && state.online,
            lastSeen: (state.lastSeen ?? account.lastSeenAt)?.text, monitoredBy: isKnown ? state.monitoredBy : nil,
            status: isKnown ? state.status.map { KioskStatus(fields: $0) } : nil)
    }

    /// The session of which another node spoke is no more, and how it ended its monitor has not heard from that node.
    private func tellMonitor(of state: KioskState, _ clients: Clients) -> [Action] {
        guard let id = state.sessionId, let monitor = state.monitoredBy else { return [] }
        let event = ServerEvent.monitoringStopped(kioskId: state.kioskId, sessionId: id, reason: .kioskDisconnected)
        return clients.registeredMonitors(monitor).map { .deliver(event, to: $0.address) }
    }

    // MARK: Time

    /// Gives up waiting for other nodes. When sessions end is theirs to say.
    mutating func handleNodeTimeouts(_ clients: Clients, _ presence: Presence, now: Instant) -> [Action] {
        let due = ownership.handleTimeout(now: now)
        var actions: [Action] = []
        for session in due.sessions { actions += handOverFailed(session, presence) }
        for kiosk in due.claims { actions += settle(kiosk, clients, presence, now: now) }
        for state in due.orphans { actions += tellMonitor(of: state, clients) }
        return actions
    }

    /// When the first deadline is; nil when there is none.
    var nextTimeout: Instant? {
        guard let sessions = sessions.nextTimeout else { return ownership.nextTimeout }
        return min(sessions, ownership.nextTimeout ?? .distantFuture)
    }

    private func toAll(_ message: NodeMessage) -> [Action] { ownership.joined.map { .send(message, to: $0) } }

    private static func wrap(_ actions: [MonitoringSessions.Action]) -> [Action] { actions.map { .session($0) } }
}

extension Refusal {
    /// The kiosk's node does not answer, or another one may still have its session: the client tries again.
    static var nodeUnavailable: Refusal { Refusal(.internalError, "the kiosk's server does not answer, try again") }
}
