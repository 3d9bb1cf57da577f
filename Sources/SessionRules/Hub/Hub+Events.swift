internal import JSON
public import Primitives
public import Signaling
public import SocketIO

extension Hub {
    // MARK: What clients say

    /// A client that was let in sent an event.
    public mutating func received(_ event: SocketIOEvent, from socket: SocketID, now: Moment) {
        guard let state = clients[socket] else { return }
        let reply = PendingReply(address: .here(socket), event: event.name, acknowledgement: event.acknowledgement)
        let isCandidate = event.name == ClientEvent.Kind.iceCandidate.rawValue
        switch clients.admitMessage(from: socket, isCandidate: isCandidate, now: now.instant) {
        case .admitted: break
        case .hopeless:
            // One that goes on regardless is no client of the contract.
            metrics.refused(.throttled)
            return disconnect(socket, now: now)
        case .refused:
            return refuse(
                reply, Refusal(.throttled, "more than \(settings.messagesPerSecond) messages a second"))
        }
        do throws(Refusal) {
            let parsed: ClientEvent
            do throws(SignalingError) {
                parsed = try ClientEvent(name: event.name, arguments: event.arguments)
            } catch {
                // A wrong payload of an event that is not the sender's to send is first of all that.
                if let kind = ClientEvent.Kind(rawValue: event.name) { try Hub.check(kind, state) }
                throw Refusal(error)
            }
            try Hub.check(parsed.kind, state)
            metrics.events[parsed.kind, default: 0] += 1
            try handle(parsed, state.party(socket), on: socket, reply, now: now)
        } catch {
            refuse(reply, error)
        }
    }

    /// Whose event it is, and whether that one has registered.
    private static func check(_ kind: ClientEvent.Kind, _ state: ClientState) throws(Refusal) {
        let role: Set<Role> =
            switch kind {
            case .registerKiosk, .answer, .restartRequest, .sessionError, .sessionReport, .heartbeatPing, .crewSignOn,
                .crewSignOff:
                [.kiosk]
            case .registerMonitor, .startMonitoring, .stopMonitoring, .offer: [.monitor]
            case .iceCandidate: [.kiosk, .monitor]
            }
        guard role.contains(state.role) else {
            throw Refusal(.forbidden, "\(kind.rawValue) is not for a \(state.role.rawValue)")
        }
        switch kind {
        case .registerKiosk, .registerMonitor: return
        case .answer, .restartRequest, .sessionError, .sessionReport, .heartbeatPing, .crewSignOn, .crewSignOff,
            .startMonitoring, .stopMonitoring, .offer, .iceCandidate:
            guard state.isRegistered else {
                throw Refusal(.notRegistered, "register-\(state.role.rawValue) comes first")
            }
        }
    }

    private mutating func handle(
        _ event: ClientEvent, _ sender: Party, on socket: SocketID, _ reply: PendingReply, now: Moment
    ) throws(Refusal) {
        switch event {
        case .registerKiosk(let registration): registerKiosk(registration, sender, on: socket, reply, now: now)
        case .registerMonitor(let registration): registerMonitor(registration, sender, on: socket, reply, now: now)
        case .startMonitoring(let kioskId):
            try takeWriting(sender, now: now)
            try startMonitoring(kioskId, sender, reply, now: now)
        case .stopMonitoring(let kioskId, let sessionId):
            let actions = try sessions.stopRequested(by: sender, kioskId: kioskId, sessionId: sessionId)
            answer(reply, .ok)
            perform(actions, now: now)
        case .offer(let target, let session, let offer): try relay(.offer(offer), target, session, sender, reply, now)
        case .answer(let target, let session, let description):
            try relay(.answer(description), target, session, sender, reply, now)
        case .iceCandidate(let target, let session, let candidate):
            try relay(.iceCandidate(candidate), target, session, sender, reply, now)
        case .restartRequest(let target, let session): try relay(.restartRequest, target, session, sender, reply, now)
        case .sessionError(let target, let session, let error):
            try relay(.sessionError(error), target, session, sender, reply, now)
        case .sessionReport(let report):
            try takeWriting(sender, now: now)
            try sessions.reported(report, fromKiosk: sender.id, now: now.instant)
            act(.store(.sessionReported(report, at: now.wall)))
            answer(reply, .ok)
            if report.isFarewell { perform(sessions.kioskLeft(sessionId: report.sessionId), now: now) }
        case .heartbeatPing(let status): heartbeat(status, sender, on: socket, reply, now: now)
        case .crew(let event):
            act(
                .store(
                    .crew(
                        CrewRecord(
                            organization: sender.organization, kioskId: sender.id, event: event, receivedAt: now.wall),
                        reply)))
        }
    }

    /// Each of these leaves lines in the records.
    private mutating func takeWriting(_ sender: Party, now: Moment) throws(Refusal) {
        guard clients.takeWriting(sender.id, now: now.instant) else {
            throw Refusal(.throttled, "more starts and reports of sessions than are written down")
        }
    }

    // MARK: Registration

