internal import JSON
public import Primitives
internal import Signaling
public import SocketIO

extension Hub {
    // MARK: What clients say

    /// A client that was let in sent an event.
    public mutating func received(_ event: SocketIOEvent, from socket: SocketID, now: Moment) {
        let reply = PendingReply(address: .here(socket), event: event.name, acknowledgement: event.acknowledgement)
        switch clients.admit(event, from: socket, now: now.instant) {
        case .admitted(let event, let sender, let role):
            do throws(Refusal) {
                try handle(event, sender, role, on: socket, reply, now: now)
            } catch {
                refuse(reply, error)
            }
        case .refused(let refusal): refuse(reply, refusal)
        case .hopeless:
            counted.refused(.throttled)
            disconnect(socket, now: now)
        case .ignored: break
        }
    }

    private mutating func handle(
        _ event: ClientEvent, _ sender: Party, _ role: Role, on socket: SocketID, _ reply: PendingReply, now: Moment
    ) throws(Refusal) {
        switch event {
        case .registerKiosk(let registration): registerKiosk(registration, sender, on: socket, reply, now: now)
        case .registerMonitor(let registration): registerMonitor(registration, sender, on: socket, reply, now: now)
        case .startMonitoring(let kioskId): try serve(.start(kioskId: kioskId), sender, reply, now: now)
        case .stopMonitoring(let kioskId, let sessionId):
            try serve(.stop(kioskId: kioskId, sessionId: sessionId), sender, reply, now: now)
        case .offer(let target, let session, let offer):
            try relay(.offer(offer), target, session, sender, role, reply, now: now)
        case .answer(let target, let session, let description):
            try relay(.answer(description), target, session, sender, role, reply, now: now)
        case .iceCandidate(let target, let session, let candidate):
            try relay(.iceCandidate(candidate), target, session, sender, role, reply, now: now)
        case .restartRequest(let target, let session):
            try relay(.restartRequest, target, session, sender, role, reply, now: now)
        case .sessionError(let target, let session, let error):
            try relay(.sessionError(error), target, session, sender, role, reply, now: now)
        case .sessionReport(let report): try sessionReported(report, sender, reply, now: now)
        case .heartbeatPing(let status): heartbeat(status, sender, on: socket, reply, now: now)
        case .crew(let event):
            // Acknowledged once it is stored.
            let record = CrewRecord(
                organization: sender.organization, kioskId: sender.id, event: event, receivedAt: now.wall)
            outbox.act(.store(.crew(record, reply)))
        }
    }

    // MARK: Registration

    private mutating func registerKiosk(
        _ registration: KioskRegistration, _ kiosk: Party, on socket: SocketID, _ reply: PendingReply, now: Moment
    ) {
        clients.registered(socket)
        outbox.answer(reply, .ok)
        outbox.deliver(
            .eventWithICEServers(
                .kioskRegistered(kioskId: kiosk.id, heartbeatInterval: Presence.heartbeatInterval),
                iceCredentials(for: kiosk.id, now: now)), to: kiosk.address)
        kioskCame(kiosk, registration, on: socket, now: now)
    }

    private mutating func registerMonitor(
        _ registration: MonitorRegistration, _ monitor: Party, on socket: SocketID, _ reply: PendingReply, now: Moment
    ) {
        clients.registered(socket, as: registration.clientId)
        var monitor = monitor
        monitor.clientId = registration.clientId
        let actions = owned.sessions.monitorRegistered(monitor, carried: registration.sessions)
        var details = JSONObject()
        if let carried = registration.sessions {
            details["sessions"] = .array(owned.going(carried, ofMonitor: monitor.id).map { .string($0) })
        }
        outbox.answer(reply, .ok(details))
        outbox.act(.emit(.kioskList(kioskList(of: monitor.organization)), to: socket))
        perform(actions, now: now)
        tellNodes(.monitorRegistered(monitor, carried: registration.sessions))
    }

    /// A client is back as what it was; it hears what it missed and no list.
    mutating func recovered(_ socket: SocketID, now: Moment) {
        guard let state = clients[socket] else { return }
        let party = state.party(socket)
        switch state.role {
        case .kiosk: kioskCame(party, nil, on: socket, now: now)
        case .monitor:
            perform(owned.sessions.monitorRegistered(party, carried: nil), now: now)
            tellNodes(.monitorRegistered(party, carried: nil))
        case .admin: break
        }
    }

