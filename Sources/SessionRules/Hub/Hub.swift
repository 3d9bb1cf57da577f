internal import JSON
public import Primitives
public import Signaling
public import SocketIO

/// What every client of the server does with the others: the contract, without a socket, a clock or a disk.
///
///     CONNECT ──token──▶ connected ──register-kiosk, register-monitor──▶ registered ──▶ gone
///
/// The driver tells it what sockets and records did, and performs `takeActions()` in order. Sessions are
/// `MonitoringSessions`', who is online is `Presence`'s; what is checked here is who may say what.
public struct Hub: Sendable {
    public struct Settings: Sendable {
        public var rules: MonitoringSessions.Rules
        public var messagesPerSecond: Int
        /// How long the TURN credentials are good that clients are given.
        public var iceCredentialLifetime: Duration
        /// How long a lost socket's client may come back as what it was; nil where it begins anew.
        public var recoveryWindow: Duration?

        public init(
            rules: MonitoringSessions.Rules = .init(), messagesPerSecond: Int = 50,
            iceCredentialLifetime: Duration = .seconds(3600), recoveryWindow: Duration? = nil
        ) {
            self.recoveryWindow = recoveryWindow
            self.rules = rules
            self.messagesPerSecond = messagesPerSecond
            self.iceCredentialLifetime = iceCredentialLifetime
        }
    }

    public enum Action: Sendable {
        /// `recovering` lets it have what the socket that it was has missed.
        case accept(SocketID, recovering: Bool)
        case refuse(SocketID, SignalingError)
        case emit(ServerEvent, to: SocketID)
        /// The driver signs the credentials and puts the servers into the event.
        case emitWithICEServers(ICEServersEvent, ICECredentialArguments, to: SocketID)
        case broadcast(ServerEvent, to: [SocketID])
        case acknowledge(SocketID, AcknowledgementID, Acknowledgement)
        /// Ends the connection from this side.
        case disconnect(SocketID)
        case store(StoreRequest)
        case note(Note)
        /// For an address that is another node's.
        case send(NodeMessage, to: NodeID)
    }

    /// What the records are to keep, in this order.
    public enum StoreRequest: Sendable {
        case crew(CrewRecord, PendingReply)
        case sessionBegan(MonitoringSession)
        case sessionNegotiated(id: String, at: WallClock)
        case sessionMoved(id: String, clientId: String?)
        case sessionReported(SessionReport, at: WallClock)
        /// `principal` is nil where the monitor itself or circumstances ended it.
        case sessionEnded(id: String, SessionEndReason, principal: String?, at: WallClock)
        case audit(AuditEntry)
        case lastSeen([(id: String, at: WallClock)])
        /// What it said of itself.
        case kioskRegistered(id: String, version: String?, hostname: String?)
    }

    /// What the log is told.
    public enum Note: Sendable {
        case kioskCame(id: String, address: IPAddress?, version: String?)
        case kioskWent(id: String)
    }

    public let settings: Settings
    public internal(set) var directory: Directory
    public internal(set) var sessions: MonitoringSessions
    public internal(set) var presence: Presence
    public internal(set) var metrics: HubMetrics
    var clients: Clients
    var unrecorded: UnrecordedSessions
    private var random: RandomSource
    private var actions: [Action]
    private var lastSeenDue: Instant?

    /// How often the records learn when kiosks were seen; nobody needs it from the disk sooner.
    private static let lastSeenInterval: Duration = .seconds(30)

    /// - Parameter random: what names of sessions are drawn from.
    public init(_ settings: Settings, random: RandomSource) {
        self.settings = settings
        directory = Directory()
        sessions = MonitoringSessions(settings.rules)
        presence = Presence()
        metrics = HubMetrics()
        clients = Clients(
            messagesPerSecond: settings.messagesPerSecond, recoveryWindow: settings.recoveryWindow)
        unrecorded = UnrecordedSessions()
        self.random = random
        actions = []
        lastSeenDue = nil
    }

    /// What to do, in order. Empty when there is nothing.
    public mutating func takeActions() -> [Action] {
        guard !actions.isEmpty else { return [] }
        let taken = actions
        actions = []
        return taken
    }

