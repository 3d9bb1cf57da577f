internal import JSON
public import Primitives
public import Signaling

/// The contract's session rules: who watches which kiosk, and when that ends. No clock, no socket.
///
/// A session belongs to two accounts, not to two sockets. Media flows peer to peer and must not die with a signaling
/// hiccup, so a lost socket only starts a grace period on its side, and whoever comes back within it goes on:
///
///                    start-monitoring                 offer + answer
///            (none) ────────────────▶ negotiating ───────────────────▶ negotiated ─ media-failed, no offer ─▶ media-lost
///                                       │  │ 60 s                        │  │ maximum, if any
///     each side:                        │  └───── session-timeout ◀──────┼──┘
///     connected ◀──── came back ─────┐  │                                │
///        └─ socket lost ─▶ in grace ─┘  │ stop-monitoring, an account's end, an administrator, a kiosk that
///                             │         ▼ was replaced or names its sessions without this one
///                             └──────▶ ended: both sides hear `monitoring-stopped` with the reason
///
/// What is sent to a side in grace waits for it there, so that an offer under way while the kiosk reconnects is an
/// offer that arrives. A side that is away when its session ends is told when it comes back.
///
/// Every event is a method in the past tense; it returns what to do, or throws the refusal the sender hears.
public struct MonitoringSessions: Sendable {
    /// How long sessions live.
    public struct Rules: Hashable, Sendable {
        /// How long a lost socket may take to come back.
        public var gracePeriod: Duration
        /// The same after a restart of the server: twice the longest pause of a kiosk between two attempts.
        public var restoredGracePeriod: Duration
        /// From the start to offer and answer.
        public var negotiationTimeout: Duration
        /// However well it works; nil for no limit.
        public var maximumDuration: Duration?

        /// The defaults are the contract's. The grace period after a restart is never shorter than the other.
        public init(
            gracePeriod: Duration = .seconds(10), restoredGracePeriod: Duration = .seconds(60),
            negotiationTimeout: Duration = .seconds(60), maximumDuration: Duration? = nil
        ) {
            self.gracePeriod = gracePeriod
            self.restoredGracePeriod = max(gracePeriod, restoredGracePeriod)
            self.negotiationTimeout = negotiationTimeout
            self.maximumDuration = maximumDuration
        }
    }

    /// What is to be done, in order.
    public enum Action: Hashable, Sendable {
        case send(ServerEvent, to: Address)
        /// `monitoring-started`, which carries fresh credentials for the path.
        case tellMonitorStarted(sessionId: String, kioskId: String, monitorId: String, address: Address)
        case tellKioskStarted(sessionId: String, kioskId: String, monitorId: String, address: Address)
        /// For the records, and for the kiosk's entry in the monitors' lists.
        case began(MonitoringSession)
        case negotiated(sessionId: String)
        /// Another client of its monitor carries it.
        case moved(sessionId: String, clientId: String?)
        case ended(MonitoringSession, SessionEndReason)
    }

    /// A kiosk as far as a start depends on it.
    public struct Kiosk: Hashable, Sendable {
        /// The account.
        public var id: String
        /// The account's.
        public var organization: String
        /// Its registered address; nil when it is offline.
        public var address: Address?

        /// A kiosk as the hub knows it.
        public init(id: String, organization: String, address: Address?) {
            self.id = id
            self.organization = organization
            self.address = address
        }
    }

    /// As they were made with.
    public let rules: Rules
    var sessions: [String: MonitoringSession] { didSet { knownTimeout = .unknown } }
    /// Most messages change no deadline, and there may be thousands of sessions to ask.
    private var knownTimeout: KnownTimeout
    /// By the kiosk's account: one monitor per kiosk at a time.
    var sessionByKiosk: [String: String]
    var ended: EndedSessions

    /// None goes on.
    public init(_ rules: Rules) {
        self.rules = rules
        sessions = [:]
        knownTimeout = .unknown
        sessionByKiosk = [:]
        ended = EndedSessions()
    }

    private enum KnownTimeout: Sendable {
        case unknown
        case known(Instant?)
    }

    /// Sessions that go on.
    public var count: Int { sessions.count }
    /// Those that go on, in no order.
    public var all: some Collection<MonitoringSession> { sessions.values }
    /// By its name; nil when it is over.
    public subscript(id: String) -> MonitoringSession? { sessions[id] }
    /// The one that goes on; nil when nobody watches.
    public func session(ofKiosk id: String) -> MonitoringSession? { sessionByKiosk[id].flatMap { sessions[$0] } }

