import Media
import PeerIO
import Primitives
import Signaling

/// A monitor's session, from the grant to its end. What only one phase knows lives in that phase: each transition forgets
/// what the one before knew.
///
/// ```
///             offer              connected
///  granted ─────────▶ negotiating ────────▶ live        media leaves the kiosk
///     │                ▲   │                 │
///     │ connected      │   │ fail            │ fail
///     └──────▶ live    │   ▼                 │
///                offer └─ failed ◀───────────┘          the peer is gone: devices close, a new offer revives
/// ```
///
/// The devices are open exactly in granted, negotiating and live; once connected, only those whose media the monitor takes.
/// A session whose monitor never gets through closes them after a minute, whether or not the server is there to say so.
struct SessionMachine: Sendable {
    typealias Action = Supervisor.Action

    enum State: Sendable {
        /// Since the grant. → negotiating, live, failed
        case granted(since: Instant)
        /// Since the newest offer. → negotiating (anew), live, failed
        case negotiating(since: Instant)
        /// → failed
        case live(Live)
        /// Why. → negotiating
        case failed(reason: String)
    }

    /// What is known while media may leave.
    struct Live: Sendable {
        let since: Instant
        var firstFrameMilliseconds: Int?
        var audit: Audit
        /// The network thread's latest numbers.
        var statistics: PeerStatistics?
    }

    /// How far the server's audit is.
    enum Audit: Hashable, Sendable {
        /// The sign that media leaves is not lit yet, or the monitor takes nothing.
        case dark
        /// The sign is lit, or need not be.
        case permitted
        /// The server knows that media left.
        case reported
    }

    /// What follows from an event.
    enum Reaction {
        case actions([Action])
        case ignored(Supervisor.IgnoredEvent)
    }

    static let negotiationTimeout = Duration.seconds(60)

    let id: String
    let monitorId: String
    private(set) var state: State
    /// The kinds of media that the monitor takes: all of them until that is known.
    private(set) var sends: Set<MediaKind>
    /// Which TURN server gave no relay, and why.
    private(set) var relayTrouble: String?
    private var iceServers: [ICEServer]
    /// Whether an offer was asked for that has not come: the connection that took the question may have been dead by
    /// then, for what takes the path away takes the server away too.
    private var awaitsOffer: Bool
    /// What the monitor was told already.
    private var reported: Set<SessionErrorCode>
    private var offers: OfferLimit

    init(id: String, monitorId: String, iceServers: [ICEServer], now: Instant) {
        self.id = id
        self.monitorId = monitorId
        self.iceServers = iceServers
        state = .granted(since: now)
        sends = Set(MediaKind.allCases)
        awaitsOffer = false
        reported = []
        relayTrouble = nil
        offers = OfferLimit(now: now)
    }

    // MARK: from the server

    /// What its first moment brings.
    var beginning: [Action] { [start, .hold(sessionId: id, MediaKind.allCases)] }

    /// Servers come with credentials for a time; what the server says last is what the next path is looked for with.
    mutating func renew(_ newer: [ICEServer]) -> [Action] {
        guard newer != iceServers, !newer.isEmpty else { return [] }
        iceServers = newer
        return isOpen ? [.peer(.iceServersRenewed(sessionId: id, iceServers: newer))] : []
    }

    /// The kiosk is registered, perhaps again.
    mutating func registered(_ newer: [ICEServer]) -> [Action] { renew(newer) + (awaitsOffer ? [question] : []) }

    mutating func offered(_ description: DescriptionPayload, now: Instant) -> Reaction {
        guard description.type == .offer else { return .ignored(.unexpectedDescription) }
        awaitsOffer = false
        guard offers.admits(description.sdp, now: now) else { return .ignored(.offerTooSoon) }
        return .actions(answer(description.sdp, now: now))
    }

    /// When `offerIsDue` has something to do.
    var nextOffer: Instant? { offers.dueAt }

    /// An offer that had to wait is answered now.
    mutating func offerIsDue(now: Instant) -> [Action] { offers.take(now: now).map { answer($0, now: now) } ?? [] }

    private mutating func answer(_ sdp: String, now: Instant) -> [Action] {
        relayTrouble = nil
        let order = Action.peer(.offer(sessionId: id, sdp: sdp))
        switch state {
        case .granted, .negotiating:
            state = .negotiating(since: now)
            return [order, .status]
        case .live: return [order]
        case .failed:
            state = .negotiating(since: now)
            reported = []
            return [.hold(sessionId: id, MediaKind.allCases), start, order, .status]
        }
    }