    mutating func act(_ action: Action) { actions.append(action) }

    /// 128 random bits in base64url.
    mutating func newIdentifier() -> String {
        var bytes: [UInt8] = []
        for word in [random.next(), random.next()] {
            for shift in stride(from: 56, through: 0, by: -8) { bytes.append(UInt8(truncatingIfNeeded: word >> shift)) }
        }
        return Base64.encode(bytes.span, alphabet: .url)
    }

    /// Of a client that was let in.
    public func account(of socket: SocketID) -> String? { clients[socket]?.account }

    /// Clients let in, of one role.
    public func clientCount(of role: Role) -> Int { clients.count(of: role) }

    // MARK: Sockets

    /// A client wants in; its token has been verified.
    /// - Parameter recovers: the lost socket that it was and wants to go on as.
    public mutating func connecting(
        _ socket: SocketID, _ claims: TokenClaims, recovers lost: SocketID? = nil, address: IPAddress?, now: Moment
    ) {
        do throws(SignalingError) {
            let account = try directory.admit(claims)
            let earlier = clients.admitted(
                socket, account, claims, from: address, recovers: lost, now: now.instant)
            act(.accept(socket, recovering: earlier != nil))
            if earlier != nil { registerAgain(socket, now: now) }
        } catch {
            refused(socket, error)
        }
    }

