public import Primitives
public import Signaling
public import SocketIO

/// What every client of the server does with the others: the contract, without a socket, a clock or a disk.
///
///     CONNECT ──token──▶ connected ──register-kiosk, register-monitor──▶ registered ──▶ gone
///
/// The driver tells it what sockets and records did, and performs `takeActions()` in order. It joins machines that know nothing of each
/// other: `Clients` says who is connected and what each may send, `Presence` which kiosks are online, `OwnedSessions` who watches what and
/// whose kiosk it is, `Outbox` in which order things are done and what waits for the records.
public struct Hub: Sendable {
    /// As it was made with.
    public let settings: Settings
    /// The accounts as far as the records have said.
    public internal(set) var directory: Directory
    /// The kiosks of this node.
    public internal(set) var presence: Presence
    var clients: Clients
    var owned: OwnedSessions
    var outbox: Outbox
    /// All but what `Clients` counts.
    var counted: HubMetrics

    /// - Parameters:
    ///   - random: what names of sessions are drawn from.
    ///   - node: this node's name.
    ///   - others: the other nodes that share the records, all of them; none of a single one.
    public init(
        _ settings: Settings, random: RandomSource, node: NodeID = NodeID(rawValue: "single"), others: [NodeID] = []
    ) {
        self.settings = settings
        directory = Directory()
        presence = Presence()
        clients = Clients(
            messagesPerSecond: settings.messagesPerSecond, recoveryWindow: settings.recoveryWindow)
        owned = OwnedSessions(settings.rules, random: random, node: node, others: others)
        outbox = Outbox()
        counted = HubMetrics()
    }

    /// What to do, in order. Empty when there is nothing.
    public mutating func takeActions() -> [Action] { outbox.take() }

    /// The sessions of this node's kiosks.
    public var sessions: MonitoringSessions { owned.sessions }

    /// What has happened since the start.
    public var metrics: HubMetrics {
        var metrics = counted
        metrics.events = clients.admittedEvents
        metrics.ignoredEvents = clients.ignoredEvents
        return metrics
    }

    /// Of a client that was let in.
    public func account(of socket: SocketID) -> String? { clients[socket]?.account }

    /// Clients let in, of one role.
    public func clientCount(of role: Role) -> Int { clients.count(of: role) }

    /// The kiosks of an organization, as its monitors see them, by id.
    public func kioskList(of organization: String) -> [KioskEntry] {
        directory.kiosks(of: organization).compactMap { id in
            directory[id].map { owned.entry(of: $0, presence) }
        }
    }

    /// What a user's TURN credentials are made from, if they are made now.
    public func iceCredentials(for user: String, now: Moment) -> ICECredentialArguments {
        ICECredentialArguments(for: user, lifetime: settings.iceCredentialLifetime, now: now.wall)
    }

    // MARK: Sockets

    /// A client wants in; its token has been verified.
    /// - Parameter recovers: the lost socket that it was and wants to go on as.
    public mutating func connecting(
        _ socket: SocketID, _ claims: TokenClaims, recovers lost: SocketID? = nil, address: IPAddress?, now: Moment
    ) {
        do throws(SignalingError) {
            let account = try directory.admit(claims)
            let isRecovering = clients.admitted(
                socket, account, claims, from: address, recovers: lost, now: now.instant)
            outbox.act(.accept(socket, recovering: isRecovering))
            if isRecovering { recovered(socket, now: now) }
        } catch {
            refused(socket, error)
        }
    }

    /// A client wants in and may not.
    public mutating func refused(_ socket: SocketID, _ error: SignalingError) {
        counted.refused(error.code)
        outbox.act(.refuse(socket, error))
    }

    /// A socket is gone.
    /// - Parameter mayReturn: whether its client may not even know.
    public mutating func disconnected(_ socket: SocketID, mayReturn: Bool = false, now: Moment) {
        guard let state = clients.remove(socket), state.isRegistered else { return }
        lost(socket, state, now: now)
        if mayReturn { clients.mayReturn(socket, state, now: now.instant) }
    }

    private mutating func lost(_ socket: SocketID, _ state: ClientState, now: Moment) {
        switch state.role {
        case .kiosk:
            guard presence.kioskSocketLost(state.account, socket: socket, now: now) else { return }
            wentOffline(state.account, now: now)
        case .monitor:
            perform(owned.sessions.monitorLost(state.account, address: .here(socket), now: now), now: now)
            tellNodes(.monitorLost(id: state.account, socket))
        case .admin: break
        }
    }

    private mutating func wentOffline(_ kioskId: String, now: Moment) {
        perform(owned.sessions.kioskLost(kioskId, now: now), now: now)
        outbox.act(.note(.kioskWent(id: kioskId)))
        announce(kioskId, .offline)
    }

    /// This side ends a socket. Nothing is heard of it afterwards.
    mutating func disconnect(_ socket: SocketID, now: Moment) {
        outbox.act(.disconnect(socket))
        if let state = clients.remove(socket), state.isRegistered { lost(socket, state, now: now) }
    }