    // MARK: from the network thread

    /// - Parameter cameraFails: no first picture can be waited for.
    mutating func peerReported(_ event: PeerEvent, cameraFails: Bool, now: Instant) -> Reaction {
        switch event {
        case .answer(_, let sdp):
            return send(.answer(targetId: monitorId, sessionId: id, DescriptionPayload(type: .answer, sdp: sdp)))
        case .localCandidate(_, let candidate):
            return send(.iceCandidate(targetId: monitorId, sessionId: id, candidate))
        case .restartRequest:
            awaitsOffer = true
            return .actions([question])
        case .sessionError(_, let error): return send(.sessionError(targetId: monitorId, sessionId: id, error))
        case .sending(_, let kinds): return take(kinds, cameraFails: cameraFails)
        case .relayRefused(_, let trouble):
            relayTrouble = trouble
            return .actions([.status])
        case .connected: return connected(now: now)
        case .firstFrameSent(_, let milliseconds):
            guard change({ $0.firstFrameMilliseconds = milliseconds }) else { return .ignored(.notInThisPhase) }
            return .actions(reportMedia(cameraFails: cameraFails) + [.status])
        case .ended(_, let reason, let code):
            return isOpen ? .actions(fail(reason, code)) : .ignored(.notInThisPhase)
        case .offerAfterEnd(_, let sdp):
            // A newer offer has revived the session meanwhile: this one is past.
            guard !isOpen else { return .ignored(.notInThisPhase) }
            return offered(DescriptionPayload(type: .offer, sdp: sdp), now: now)
        case .candidateAfterEnd(_, let candidate):
            guard isOpen else { return .ignored(.notInThisPhase) }
            return .actions([.peer(.candidate(sessionId: id, candidate))])
        case .statistics(let statistics):
            return change { $0.statistics = statistics } ? .actions([]) : .ignored(.notInThisPhase)
        case .summary: return .actions([])
        }
    }

    private mutating func connected(now: Instant) -> Reaction {
        switch state {
        case .granted, .negotiating:
            state = .live(Live(since: now, firstFrameMilliseconds: nil, audit: .dark, statistics: nil))
            return .actions((isLit ? [.indicator(sessionId: id, true)] : []) + [.status])
        case .live, .failed: return .ignored(.notInThisPhase)
        }
    }

    /// The monitor takes these kinds of media now: the devices of others close, and the sign is lit while there is any.
    private mutating func take(_ kinds: Set<MediaKind>, cameraFails: Bool) -> Reaction {
        guard isOpen else { return .ignored(.notInThisPhase) }
        guard case let before = sends, before != kinds else { return .actions([]) }
        let wasLit = isLit
        let closed = MediaKind.allCases.filter { before.contains($0) && !kinds.contains($0) }
        let opened = MediaKind.allCases.filter { kinds.contains($0) && !before.contains($0) }
        var actions: [Action] = []
        if wasLit, kinds.isEmpty { actions = [.indicator(sessionId: id, false)] + mediaStopped }
        sends = kinds
        if kinds.isEmpty { change { $0.audit = .dark } }
        if !closed.isEmpty { actions.append(.release(sessionId: id, closed)) }
        if !opened.isEmpty { actions.append(.hold(sessionId: id, opened)) }
        if isLit, !wasLit { actions.append(.indicator(sessionId: id, true)) }
        return .actions(actions + reportMedia(cameraFails: cameraFails && !opened.contains(.video)) + [.status])
    }

    // MARK: from the devices and the sign

    /// The sign is lit, or nobody asked for one: media leaves.
    mutating func permitted(cameraFails: Bool) -> Reaction {
        guard isLit else { return .ignored(.notInThisPhase) }
        change { if $0.audit == .dark { $0.audit = .permitted } }
        return .actions(reportMedia(cameraFails: cameraFails))
    }

    /// The sign that media leaves must be lit and is not.
    mutating func indicatorFailed(_ reason: String) -> [Action] {
        [end] + fail("the live indicator cannot be lit: \(reason)", .cameraFailed)
    }

    /// A device that came back may fail again, and the monitor is to hear it again.
    mutating func deviceWorks(_ kind: MediaKind) {
        reported.subtract(kind == .video ? [.cameraMissing, .cameraBusy, .cameraFailed] : [.microphoneFailed])
    }