    private mutating func registerKiosk(
        _ registration: KioskRegistration, _ kiosk: Party, on socket: SocketID, _ reply: PendingReply, now: Moment
    ) {
        clients.registered(socket)
        let earlier = presence.kioskRegistered(
            kiosk.id, organization: kiosk.organization, socket: socket, now: now)
        answer(reply, .ok)
        deliver(
            .eventWithICEServers(
                .kioskRegistered(kioskId: kiosk.id, heartbeatInterval: Presence.heartbeatInterval),
                iceCredentials(for: kiosk.id, now: now)), to: kiosk.address)
        perform(
            sessions.kioskRegistered(
                kiosk.id, address: kiosk.address, carried: registration.sessions,
                replacing: earlier.map { .here($0) }), now: now)
        directory.registered(kiosk.id, version: registration.version, hostname: registration.hostname)
        act(
            .store(
                .kioskRegistered(id: kiosk.id, version: registration.version, hostname: registration.hostname)))
        came(kiosk.id, on: socket)
        announce(kiosk.id) { .kioskOnline($0) }
        if let earlier { disconnect(earlier, now: now) }
    }

    /// A client is back as what it was; it hears what it missed and no list.
    mutating func registerAgain(_ socket: SocketID, now: Moment) {
        guard let state = clients[socket] else { return }
        clients.registered(socket)
        switch state.role {
        case .kiosk:
            let earlier = presence.kioskRegistered(
                state.account, organization: state.organization, socket: socket, now: now)
            perform(
                sessions.kioskRegistered(
                    state.account, address: .here(socket), carried: nil, replacing: earlier.map { .here($0) }), now: now
            )
            came(state.account, on: socket)
            announce(state.account) { .kioskOnline($0) }
            if let earlier { disconnect(earlier, now: now) }
        case .monitor:
            presence.monitorRegistered(organization: state.organization, socket: socket)
            perform(sessions.monitorRegistered(state.party(socket), carried: nil), now: now)
        case .admin: break
        }
    }

    private mutating func registerMonitor(
        _ registration: MonitorRegistration, _ monitor: Party, on socket: SocketID, _ reply: PendingReply, now: Moment
    ) {
        clients.registered(socket, as: registration.clientId)
        presence.monitorRegistered(organization: monitor.organization, socket: socket)
        var monitor = monitor
        monitor.clientId = registration.clientId
        let actions = sessions.monitorRegistered(monitor, carried: registration.sessions)
        var details = JSONObject()
        if let carried = registration.sessions {
            details["sessions"] = .array(sessions.going(carried, ofMonitor: monitor.id).map { .string($0) })
        }
        answer(reply, .ok(details))
        act(.emit(.kioskList(kioskList(of: monitor.organization)), to: socket))
        perform(actions, now: now)
    }

    /// The kiosks of an organization, as its monitors see them, by id.
    public func kioskList(of organization: String) -> [KioskEntry] {
        directory.kiosks(of: organization).compactMap { id in
            directory[id].map { presence.entry(of: $0, monitoredBy: sessions.session(ofKiosk: id)?.monitorId) }
        }
    }

    // MARK: Sessions

    private mutating func startMonitoring(
        _ kioskId: String, _ monitor: Party, _ reply: PendingReply, now: Moment
    ) throws(Refusal) {
        let account = directory[kioskId].flatMap { $0.role == .kiosk ? $0 : nil }
        let kiosk = account.map {
            MonitoringSessions.Kiosk(
                id: $0.id, organization: $0.organization,
                address: presence.socket(ofOnlineKiosk: $0.id).map { .here($0) })
        }
        let actions: [MonitoringSessions.Action]
        do throws(Refusal) {
            actions = try sessions.startRequested(
                by: monitor, kiosk: kiosk, newId: newIdentifier(), now: now)
        } catch {
            // Only kiosks of the own organization are anybody's to know about.
            act(
                .store(
                    .audit(
                        AuditEntry(
                            at: now.wall, kind: .monitoringRefused, organization: monitor.organization,
                            principal: monitor.id, subject: error.error.code == .unknownKiosk ? "" : kioskId,
                            details: ["code": .string(error.error.code.rawValue)]))))
            throw error
        }
        var details = JSONObject()
        let session = sessions.session(ofKiosk: kioskId)?.id ?? ""
        details["sessionId"] = .string(session)
        for case .began in actions { unrecorded.began(session) }
        unrecorded.asked(session, reply)
        if let id = reply.acknowledgement { say(.acknowledgement(id, .ok(details)), to: reply.address, of: session) }
        perform(actions, now: now)
    }

    private mutating func relay(
        _ message: RelayedMessage, _ target: String, _ session: String?, _ sender: Party, _ reply: PendingReply,
        _ now: Moment
    ) throws(Refusal) {
        let actions =
            if isKiosk(sender) {
                try sessions.relayed(message, fromKiosk: sender.id, targetId: target, sessionId: session)
            } else {
                try sessions.relayed(message, fromMonitor: sender, targetId: target, sessionId: session)
            }
        answer(reply, .ok)
        perform(actions, now: now)
    }