    // MARK: Start and stop

    /// - Parameter kiosk: nil when there is none of that name.
    /// - Parameter newId: what the session will be called if it is a new one.
    public mutating func startRequested(
        by monitor: Party, kiosk: Kiosk?, newId: String, now: Moment
    ) throws(Refusal) -> [Action] {
        guard let kiosk, kiosk.organization == monitor.organization else {
            throw Refusal(.unknownKiosk, "no such kiosk")
        }
        if let existing = session(ofKiosk: kiosk.id), existing.monitorId == monitor.id {
            return startedAgain(existing, by: monitor)
        }
        guard let kioskAddress = kiosk.address else { throw Refusal(.kioskOffline, "the kiosk is offline") }
        if let existing = session(ofKiosk: kiosk.id) {
            let since = existing.startedAt.text
            throw Refusal(
                .kioskBusy, "another monitor has been watching this kiosk since \(since)",
                details: JSONObject([("since", .string(since))]))
        }
        let session = MonitoringSession(
            id: newId, kioskId: kiosk.id, monitorId: monitor.id, organization: kiosk.organization,
            startedAt: now.wall, started: now.instant, clientId: monitor.clientId, kiosk: .connected(kioskAddress),
            monitor: .connected(monitor.address), hasOffer: false, hasAnswer: false)
        insert(session)
        return [
            .began(session),
            .tellKioskStarted(
                sessionId: newId, kioskId: kiosk.id, monitorId: monitor.id, address: kioskAddress),
            .tellMonitorStarted(
                sessionId: newId, kioskId: kiosk.id, monitorId: monitor.id, address: monitor.address),
        ]
    }

    /// From the same monitor again it is the same session. It moves to the address that asks.
    private mutating func startedAgain(_ session: MonitoringSession, by monitor: Party) -> [Action] {
        var actions: [Action] = []
        if let other = session.monitor.address, other != monitor.address {
            // Another page of the same operator showed it until now.
            actions.append(
                .send(
                    .monitoringStopped(
                        kioskId: session.kioskId, sessionId: session.id, reason: .stoppedByMonitor), to: other))
        }
        actions.append(
            .tellMonitorStarted(
                sessionId: session.id, kioskId: session.kioskId, monitorId: monitor.id, address: monitor.address))
        return actions + adopt(session.id, by: monitor)
    }

    /// A monitor does not want to watch any longer.
    public mutating func stopRequested(
        by monitor: Party, kioskId: String, sessionId: String?
    ) throws(Refusal) -> [Action] {
        let session = try session(ofMonitor: monitor, kioskId: kioskId, sessionId: sessionId)
        return end(session.id, .stoppedByMonitor)
    }

    /// The records would not take it: it has never been, and nobody has heard of it.
    /// - Returns: what it would have been, unless it is over anyway.
    public mutating func abandoned(sessionId: String) -> MonitoringSession? {
        guard let session = sessions.removeValue(forKey: sessionId) else { return nil }
        sessionByKiosk[session.kioskId] = nil
        return session
    }

    /// The session's kiosk said that its program ends on purpose.
    public mutating func kioskLeft(sessionId: String) -> [Action] { end(sessionId, .kioskRestarting) }

    /// By a request of the session's own monitor.
    public mutating func endedByMonitor(sessionId: String) -> [Action] { end(sessionId, .stoppedByMonitor) }

    /// By an administrator's request.
    public mutating func endedByAdmin(sessionId: String) -> [Action] { end(sessionId, .endedByAdmin) }

    /// An account was disabled or removed: nothing of it goes on, whichever side it was.
    public mutating func accountRevoked(_ id: String) -> [Action] {
        let own = sessions.values.filter { $0.kioskId == id || $0.monitorId == id }.map(\.id)
        return own.flatMap { end($0, .endedByAdmin) }
    }

    /// The server stops for good and takes the sessions with it.
    public mutating func serverShutDown() -> [Action] {
        sessions.keys.sorted().flatMap { end($0, .serverShutdown) }
    }

