internal import Primitives
internal import Signaling

extension MonitoringSessions {
    // MARK: Sessions that change their owner

    /// The kiosk has registered at another node, and its session goes there. It is nobody's until that node has it.
    mutating func handOver(kioskId: String, now: Instant) -> HandedOverSession? {
        guard let session = session(ofKiosk: kioskId) else { return nil }
        sessions[session.id] = nil
        sessionByKiosk[kioskId] = nil
        func waiting(_ side: MonitoringSession.Side) -> [ServerEvent] {
            switch side {
            case .connected: []
            case .away(_, let waiting): waiting
            }
        }
        return HandedOverSession(
            id: session.id, kioskId: kioskId, monitorId: session.monitorId, organization: session.organization,
            startedAt: session.startedAt, age: now - session.started, clientId: session.clientId,
            monitorAddress: session.monitor.address, waitingForMonitor: waiting(session.monitor),
            waitingForKiosk: waiting(session.kiosk), hasOffer: session.hasOffer, hasAnswer: session.hasAnswer,
            mediaGrace: session.mediaGraceEnds.map { $0 - now })
    }

    /// A session has come from the kiosk's earlier owner. Its kiosk is away until it is registered here.
    /// - Parameter monitor: where its monitor is; nil when it is away, or cannot be reached from here.
    /// - Returns: false where that session is known already, or has ended.
    mutating func takeOver(_ session: HandedOverSession, monitor: Address?, now: Instant) -> Bool {
        guard sessions[session.id] == nil, ended[session.id] == nil, sessionByKiosk[session.kioskId] == nil else {
            return false
        }
        let graceEnds = now + rules.gracePeriod
        var taken = MonitoringSession(
            id: session.id, kioskId: session.kioskId, monitorId: session.monitorId, organization: session.organization,
            startedAt: session.startedAt, started: now - session.age, clientId: session.clientId,
            kiosk: .away(until: graceEnds, waiting: session.waitingForKiosk),
            monitor: monitor.map { .connected($0) } ?? .away(until: graceEnds, waiting: session.waitingForMonitor),
            hasOffer: session.hasOffer, hasAnswer: session.hasAnswer)
        taken.mediaGraceEnds = session.mediaGrace.map { now + $0 }
        sessions[session.id] = taken
        sessionByKiosk[session.kioskId] = session.id
        return true
    }

    /// The kiosk has registered at another node and does not carry its session.
    mutating func kioskReplaced(_ kioskId: String, now: Instant) -> [Action] {
        guard let session = session(ofKiosk: kioskId) else { return [] }
        // The kiosk is told by its new node.
        sessions[session.id]?.kiosk = .lost(until: now)
        return end(session.id, .kioskReplaced)
    }

    /// How sessions ended that a kiosk is to be told of by its new node.
    mutating func takeEnded(ofKiosk kioskId: String, carried: [String]?) -> [EndedSession] {
        let untold = ended.takeNotYetTold(kioskId).map { session in
            var session = session
            session.notYetTold = [.kiosk]
            return session
        }
        guard let carried else { return untold }
        return carried.compactMap { ended[$0] }.filter { $0.kioskId == kioskId }.map { session in
            var session = session
            session.notYetTold = []
            return session
        }
    }

    mutating func remembered(_ session: EndedSession) { ended.remember(session) }

    func hasEnded(_ id: String) -> Bool { ended[id] != nil }

    /// A session that was handed over has arrived nowhere.
    mutating func handOverFailed(_ session: HandedOverSession) -> [Action] {
        guard ended[session.id] == nil else { return [] }
        var over = EndedSession(
            id: session.id, kioskId: session.kioskId, monitorId: session.monitorId, reason: .kioskDisconnected,
            notYetTold: [.kiosk])
        var actions: [Action] = []
        if case .here? = session.monitorAddress {
            actions.append(.send(over.event, to: session.monitorAddress!))
        } else {
            over.notYetTold.insert(.monitor)
        }
        ended.remember(over)
        return actions
    }

    /// A node is gone, and the sockets of monitors with it, as far as anybody knows.
    mutating func nodeLost(_ node: NodeID, now: Moment) -> [Action] {
        let graceEnds = now.instant + rules.gracePeriod
        for session in sessions.values {
            guard case .connected(.node(node, _)) = session.monitor else { continue }
            sessions[session.id]?.monitor = .lost(until: graceEnds)
        }
        return handleTimeout(now: now.instant)
    }

    /// A monitor may not have been told how a session ended, because its node went away meanwhile.
    mutating func notTold(ofMonitorIn sessionId: String) { ended.markNotTold(sessionId, .monitor) }
}