    /// - Parameter registration: nil where it goes on as what it was.
    private mutating func kioskCame(
        _ kiosk: Party, _ registration: KioskRegistration?, on socket: SocketID, now: Moment
    ) {
        let earlier = presence.kioskRegistered(
            kiosk.id, organization: kiosk.organization, socket: socket, now: now)
        perform(
            owned.kioskRegistered(
                kiosk.id, carried: registration?.sessions, replacing: earlier, clients, presence, now: now.instant),
            now: now)
        if let registration {
            let (version, hostname) = (registration.version, registration.hostname)
            directory.registered(kiosk.id, version: version, hostname: hostname)
            outbox.act(.store(.kioskRegistered(id: kiosk.id, version: version, hostname: hostname)))
        }
        cameOnline(kiosk.id, on: socket)
        if let earlier { disconnect(earlier, now: now) }
    }

    private mutating func cameOnline(_ kioskId: String, on socket: SocketID) {
        outbox.act(
            .note(
                .kioskCame(id: kioskId, address: clients[socket]?.address, version: directory[kioskId]?.version)))
        announce(kioskId, .online)
    }

    // MARK: Sessions

    /// Passes a message on: a kiosk's to its monitor, a monitor's to a kiosk that may be another node's.
    private mutating func relay(
        _ message: RelayedMessage, _ target: String, _ session: String?, _ sender: Party, _ role: Role,
        _ reply: PendingReply, now: Moment
    ) throws(Refusal) {
        switch role {
        case .monitor:
            try serve(.relay(message, kioskId: target, sessionId: session), sender, reply, now: now)
        case .kiosk:
            let actions = try owned.sessions.relayed(
                message, fromKiosk: sender.id, targetId: target, sessionId: session)
            outbox.answer(reply, .ok)
            perform(actions, now: now)
        case .admin: preconditionFailure("hub: an administrator is in no session")
        }
    }

    /// Serves a monitor here or lets the kiosk's owner do so.
    mutating func serve(
        _ request: MonitorRequest, _ sender: Party, _ reply: PendingReply, forwards: Int = 0, now: Moment
    ) throws(Refusal) {
        if let node = try owned.server(of: request.kioskId, forwards: forwards) {
            return outbox.act(.send(.request(request, from: sender, reply, forwards: forwards + 1), to: node))
        }
        switch request {
        case .start(let kioskId): try startMonitoring(kioskId, sender, reply, now: now)
        case .stop(let kioskId, let sessionId):
            let actions = try owned.sessions.stopRequested(by: sender, kioskId: kioskId, sessionId: sessionId)
            outbox.answer(reply, .ok)
            perform(actions, now: now)
        case .relay(let message, let kioskId, let sessionId):
            let actions = try owned.sessions.relayed(
                message, fromMonitor: sender, targetId: kioskId, sessionId: sessionId)
            outbox.answer(reply, .ok)
            perform(actions, now: now)
        }
    }

    private mutating func startMonitoring(
        _ kioskId: String, _ monitor: Party, _ reply: PendingReply, now: Moment
    ) throws(Refusal) {
        guard !owned.isDisputed(kioskId) else { throw .nodeUnavailable }
        let account = directory[kioskId].flatMap { $0.role == .kiosk ? $0 : nil }
        let kiosk = account.map {
            MonitoringSessions.Kiosk(
                id: $0.id, organization: $0.organization,
                address: presence.socket(ofOnlineKiosk: $0.id).map { .here($0) })
        }
        let actions: [MonitoringSessions.Action]
        do throws(Refusal) {
            actions = try owned.startRequested(by: monitor, kiosk: kiosk, now: now)
        } catch {
            outbox.act(.store(.audit(.refusedStart(of: kioskId, by: monitor, error.error.code, now: now.wall))))
            throw error
        }
        let session = owned.sessions.session(ofKiosk: kioskId)?.id ?? ""
        for case .began in actions { outbox.began(session) }
        outbox.acknowledgeStart(of: session, reply)
        perform(actions, now: now)
    }