    /// Sessions of the life of this server before a restart. Both sides are away and have a grace period.
    public mutating func restored(
        _ id: String, kioskId: String, monitorId: String, clientId: String?, organization: String,
        startedAt: WallClock, isNegotiated: Bool, now: Moment
    ) {
        guard sessions[id] == nil, sessionByKiosk[kioskId] == nil else { return }
        let grace = now.instant + rules.restoredGracePeriod
        insert(
            MonitoringSession(
                id: id, kioskId: kioskId, monitorId: monitorId, organization: organization, startedAt: startedAt,
                started: now.instant - max(.zero, now.wall - startedAt), clientId: clientId, kiosk: .lost(until: grace),
                monitor: .lost(until: grace), hasOffer: isNegotiated, hasAnswer: isNegotiated))
    }

    /// A session that had ended before the restart, for a side that comes back and still names it.
    public mutating func remembered(_ id: String, kioskId: String, monitorId: String, reason: SessionEndReason) {
        ended.remember(EndedSession(id: id, kioskId: kioskId, monitorId: monitorId, reason: reason, notYetTold: []))
    }

    // MARK: Sockets come and go

    /// A kiosk registered at `address`.
    ///
    /// - Parameter carried: the sessions it says it still carries; nil when it does not say.
    /// - Parameter replaced: its earlier address, when that was still open.
    public mutating func kioskRegistered(
        _ kioskId: String, address: Address, carried: [String]?, replacing replaced: Address?
    ) -> [Action] {
        var actions: [Action] = []
        if let session = session(ofKiosk: kioskId), session.kiosk.address != address {
            // Without the field the grace period decides; an earlier socket that is still open has none.
            if carried.map({ $0.contains(session.id) }) ?? (replaced == nil) {
                actions += adopt(.kiosk, of: session.id, address: address)
            } else {
                if replaced == nil { sessions[session.id]?.kiosk = .connected(address) }
                actions += end(session.id, .kioskReplaced)
            }
        }
        guard let carried else { return actions + tellEnded(toKiosk: kioskId, on: address) }
        // What it does not name it does not carry.
        _ = ended.takeNotYetTold(kioskId)
        for id in carried where sessionByKiosk[kioskId] != id {
            let ending = ended[id].flatMap { $0.kioskId == kioskId ? $0.reason : nil }
            actions.append(
                .send(
                    .monitoringStopped(kioskId: kioskId, sessionId: id, reason: ending ?? .kioskDisconnected),
                    to: address))
        }
        return actions
    }

    /// Tells a kiosk of the sessions that ended while it could not be told. It may be silent, but its socket is open.
    public mutating func tellEnded(toKiosk kioskId: String, on address: Address) -> [Action] {
        ended.takeNotYetTold(kioskId).map { .send($0.event, to: address) }
    }

    /// A kiosk's socket was lost, or it stopped giving signs of life.
    public mutating func kioskLost(_ kioskId: String, now: Moment) -> [Action] {
        guard let session = session(ofKiosk: kioskId), session.kiosk.graceEnds == nil else { return [] }
        let graceEnds = now.instant + rules.gracePeriod
        sessions[session.id]?.kiosk = .lost(until: graceEnds)
        return handleTimeout(now: now.instant)
    }

    /// A client of a monitor registered. The account may have others, and their sessions are theirs: what it says with
    /// `carried` is about the sessions that this client began, or, where it does not say which one it is, about all of
    /// the account's.
    public mutating func monitorRegistered(_ monitor: Party, carried: [String]?) -> [Action] {
        var actions: [Action] = []
        for session in sessions.values.filter({ $0.monitorId == monitor.id }).sorted(by: { $0.id < $1.id }) {
            let isOwn = monitor.clientId == nil || session.clientId == monitor.clientId
            switch (session.monitor.address, carried?.contains(session.id)) {
            case (monitor.address, _): break
            case (_, true?): actions += adopt(session.id, by: monitor)
            case (nil, nil) where isOwn: actions += adopt(session.id, by: monitor)
            case (nil, false?) where isOwn: actions += end(session.id, .monitorDisconnected)
            // The socket is that client's earlier one, and dead: a page that was loaded again has only one.
            case (_?, false?) where isOwn && monitor.clientId != nil: actions += end(session.id, .monitorDisconnected)
            // Another page of the same operator carries it, or may come back for it.
            case (_, nil), (_, false?): break
            }
        }
        guard let carried else {
            return actions + ended.takeNotYetTold(monitor.id).map { .send($0.event, to: monitor.address) }
        }
        // What it does not name another page of the same operator may.
        for id in carried where sessions[id]?.monitorId != monitor.id {
            guard let ending = ended[id], ending.monitorId == monitor.id else { continue }
            ended.markTold(monitor.id, of: id)
            actions.append(.send(ending.event, to: monitor.address))
        }
        return actions
    }