    // MARK: The records

    /// Accounts, keys or revocations changed, here or by another process.
    public mutating func directoryChanged(_ snapshot: Directory.Snapshot, now: Moment) {
        let before = directory
        directory.update(snapshot)
        for (socket, account) in clients.revoked(by: directory) {
            if directory[account]?.isDisabled ?? true { perform(owned.sessions.accountRevoked(account), now: now) }
            disconnect(socket, now: now)
        }
        // Somebody whose socket is in its grace period has none that could be found above.
        for session in owned.sessions.all {
            for account in [session.kioskId, session.monitorId] where directory[account]?.isDisabled ?? true {
                perform(owned.sessions.accountRevoked(account), now: now)
            }
        }
        for account in snapshot.accounts
        where account.role == .kiosk && before[account.id]?.isShown(as: account) != true {
            announceHere(account.id, owned.entry(of: account, presence).online ? .status : .offline)
        }
    }

    /// A family of tokens was revoked by this process.
    public mutating func familyRevoked(_ family: String, now: Moment) {
        directory.revoke(family: family)
        for (socket, state) in clients.all where state.family == family { disconnect(socket, now: now) }
    }

    /// The records hold a crew event, or did so before.
    public mutating func crewStored(_ record: CrewRecord, isNew: Bool, _ reply: PendingReply) {
        outbox.answer(reply, .ok)
        guard isNew else {
            counted.crewEventsRepeated += 1
            return
        }
        counted.crewEventsStored += 1
        announceHere(record)
        tellNodes(.crewStored(record))
    }

    /// The records failed; the kiosk keeps the event and sends it again.
    public mutating func crewFailed(_ reply: PendingReply) {
        counted.crewEventsFailed += 1
        refuse(reply, Refusal(.internalError, "the event could not be stored"))
    }

    /// The records hold a session's beginning.
    public mutating func sessionStored(_ id: String) {
        counted.sessionsStarted += 1
        outbox.recorded(id)
    }

    /// The records would not take it, so there is no such session.
    public mutating func sessionNotStored(_ id: String, now: Moment) {
        let starts = outbox.notRecorded(id)
        if let session = owned.sessions.abandoned(sessionId: id) { announce(session.kioskId, .status) }
        for reply in starts {
            refuse(reply, Refusal(.internalError, "the session could not be recorded"))
        }
    }

    /// What was going on when the server last stopped. Sessions of other nodes are left to them.
    /// - Parameter ended: the latest that had ended, the oldest first.
    public mutating func restore(_ open: [SessionRecord], ended: [SessionRecord] = [], now: Moment) {
        for session in owned.restored(open, ended: ended, directory, now: now) {
            outbox.act(.store(.sessionEnded(id: session, .serverShutdown, principal: .server, at: now.wall)))
        }
    }

    // MARK: Administration

    /// An administrator ended a session of the organization, or a monitor its own: a page that is being closed has no
    /// time to say so on its socket.
    /// - Parameter reason: why, in an administrator's words, for the audit.
    /// - Returns: false when there is no such session that the account may end.
    public mutating func sessionEnded(
        by account: Account, sessionId: String, reason: String? = nil, now: Moment
    ) -> Bool {
        switch owned.endRequested(by: account, sessionId: sessionId, directory) {
        case .ended(let actions):
            let ender = account.role == .admin ? SessionEnder(account.id, reason: reason) : nil
            perform(actions, principal: ender, now: now)
            return true
        case .elsewhere(let node):
            outbox.act(.send(.sessionEnded(sessionId: sessionId, by: account, reason: reason), to: node))
            return true
        case .refused: return false
        }
    }

    /// Sessions end with the server; without this they wait for it to come back.
    public mutating func shutDown(now: Moment) {
        perform(owned.sessions.serverShutDown(), principal: .server, now: now)
    }

    /// What is to be written down before the end.
    public mutating func saveLastSeen() { save(presence.takeLastSeen()) }

    private mutating func save(_ seen: [(id: String, at: WallClock)]) {
        if !seen.isEmpty { outbox.act(.store(.lastSeen(seen))) }
    }

    // MARK: Time

    /// Also when nothing is due.
    public mutating func handleTimeout(now: Moment) {
        perform(owned.handleNodeTimeouts(clients, presence, now: now.instant), now: now)
        perform(owned.sessions.handleTimeout(now: now.instant), now: now)
        for kiosk in presence.handleTimeout(now: now.instant) { wentOffline(kiosk, now: now) }
        clients.handleTimeout(now: now.instant)
        save(presence.takeLastSeenDue(now: now.instant))
    }

    /// When `handleTimeout` is to be called next at the latest.
    public var nextTimeout: Instant? { min(presence.nextTimeout, owned.nextTimeout ?? .distantFuture) }
}