    /// A client wants in and may not.
    public mutating func refused(_ socket: SocketID, _ error: SignalingError) {
        metrics.refused(error.code)
        act(.refuse(socket, error))
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
            perform(sessions.kioskLost(state.account, now: now), now: now)
            act(.note(.kioskWent(id: state.account)))
            announce(state.account) { .kioskOffline($0) }
        case .monitor:
            presence.monitorLost(organization: state.organization, socket: socket)
            perform(sessions.monitorLost(state.account, address: .here(socket), now: now), now: now)
        case .admin: break
        }
    }

    /// This side ends a socket. Nothing is heard of it afterwards.
    mutating func disconnect(_ socket: SocketID, now: Moment) {
        act(.disconnect(socket))
        if let state = clients.remove(socket), state.isRegistered { lost(socket, state, now: now) }
    }

    // MARK: The records

    /// Accounts, keys or revocations changed, here or by another process.
    public mutating func directoryChanged(_ snapshot: Directory.Snapshot, now: Moment) {
        let before = directory
        directory.update(snapshot)
        for (socket, state) in clients.all {
            let claims = TokenClaims(
                subject: state.account, role: state.role, organization: state.organization, issuedAt: state.issuedAt,
                expiresAt: state.issuedAt, tokenId: "", family: state.family, generation: state.generation)
            guard (try? directory.admit(claims)) == nil else { continue }
            if directory[state.account]?.isDisabled ?? true {
                perform(sessions.accountRevoked(state.account), now: now)
            }
            disconnect(socket, now: now)
        }
        // Somebody whose socket is in its grace period has none that could be found above.
        for session in sessions.all {
            for account in [session.kioskId, session.monitorId] where directory[account]?.isDisabled ?? true {
                perform(sessions.accountRevoked(account), now: now)
            }
        }
        for account in snapshot.accounts
        where account.role == .kiosk && before[account.id].map(isShownAs(account)) != true {
            announce(account.id) { $0.online ? .kioskStatus($0) : .kioskOffline($0) }
        }
    }

    private func isShownAs(_ account: Account) -> (Account) -> Bool {
        { $0.displayName == account.displayName && $0.organization == account.organization }
    }

    /// A family of tokens was revoked by this process.
    public mutating func familyRevoked(_ family: String, now: Moment) {
        directory.revoke(family: family)
        for (socket, state) in clients.all where state.family == family { disconnect(socket, now: now) }
    }

    /// The records hold a crew event, or did so before.
    public mutating func crewStored(_ record: CrewRecord, isNew: Bool, _ reply: PendingReply) {
        answer(reply, .ok)
        guard isNew else {
            metrics.crewEventsRepeated += 1
            return
        }
        metrics.crewEventsStored += 1
        let listeners = listeners(record.organization)
        guard !listeners.isEmpty else { return }
        act(
            .broadcast(
                .crew(record.event, kioskId: record.kioskId, receivedAt: record.receivedAt.text), to: listeners))
    }

    /// The records hold a session's beginning.
    public mutating func sessionStored(_ id: String) {
        metrics.sessionsStarted += 1
        for (delivery, address) in unrecorded.recorded(id) { deliver(delivery, to: address) }
    }

    /// The records would not take it, so there is no such session.
    public mutating func sessionNotStored(_ id: String, now: Moment) {
        let starts = unrecorded.failed(id)
        if let session = sessions.abandoned(sessionId: id) { announce(session.kioskId) { .kioskStatus($0) } }
        for reply in starts {
            refuse(reply, Refusal(.internalError, "the session could not be recorded"))
        }
    }

    /// The records failed; the kiosk keeps the event and sends it again.
    public mutating func crewFailed(_ reply: PendingReply) {
        metrics.crewEventsFailed += 1
        refuse(reply, Refusal(.internalError, "the event could not be stored"))
    }

    /// What was going on when the server last stopped.
    /// - Parameter ended: the latest that had ended, the oldest first.
    public mutating func restore(_ open: [SessionRecord], ended: [SessionRecord] = [], now: Moment) {
        for session in ended {
            sessions.remembered(
                session.id, kioskId: session.kioskId, monitorId: session.monitorId,
                reason: session.endReason ?? .serverShutdown)
        }
        for session in open {
            guard directory[session.kioskId]?.isDisabled == false, directory[session.monitorId]?.isDisabled == false,
                sessions.session(ofKiosk: session.kioskId) == nil
            else {
                act(.store(.sessionEnded(id: session.id, .serverShutdown, principal: "server", at: now.wall)))
                sessions.remembered(
                    session.id, kioskId: session.kioskId, monitorId: session.monitorId, reason: .serverShutdown)
                continue
            }
            sessions.restored(
                session.id, kioskId: session.kioskId, monitorId: session.monitorId, clientId: session.clientId,
                organization: session.organization, startedAt: session.startedAt,
                isNegotiated: session.negotiatedAt != nil, now: now)
        }
    }

    // MARK: Administration

    /// An administrator ended a session of the organization, or a monitor its own: a page that is being closed has no
    /// time to say so on its socket.
    /// - Returns: false when there is no such session that the account may end.
    public mutating func sessionEnded(by account: Account, sessionId: String, now: Moment) -> Bool {
        guard let session = sessions[sessionId], session.organization == account.organization else { return false }
        switch account.role {
        case .admin: perform(sessions.endedByAdmin(sessionId: sessionId), principal: account.id, now: now)
        case .monitor:
            guard session.monitorId == account.id else { return false }
            perform(sessions.endedByMonitor(sessionId: sessionId), now: now)
        case .kiosk: return false
        }
        return true
    }

    /// Sessions end with the server; without this they wait for it to come back.
    public mutating func shutDown(now: Moment) {
        perform(sessions.serverShutDown(), principal: "server", now: now)
    }

    /// What is to be written down before the end.
    public mutating func saveLastSeen() {
        let seen = presence.takeLastSeen()
        if !seen.isEmpty { act(.store(.lastSeen(seen))) }
    }

    // MARK: Time

    public mutating func handleTimeout(now: Moment) {
        perform(sessions.handleTimeout(now: now.instant), now: now)
        for kiosk in presence.handleTimeout(now: now.instant) {
            perform(sessions.kioskLost(kiosk, now: now), now: now)
            act(.note(.kioskWent(id: kiosk)))
            announce(kiosk) { .kioskOffline($0) }
        }
        clients.handleTimeout(now: now.instant)
        if lastSeenDue.map({ $0 <= now.instant }) ?? true {
            lastSeenDue = now.instant + Hub.lastSeenInterval
            saveLastSeen()
        }
    }

    public var nextTimeout: Instant? {
        [sessions.nextTimeout, presence.nextTimeout, lastSeenDue ?? .zero].compactMap { $0 }.min()
    }
}