    private mutating func sessionReported(
        _ report: SessionReport, _ kiosk: Party, _ reply: PendingReply, now: Moment
    ) throws(Refusal) {
        try owned.sessions.reported(report, fromKiosk: kiosk.id, now: now.instant)
        outbox.act(.store(.sessionReported(report, at: now.wall)))
        outbox.answer(reply, .ok)
        if report.isFarewell { perform(owned.sessions.kioskLeft(sessionId: report.sessionId), now: now) }
    }

    /// Performs what the sessions decided.
    mutating func perform(_ decided: [MonitoringSessions.Action], principal: SessionEnder? = nil, now: Moment) {
        for action in decided { perform(action, principal: principal, now: now) }
    }

    mutating func perform(_ action: MonitoringSessions.Action, principal: SessionEnder? = nil, now: Moment) {
        switch action {
        case .send(let event, let address): outbox.say(.event(event), to: address, of: event.sessionId)
        case .tellMonitorStarted(let session, let kiosk, let monitor, let address):
            outbox.say(
                .eventWithICEServers(
                    .monitoringStartedForMonitor(kioskId: kiosk, sessionId: session),
                    iceCredentials(for: monitor, now: now)), to: address, of: session)
        case .tellKioskStarted(let session, let kiosk, let monitor, let address):
            outbox.say(
                .eventWithICEServers(
                    .monitoringStartedForKiosk(monitorId: monitor, sessionId: session),
                    iceCredentials(for: kiosk, now: now)), to: address, of: session)
        case .began(let session):
            outbox.act(.store(.sessionBegan(session)))
            announce(session.kioskId, .status)
        case .negotiated(let id): outbox.act(.store(.sessionNegotiated(id: id, at: now.wall)))
        case .moved(let id, let client): outbox.act(.store(.sessionMoved(id: id, clientId: client)))
        case .ended(let session, let reason):
            // One that was silent for so long that its side was given up may hear all the same.
            if let socket = presence.socket(ofKiosk: session.kioskId) {
                perform(owned.sessions.tellEnded(toKiosk: session.kioskId, on: .here(socket)), now: now)
            }
            counted.sessionsEnded[reason, default: 0] += 1
            outbox.act(.store(.sessionEnded(id: session.id, reason, principal: principal, at: now.wall)))
            announce(session.kioskId, .status)
        }
    }

    // MARK: Heartbeats

    private mutating func heartbeat(
        _ status: KioskStatus, _ kiosk: Party, on socket: SocketID, _ reply: PendingReply, now: Moment
    ) {
        let (isChanged, cameBack) = presence.heartbeat(of: kiosk.id, status: status, now: now)
        outbox.answer(reply, .ok)
        outbox.act(.emit(.heartbeatPong(serverTime: now.wall.text), to: socket))
        if cameBack {
            perform(owned.kioskReturned(kiosk.id, address: kiosk.address), now: now)
            cameOnline(kiosk.id, on: socket)
        } else if isChanged {
            announce(kiosk.id, .status)
        }
    }

    // MARK: Who hears what

    mutating func refuse(_ reply: PendingReply, _ refusal: Refusal) {
        counted.refused(refusal.error.code)
        outbox.refuse(reply, refusal)
    }

    /// Tells a kiosk's organization about its entry, at every node.
    mutating func announce(_ kioskId: String, _ change: KioskChange) {
        announceHere(kioskId, change)
        let nodes = owned.joined
        guard !nodes.isEmpty, let state = owned.state(ofKiosk: kioskId, presence) else { return }
        for node in nodes { outbox.act(.send(.kioskChanged(state, change), to: node)) }
    }

    mutating func announceHere(_ kioskId: String, _ change: KioskChange) {
        guard let account = directory[kioskId] else { return }
        let listeners = clients.listeners(of: account.organization)
        guard !listeners.isEmpty else { return }
        outbox.broadcast(change.event(owned.entry(of: account, presence)), to: listeners)
    }

    mutating func announceHere(_ record: CrewRecord) {
        outbox.broadcast(
            .crew(record.event, kioskId: record.kioskId, receivedAt: record.receivedAt.text),
            to: clients.listeners(of: record.organization))
    }

    /// What every other node is to know.
    mutating func tellNodes(_ message: NodeMessage) {
        for node in owned.joined { outbox.act(.send(message, to: node)) }
    }
}