    /// Those of the named sessions in which a monitor goes on: after a restore of the records there may be fewer than it thinks.
    public func going(_ named: [String], ofMonitor id: String) -> [String] {
        named.filter { sessions[$0]?.monitorId == id }
    }

    /// A socket of a monitor is gone: sessions that it carried have their grace period.
    public mutating func monitorLost(_ monitorId: String, address: Address, now: Moment) -> [Action] {
        let graceEnds = now.instant + rules.gracePeriod
        var isAffected = false
        for session in sessions.values where session.monitorId == monitorId && session.monitor.address == address {
            sessions[session.id]?.monitor = .lost(until: graceEnds)
            isAffected = true
        }
        return isAffected ? handleTimeout(now: now.instant) : []
    }

    // MARK: Time

    /// Ends what is due.
    public mutating func handleTimeout(now: Instant) -> [Action] {
        let next = nextTimeout
        knownTimeout = .known(next)
        guard let next, next <= now else { return [] }
        let due = sessions.values.compactMap { session in
            dueReason(session, now).map { (id: session.id, reason: $0) }
        }
        return due.sorted { $0.id < $1.id }.flatMap { end($0.id, $0.reason) }
    }

    private func dueReason(_ session: MonitoringSession, _ now: Instant) -> SessionEndReason? {
        if let ends = session.kiosk.graceEnds, ends <= now { return .kioskDisconnected }
        if let ends = session.monitor.graceEnds, ends <= now { return .monitorDisconnected }
        if let ends = session.mediaGraceEnds, ends <= now { return .mediaLost }
        if !session.isNegotiated, session.started + rules.negotiationTimeout <= now { return .sessionTimeout }
        if let maximum = rules.maximumDuration, session.started + maximum <= now { return .sessionTimeout }
        return nil
    }

    /// When the first deadline is; nil when there is none.
    public var nextTimeout: Instant? {
        if case .known(let instant) = knownTimeout { return instant }
        return sessions.values.compactMap { session in
            [
                session.kiosk.graceEnds, session.monitor.graceEnds, session.mediaGraceEnds,
                session.isNegotiated ? nil : session.started + rules.negotiationTimeout,
                rules.maximumDuration.map { session.started + $0 },
            ].compactMap { $0 }.min()
        }.min()
    }

    // MARK: Book-keeping

    private mutating func insert(_ session: MonitoringSession) {
        sessions[session.id] = session
        sessionByKiosk[session.kioskId] = session.id
    }

    mutating func end(_ id: String, _ reason: SessionEndReason) -> [Action] {
        guard let session = sessions.removeValue(forKey: id) else { return [] }
        sessionByKiosk[session.kioskId] = nil
        var ending = EndedSession(
            id: id, kioskId: session.kioskId, monitorId: session.monitorId, reason: reason, notYetTold: [])
        if session.kiosk.address == nil { ending.notYetTold.insert(.kiosk) }
        if session.monitor.address == nil { ending.notYetTold.insert(.monitor) }
        ended.remember(ending)
        return [session.kiosk.address, session.monitor.address].compactMap { $0.map { .send(ending.event, to: $0) } }
            + [.ended(session, reason)]
    }

    /// A side is back: what waited for it goes to its socket, in order.
    private mutating func adopt(
        _ end: MonitoringSession.End, of id: String, address: Address
    ) -> [Action] {
        guard var session = sessions[id] else { return [] }
        let waiting: [ServerEvent] =
            switch session[end] {
            case .connected: []
            case .away(_, let waiting): waiting
            }
        session[end] = .connected(address)
        sessions[id] = session
        return waiting.map { .send($0, to: address) }
    }

    /// A client of its monitor takes a session up, or goes on with it.
    mutating func adopt(_ id: String, by monitor: Party) -> [Action] {
        guard let before = sessions[id] else { return [] }
        sessions[id]?.clientId = monitor.clientId
        return adopt(.monitor, of: id, address: monitor.address)
            + (before.clientId == monitor.clientId ? [] : [.moved(sessionId: id, clientId: monitor.clientId)])
    }
}
