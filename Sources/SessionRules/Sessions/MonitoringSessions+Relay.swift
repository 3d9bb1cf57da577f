internal import JSON
public import Primitives
public import Signaling

extension MonitoringSessions {
    // MARK: What passes between the two ends

    /// A monitor sent something to a kiosk.
    public mutating func relayed(
        _ message: RelayedMessage, fromMonitor monitor: Party, targetId: String, sessionId: String?
    ) throws(Refusal) -> [Action] {
        let session = try session(ofMonitor: monitor, kioskId: targetId, sessionId: sessionId)
        guard let owner = session.monitor.address else {
            // It speaks before it has registered the session again: it is back.
            let actions = adopt(session.id, by: monitor)
            return actions + (try forward(message, in: session.id, to: .kiosk, from: monitor.id))
        }
        guard owner == monitor.address else {
            throw Refusal(.notYourSession, "the session belongs to another connection of this account")
        }
        return try forward(message, in: session.id, to: .kiosk, from: monitor.id)
    }

    /// A kiosk sent something to its monitor.
    public mutating func relayed(
        _ message: RelayedMessage, fromKiosk kioskId: String, targetId: String, sessionId: String?
    ) throws(Refusal) -> [Action] {
        guard let session = session(ofKiosk: kioskId) else { throw Refusal(.noSession, "nobody watches this kiosk") }
        try check(session, named: sessionId)
        guard session.monitorId == targetId else {
            throw Refusal(.notYourSession, "targetId: not the monitor of this session")
        }
        return try forward(message, in: session.id, to: .monitor, from: kioskId)
    }

    /// A kiosk reported on its media. A report may come after the session's end. After `media-failed` the session goes on
    /// for a grace period, in which its monitor may offer another path.
    public mutating func reported(_ report: SessionReport, fromKiosk kioskId: String, now: Instant) throws(Refusal) {
        let owner = sessions[report.sessionId]?.kioskId ?? ended[report.sessionId]?.kioskId
        guard let owner else { throw Refusal(.noSession, "sessionId: no such session") }
        guard owner == kioskId else { throw Refusal(.notYourSession, "sessionId: not a session of this kiosk") }
        switch report.state {
        case .mediaFailed:
            let graceEnds = now + rules.gracePeriod
            sessions[report.sessionId]?.mediaGraceEnds = graceEnds
        case .mediaStarted: sessions[report.sessionId]?.mediaGraceEnds = nil
        case .mediaStopped: break
        }
    }

    /// The session in which a monitor may speak to that kiosk.
    func session(
        ofMonitor monitor: Party, kioskId: String, sessionId: String?
    ) throws(Refusal) -> MonitoringSession {
        // Of another organization's kiosk nothing is known, not even that somebody watches it.
        guard let session = session(ofKiosk: kioskId), session.organization == monitor.organization else {
            throw Refusal(.noSession, "no session with this kiosk")
        }
        guard session.monitorId == monitor.id else {
            throw Refusal(.notYourSession, "another monitor watches this kiosk")
        }
        try check(session, named: sessionId)
        return session
    }

    private func check(_ session: MonitoringSession, named id: String?) throws(Refusal) {
        guard let id, id != session.id else { return }
        throw Refusal(.noSession, "sessionId: that session is over")
    }

    private mutating func forward(
        _ message: RelayedMessage, in id: String, to end: MonitoringSession.End, from sender: String
    ) throws(Refusal) -> [Action] {
        guard var session = sessions[id] else { return [] }
        let event = message.event(from: sender, session: id)
        let wasNegotiated = session.isNegotiated
        var actions: [Action] = []
        switch session[end] {
        case .connected(let address): actions.append(.send(event, to: address))
        case .away(let until, let waiting):
            guard waiting.count < MonitoringSession.Side.waitingLimit else {
                throw Refusal(.throttled, "the other side is away and too much waits for it")
            }
            session[end] = .away(until: until, waiting: waiting + [event])
        }
        switch message {
        case .offer:
            session.hasOffer = true
            // Another try; the kiosk says what becomes of it.
            session.mediaGraceEnds = nil
        case .answer: session.hasAnswer = true
        case .iceCandidate, .restartRequest, .sessionError: break
        }
        sessions[id] = session
        if session.isNegotiated, !wasNegotiated { actions.append(.negotiated(sessionId: id)) }
        return actions
    }
}