    mutating func deviceFails(_ kind: MediaKind, _ trouble: MediaTrouble, cameraFails: Bool) -> [Action] {
        guard sends.contains(kind) else { return [] }
        var actions: [Action] = []
        if reported.insert(trouble.code).inserted {
            let payload = SessionErrorPayload(trouble.code, message: trouble.message)
            actions = [.send(.sessionError(targetId: monitorId, sessionId: id, payload))]
        }
        return actions + reportMedia(cameraFails: cameraFails)
    }

    // MARK: time and the end

    /// When `giveUp` is due: it does not get through, or has no server any more.
    func nextTimeout(_ server: ServerPresence) -> Instant? {
        switch state {
        case .granted(let since), .negotiating(let since): since + SessionMachine.negotiationTimeout
        case .live: server.deadline
        case .failed: nil
        }
    }

    mutating func giveUp(_ server: ServerPresence) -> [Action] {
        let reason =
            switch state {
            case .live: "no server for \(Int(server.patience.seconds)) s"
            case .granted, .negotiating, .failed:
                "no connection within \(Int(SessionMachine.negotiationTimeout.seconds)) s"
            }
        return [end] + fail(reason, .iceFailed)
    }

    /// What is open closes. The session is forgotten with it.
    var ending: [Action] {
        [end] + (isLit ? [.indicator(sessionId: id, false)] : []) + mediaStopped + closing
    }

    /// The same because the agent stops: the server hears that this is meant, whether or not media flowed.
    mutating func stop() -> [Action] {
        change { $0.audit = .dark }
        let reason = SessionEndReason.kioskRestarting.rawValue
        return ending + [.send(.sessionReport(SessionReport(sessionId: id, state: .mediaStopped, reason: reason)))]
    }

    // MARK: views

    /// Whether it may get media: devices are open.
    var isOpen: Bool {
        switch state {
        case .granted, .negotiating, .live: true
        case .failed: false
        }
    }

    /// Whether media leaves the kiosk, and the sign that tells so is lit.
    var isLit: Bool { live != nil && !sends.isEmpty }

    /// The kinds whose devices it has open.
    var wants: Set<MediaKind> { isOpen ? sends : [] }

    var live: Live? { if case .live(let live) = state { live } else { nil } }

    /// Why it failed.
    var failure: String? { if case .failed(let reason) = state { reason } else { nil } }

    // MARK: below

    private var start: Action {
        .peer(.sessionStarted(sessionId: id, monitorId: monitorId, iceServers: iceServers))
    }

    private var end: Action { .peer(.sessionEnded(sessionId: id)) }

    private var question: Action { .send(.restartRequest(targetId: monitorId, sessionId: id)) }

    private func send(_ event: ClientEvent) -> Reaction { .actions([.send(event)]) }

    /// The media path has ended for good, as far as the kiosk can tell: monitor and server hear why, and only a new offer
    /// brings it back.
    private mutating func fail(_ reason: String, _ code: SessionErrorCode) -> [Action] {
        let error = SessionErrorPayload(code, message: reason)
        let report = SessionReport(sessionId: id, state: .mediaFailed, reason: code.rawValue)
        let actions =
            (isLit ? [.indicator(sessionId: id, false)] : []) + mediaStopped + [
                .send(.sessionError(targetId: monitorId, sessionId: id, error)), .send(.sessionReport(report)),
            ] + closing
        state = .failed(reason: reason)
        sends = Set(MediaKind.allCases)
        return actions + [.status]
    }

    /// What closes all that is open.
    private var closing: [Action] {
        let open = MediaKind.allCases.filter(wants.contains)
        return open.isEmpty ? [] : [.release(sessionId: id, open)]
    }

    private var mediaStopped: [Action] {
        guard live?.audit == .reported else { return [] }
        return [.send(.sessionReport(SessionReport(sessionId: id, state: .mediaStopped)))]
    }

    /// The server's audit hears once that media left the kiosk: with the first picture, or without one when there is
    /// none to wait for.
    private mutating func reportMedia(cameraFails: Bool) -> [Action] {
        guard let live, live.audit == .permitted else { return [] }
        if sends.contains(.video), live.firstFrameMilliseconds == nil, !cameraFails { return [] }
        change { $0.audit = .reported }
        let first = live.firstFrameMilliseconds
        return [.send(.sessionReport(SessionReport(sessionId: id, state: .mediaStarted, firstFrameMs: first)))]
    }

    /// - Returns: false in another phase.
    @discardableResult
    private mutating func change(_ body: (inout Live) -> Void) -> Bool {
        guard case .live(var live) = state else { return false }
        body(&live)
        state = .live(live)
        return true
    }
}