    private func isKiosk(_ sender: Party) -> Bool {
        sender.address.localSocket.flatMap { clients[$0]?.role } == .kiosk
    }

    /// Does it now, or once the session is recorded.
    private mutating func say(_ delivery: Delivery, to address: Address, of session: String?) {
        if let session, unrecorded.keepBack(delivery, to: address, of: session) { return }
        deliver(delivery, to: address)
    }

    /// Performs what the sessions decided.
    mutating func perform(_ decided: [MonitoringSessions.Action], principal: String? = nil, now: Moment) {
        for action in decided {
            switch action {
            case .send(let event, let address): say(.event(event), to: address, of: event.sessionId)
            case .tellMonitorStarted(let session, let kiosk, let monitor, let address):
                say(
                    .eventWithICEServers(
                        .monitoringStartedForMonitor(kioskId: kiosk, sessionId: session),
                        iceCredentials(for: monitor, now: now)), to: address, of: session)
            case .tellKioskStarted(let session, let kiosk, let monitor, let address):
                say(
                    .eventWithICEServers(
                        .monitoringStartedForKiosk(monitorId: monitor, sessionId: session),
                        iceCredentials(for: kiosk, now: now)), to: address, of: session)
            case .began(let session):
                act(.store(.sessionBegan(session)))
                announce(session.kioskId) { .kioskStatus($0) }
            case .negotiated(let id): act(.store(.sessionNegotiated(id: id, at: now.wall)))
            case .moved(let id, let client): act(.store(.sessionMoved(id: id, clientId: client)))
            case .ended(let session, let reason):
                // One that was silent for so long that its side was given up may hear all the same.
                if let socket = presence.socket(ofKiosk: session.kioskId) {
                    perform(sessions.tellEnded(toKiosk: session.kioskId, on: .here(socket)), now: now)
                }
                metrics.sessionsEnded[reason, default: 0] += 1
                act(.store(.sessionEnded(id: session.id, reason, principal: principal, at: now.wall)))
                announce(session.kioskId) { .kioskStatus($0) }
            }
        }
    }

    // MARK: Heartbeats

    private mutating func heartbeat(
        _ status: KioskStatus, _ kiosk: Party, on socket: SocketID, _ reply: PendingReply, now: Moment
    ) {
        let (isChanged, cameBack) = presence.heartbeat(of: kiosk.id, status: status, now: now)
        answer(reply, .ok)
        act(.emit(.heartbeatPong(serverTime: now.wall.text), to: socket))
        if cameBack {
            perform(
                sessions.kioskRegistered(kiosk.id, address: kiosk.address, carried: nil, replacing: nil), now: now)
            came(kiosk.id, on: socket)
            announce(kiosk.id) { .kioskOnline($0) }
        } else if isChanged {
            announce(kiosk.id) { .kioskStatus($0) }
        }
    }

    private mutating func came(_ kiosk: String, on socket: SocketID) {
        act(
            .note(
                .kioskCame(id: kiosk, address: clients[socket]?.address, version: directory[kiosk]?.version)))
    }

    // MARK: Answers

    /// What a user's TURN credentials are made from, if they are made now.
    public func iceCredentials(for user: String, now: Moment) -> ICECredentialArguments {
        ICECredentialArguments(for: user, lifetime: settings.iceCredentialLifetime, now: now.wall)
    }

    /// To a client of this node at once, to one of another by a message to its node.
    mutating func deliver(_ delivery: Delivery, to address: Address) {
        guard let socket = address.localSocket else {
            if case .node(let node, let socket) = address { act(.send(.deliver(delivery, to: socket), to: node)) }
            return
        }
        switch delivery {
        case .event(let event): act(.emit(event, to: socket))
        case .eventWithICEServers(let event, let credentials):
            act(.emitWithICEServers(event, credentials, to: socket))
        case .acknowledgement(let id, let acknowledgement): act(.acknowledge(socket, id, acknowledgement))
        }
    }

    /// Monitors, and those who will ask what they have missed.
    func listeners(_ organization: String) -> [SocketID] {
        presence.monitors(of: organization).sorted() + clients.recoverableMonitors(of: organization)
    }

    /// Tells a kiosk's organization about its entry.
    mutating func announce(_ kioskId: String, as event: (KioskEntry) -> ServerEvent) {
        guard let account = directory[kioskId] else { return }
        let sockets = listeners(account.organization)
        guard !sockets.isEmpty else { return }
        let entry = presence.entry(of: account, monitoredBy: sessions.session(ofKiosk: kioskId)?.monitorId)
        act(.broadcast(event(entry), to: sockets))
    }

    mutating func answer(_ reply: PendingReply, _ acknowledgement: Acknowledgement) {
        guard let id = reply.acknowledgement else { return }
        deliver(.acknowledgement(id, acknowledgement), to: reply.address)
    }

    mutating func refuse(_ reply: PendingReply, _ refusal: Refusal) {
        metrics.refused(refusal.error.code)
        if reply.acknowledgement != nil {
            answer(reply, refusal.acknowledgement)
        } else {
            deliver(.event(.error(refusal.error, event: reply.event)), to: reply.address)
        }
    }
}
