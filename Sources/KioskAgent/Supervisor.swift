import JSON
import Media
import PeerIO
import Primitives
import Signaling

/// What follows from what: the agent's decisions about sessions, devices and reports. No thread, no socket, no
/// clock; `Agent` performs the actions and tells what happened.
///
/// ```
///  idle ──▶ granted ──▶ negotiating ──▶ live
///   ▲       camera       offer           media leaves the kiosk
///   │       warms up     arrived            │
///   └──────────┴─────────────┴──────────────┘   stopped by the server, replaced, or shut down: devices close
///                            ▲              │
///                            └── failed ◀───┘   the peer is gone: devices close, a new offer of the session revives
/// ```
///
/// The devices are open exactly in granted, negotiating and live; once connected, only those whose media the monitor
/// takes. A session whose monitor never gets through closes them after a minute, whether or not the server is there to
/// say so. Media outlives the server, which may be restarted meanwhile, but not for long: nobody here hears any more that
/// the session was ended or the monitor's account taken away.
struct Supervisor: Sendable {
    enum Action: Equatable, Sendable {
        case peer(PeerOrder)
        case send(ClientEvent)
        case carried(sessionId: String?)
        /// The session needs the devices of these kinds.
        case hold(sessionId: String, [MediaKind])
        /// It needs them no longer.
        case release(sessionId: String, [MediaKind])
        /// The session's media is to leave the kiosk now, or leaves no longer. `mediaPermitted` or `indicatorFailed` answers
        /// the first.
        case indicator(sessionId: String, Bool)
        case status
    }

    /// A `PeerCommand`, comparable.
    enum PeerOrder: Equatable, Sendable {
        case start(sessionId: String, monitorId: String, iceServers: [ICEServer])
        case offer(sessionId: String, sdp: String)
        case candidate(sessionId: String, CandidatePayload)
        /// The servers again, with credentials that last longer.
        case iceServers(sessionId: String, [ICEServer])
        case end(sessionId: String)
    }

    enum IgnoredEvent: Int, CaseIterable, Sendable {
        /// Names a session that is not ours.
        case otherSession
        /// An answer, or another description that only we send.
        case unexpectedDescription
        /// For monitors.
        case notForKiosks
        /// More offers than `OfferLimit` lets in: the newest waits.
        case offerTooSoon
        /// Of our session, and late or early: nothing follows from it in the phase that the session is in.
        case notInThisPhase
    }

    private(set) var session: Session?
    private(set) var video: DeviceState
    private(set) var audio: DeviceState
    /// What is wrong with media that flows.
    private(set) var videoCondition: MediaCondition?
    private(set) var audioCondition: MediaCondition?
    /// What a device could not be used for when it was last tried, until it is seen to work.
    private(set) var videoFinding: MediaTrouble?
    private(set) var audioFinding: MediaTrouble?
    /// When devices that are being opened must have said something.
    private var openingEndsAt: [MediaKind: Instant]
    private(set) var sessionsServed: Int
    private(set) var ignored: Counter<IgnoredEvent>
    /// How long a live session goes on without the server.
    var liveWithoutServer: Duration
    /// When the kiosk was registered last; nil while it is.
    private var serverLostAt: Instant?

    enum DeviceState: Hashable, Sendable {
        /// Configured away.
        case none
        case idle
        case opening
        case running(source: String)
        case trouble(MediaTrouble)

        /// The word in heartbeats. A device that is being opened is not `live` yet: that word ends a monitor's error.
        var word: String {
            switch self {
            case .none: "none"
            case .idle, .opening: "idle"
            case .running: "live"
            case .trouble(let trouble): trouble.state
            }
        }
    }

    static let negotiationTimeout = Duration.seconds(60)
    /// A driver that takes longer to open a device than any that works hangs.
    static let openingTimeout = Duration.seconds(8)

    init(hasMicrophone: Bool, liveWithoutServer: Duration = .seconds(600)) {
        session = nil
        video = .idle
        audio = hasMicrophone ? .idle : .none
        videoCondition = nil
        audioCondition = nil
        videoFinding = nil
        audioFinding = nil
        openingEndsAt = [:]
        sessionsServed = 0
        ignored = Counter()
        self.liveWithoutServer = liveWithoutServer
        serverLostAt = nil
    }

    /// When `timeoutReached` is due: a session that does not get through, or has no server any more.
    var nextTimeout: Instant? {
        switch session?.state {
        case .granted(let since), .negotiating(let since): since + Supervisor.negotiationTimeout
        case .live: serverLostAt.map { $0 + liveWithoutServer }
        case .failed, nil: nil
        }
    }

    // MARK: from the server

    /// Whether the server knows this kiosk now.
    mutating func serverIs(here: Bool, now: Instant) { serverLostAt = here ? nil : serverLostAt ?? now }

    mutating func serverSent(_ event: ServerEvent, now: Instant) -> [Action] {
        switch event {
        case .monitoringStartedForKiosk(let monitorId, let sessionId, let iceServers):
            return grant(sessionId: sessionId, monitorId: monitorId, iceServers: iceServers, now: now)
        case .offer(_, let sessionId, let description):
            return offerArrived(sessionId: sessionId, description, now: now)
        case .iceCandidate(_, let sessionId, let candidate):
            guard isCurrent(sessionId) else { return [] }
            return [.peer(.candidate(sessionId: sessionId, candidate))]
        case .monitoringStopped(_, let sessionId, let reason):
            guard isCurrent(sessionId) else { return [] }
            return end(reason: reason.rawValue)
        case .answer, .restartRequest, .sessionError:
            return ignore(.unexpectedDescription)
        case .kioskRegistered(_, _, let iceServers):
            guard let session else { return [] }
            let question = session.awaitsOffer ? askForOffer(session.id) : []
            return renew(iceServers, of: session.id) + question
        case .heartbeatPong, .error:
            return []
        case .kioskList, .kioskOnline, .kioskOffline, .kioskStatus, .monitoringStartedForMonitor, .crew:
            ignored.add(.notForKiosks)
            return []
        }
    }

    private mutating func grant(sessionId: String, monitorId: String, iceServers: [ICEServer], now: Instant) -> [Action]
    {
        // The same session again: the monitor asked twice, or the server repeats itself after a reconnect.
        if session?.id == sessionId { return renew(iceServers, of: sessionId) }
        var actions = session == nil ? [] : end(reason: "replaced")
        session = Session(
            id: sessionId, monitorId: monitorId, iceServers: iceServers, now: now)
        sessionsServed += 1
        actions += [startOrder(), .carried(sessionId: sessionId)].compactMap(\.self)
        return actions + hold(MediaKind.allCases, sessionId, now: now) + [.status]
    }

    /// Servers come with credentials for a time; what the server says last is what the next path is looked for with.
    private mutating func renew(_ iceServers: [ICEServer], of sessionId: String) -> [Action] {
        guard let session, session.iceServers != iceServers, !iceServers.isEmpty else { return [] }
        self.session?.iceServers = iceServers
        return isOpen ? [.peer(.iceServers(sessionId: sessionId, iceServers))] : []
    }

    private mutating func offerArrived(sessionId: String, _ description: DescriptionPayload, now: Instant) -> [Action] {
        guard isCurrent(sessionId) else { return [] }
        guard description.type == .offer else {
            ignored.add(.unexpectedDescription)
            return []
        }
        session?.awaitsOffer = false
        guard session?.offers.admits(description.sdp, now: now) == true else {
            ignored.add(.offerTooSoon)
            return []
        }
        return answer(sessionId, description.sdp, now: now)
    }

    /// When `offerIsDue` has something to do.
    var nextOffer: Instant? { session?.offers.dueAt }

    /// An offer that had to wait is answered now.
    mutating func offerIsDue(now: Instant) -> [Action] {
        guard let id = session?.id, let sdp = session?.offers.take(now: now) else { return [] }
        return answer(id, sdp, now: now)
    }

    private mutating func answer(_ sessionId: String, _ sdp: String, now: Instant) -> [Action] {
        session?.relayTrouble = nil
        let order = Action.peer(.offer(sessionId: sessionId, sdp: sdp))
        let before = session?.state
        session?.answering(now: now)
        switch before {
        case .granted, .negotiating: return [order, .status]
        case .live: return [order]
        case .failed:
            return hold(MediaKind.allCases, sessionId, now: now)
                + [startOrder(), order, .status].compactMap(\.self)
        case nil: return []
        }
    }

    // MARK: from the network thread

    mutating func peerReported(_ event: PeerEvent, now: Instant) -> [Action] {
        switch event {
        case .answer(let sessionId, let sdp):
            return toMonitor(sessionId) {
                .answer(targetId: $0, sessionId: sessionId, DescriptionPayload(type: .answer, sdp: sdp))
            }
        case .localCandidate(let sessionId, let candidate):
            return toMonitor(sessionId) { .iceCandidate(targetId: $0, sessionId: sessionId, candidate) }
        case .restartRequest(let sessionId):
            if session?.id == sessionId { session?.awaitsOffer = true }
            return askForOffer(sessionId)
        case .sessionError(let sessionId, let error):
            return toMonitor(sessionId) { .sessionError(targetId: $0, sessionId: sessionId, error) }
        case .sending(let sessionId, let kinds):
            guard isCurrent(sessionId) else { return [] }
            return isOpen ? send(kinds, now: now) : ignore(.notInThisPhase)
        case .relayRefused(let sessionId, let trouble):
            guard isCurrent(sessionId) else { return [] }
            session?.relayTrouble = trouble
            return [.status]
        case .connected(let sessionId):
            guard isCurrent(sessionId) else { return [] }
            guard session?.connected(now: now) == true else { return ignore(.notInThisPhase) }
            return (isLit ? [.indicator(sessionId: sessionId, true)] : []) + [.status]
        case .firstFrameSent(let sessionId, let milliseconds):
            guard isCurrent(sessionId) else { return [] }
            guard session?.firstFrameSent(milliseconds) == true else { return ignore(.notInThisPhase) }
            return reportMedia() + [.status]
        case .ended(let sessionId, let reason, let code):
            guard isCurrent(sessionId) else { return [] }
            return isOpen ? fail(reason: reason, code: code) : ignore(.notInThisPhase)
        case .offerAfterEnd(let sessionId, let sdp):
            guard isCurrent(sessionId) else { return [] }
            // A newer offer has revived the session meanwhile: this one is past.
            guard !isOpen else { return ignore(.notInThisPhase) }
            return offerArrived(sessionId: sessionId, DescriptionPayload(type: .offer, sdp: sdp), now: now)
        case .candidateAfterEnd(let sessionId, let candidate):
            guard isCurrent(sessionId) else { return [] }
            return isOpen ? [.peer(.candidate(sessionId: sessionId, candidate))] : ignore(.notInThisPhase)
        case .statistics, .summary:
            return []
        }
    }

    private mutating func askForOffer(_ sessionId: String) -> [Action] {
        toMonitor(sessionId) { .restartRequest(targetId: $0, sessionId: sessionId) }
    }

    /// The monitor takes these kinds of media now: the devices of others close, and the sign is lit while there is any.
    private mutating func send(_ kinds: Set<MediaKind>, now: Instant) -> [Action] {
        guard let session, case let before = session.sends, before != kinds else { return [] }
        let wasLit = isLit
        let closed = MediaKind.allCases.filter { before.contains($0) && !kinds.contains($0) }
        let opened = MediaKind.allCases.filter { kinds.contains($0) && !before.contains($0) }
        var actions: [Action] = []
        if wasLit, kinds.isEmpty { actions = [.indicator(sessionId: session.id, false)] + mediaStopped() }
        self.session?.take(kinds)
        if !closed.isEmpty { actions.append(.release(sessionId: session.id, closed)) }
        if !opened.isEmpty { actions += hold(opened, session.id, now: now) }
        if isLit, !wasLit { actions.append(.indicator(sessionId: session.id, true)) }
        return actions + reportMedia() + [.status]
    }

    /// The sign is lit, or nobody asked for one: media leaves.
    mutating func mediaPermitted() -> [Action] {
        session?.permitted()
        return reportMedia()
    }

    /// The server's audit hears once that media left the kiosk: with the first picture, or without one when there is
    /// none to wait for.
    private mutating func reportMedia() -> [Action] {
        guard let session, case .live(let live) = session.state, live.audit == .permitted else { return [] }
        if session.sends.contains(.video), live.firstFrameMilliseconds == nil {
            guard case .trouble = video else { return [] }
        }
        self.session?.mediaReported()
        return [
            .send(
                .sessionReport(
                    SessionReport(
                        sessionId: session.id, state: .mediaStarted, firstFrameMs: live.firstFrameMilliseconds)))
        ]
    }

    // MARK: from the media threads

    mutating func mediaReported(_ event: MediaEvent) -> [Action] {
        switch event {
        case .running(let kind, let source):
            guard isWanted(kind) else { return [] }
            setDevice(kind, .running(source: source))
            setFinding(kind, nil)
            // What its media was like before is past; what it is like now is found anew.
            setCondition(kind, nil)
            // A device that came back may fail again, and the monitor is to hear it again.
            session?.reported.subtract(
                kind == .video ? [.cameraMissing, .cameraBusy, .cameraFailed] : [.microphoneFailed])
            return [.status]
        case .trouble(let kind, let trouble):
            guard isWanted(kind) else { return [] }
            return troubled(kind, trouble)
        case .condition(let kind, let condition):
            // Over because the device was closed: nobody has seen it well, so it stays known.
            if condition == nil, !isWanted(kind) { return [] }
            setCondition(kind, condition)
            return [.status]
        case .stopped(let kind):
            guard !isWanted(kind), device(kind) != .none else { return [] }
            setDevice(kind, .idle)
            return [.status]
        }
    }

    private mutating func troubled(_ kind: MediaKind, _ trouble: MediaTrouble) -> [Action] {
        setDevice(kind, .trouble(trouble))
        setFinding(kind, trouble)
        return reportTrouble(trouble) + reportMedia() + [.status]
    }

    /// When `devicesAreLate` is due.
    var nextDevice: Instant? { openingEndsAt.values.min() }

    /// Drivers that have not answered yet: their threads hang in the kernel, and say nothing themselves.
    mutating func devicesAreLate(now: Instant) -> [Action] {
        var actions: [Action] = []
        for kind in MediaKind.allCases where openingEndsAt[kind].map({ $0 <= now }) ?? false {
            openingEndsAt[kind] = nil
            actions += troubled(kind, .driverHangs(kind))
        }
        return actions
    }

    /// A device of this kind was plugged in, or another one is configured: what was found before says nothing any more.
    mutating func forgetFinding(_ kind: MediaKind) -> [Action] {
        guard !isWanted(kind), finding(kind) != nil || condition(kind) != nil else { return [] }
        setFinding(kind, nil)
        setCondition(kind, nil)
        return [.status]
    }

    /// A device that nobody has asked for yet is not there: that is known before somebody wants to see.
    mutating func deviceFoundAbsent(_ kind: MediaKind, _ trouble: MediaTrouble) -> [Action] {
        guard device(kind) == .idle, !isWanted(kind), finding(kind) != trouble else { return [] }
        setFinding(kind, trouble)
        return [.status]
    }

    private mutating func reportTrouble(_ trouble: MediaTrouble) -> [Action] {
        guard session?.reported.insert(trouble.code).inserted == true, let session else { return [] }
        let payload = SessionErrorPayload(trouble.code, message: trouble.message)
        return [.send(.sessionError(targetId: session.monitorId, sessionId: session.id, payload))]
    }

    /// The sign that the camera is live must be lit and is not: no media then.
    mutating func indicatorFailed(_ reason: String) -> [Action] {
        guard let session, case .live = session.state else { return ignore(.notInThisPhase) }
        return [.peer(.end(sessionId: session.id))]
            + fail(reason: "the live indicator cannot be lit: \(reason)", code: .cameraFailed)
    }

    // MARK: time and the end

    mutating func timeoutReached(now: Instant) -> [Action] {
        guard let due = nextTimeout, due <= now else { return [] }
        guard let session else { return [] }
        let reason =
            switch session.state {
            case .live: "no server for \(Int(liveWithoutServer.seconds)) s"
            case .granted, .negotiating, .failed:
                "no connection within \(Int(Supervisor.negotiationTimeout.seconds)) s"
            }
        return [.peer(.end(sessionId: session.id))] + fail(reason: reason, code: .iceFailed)
    }

    /// The agent stops: whatever is open closes, and the server hears that this is meant, whether or not media flowed.
    mutating func stop() -> [Action] {
        guard let session else { return [] }
        self.session?.mediaStopReported()
        let farewell = SessionReport(
            sessionId: session.id, state: .mediaStopped, reason: SessionEndReason.kioskRestarting.rawValue)
        return end(reason: "agent-stopped") + [.send(.sessionReport(farewell))]
    }

    // MARK: below

    /// Whether a session may get media: devices are open.
    var isOpen: Bool { session?.isOpen ?? false }

    /// Whether media leaves the kiosk, and the sign that tells so is lit.
    var isLit: Bool { session?.isLit ?? false }

    /// Whether one picture after the other must be encoded now: somebody takes them, and the camera says that it runs.
    var expectsPictures: Bool {
        guard case .running = video else { return false }
        return isLit && isWanted(.video)
    }

    /// Whether the device is to be open.
    private func isWanted(_ kind: MediaKind) -> Bool { isOpen && session?.sends.contains(kind) == true }

    private mutating func ignore(_ event: IgnoredEvent) -> [Action] {
        ignored.add(event)
        return []
    }

    private mutating func isCurrent(_ sessionId: String) -> Bool {
        if session?.id == sessionId { return true }
        ignored.add(.otherSession)
        return false
    }

    private mutating func toMonitor(_ sessionId: String, _ event: (String) -> ClientEvent) -> [Action] {
        guard isCurrent(sessionId), let session else { return [] }
        return [.send(event(session.monitorId))]
    }

    private func startOrder() -> Action? {
        session.map { .peer(.start(sessionId: $0.id, monitorId: $0.monitorId, iceServers: $0.iceServers)) }
    }

    private mutating func hold(_ kinds: [MediaKind], _ sessionId: String, now: Instant) -> [Action] {
        for kind in kinds where device(kind) != .none {
            setDevice(kind, .opening)
            openingEndsAt[kind] = now + Supervisor.openingTimeout
        }
        return [.hold(sessionId: sessionId, kinds)]
    }

    /// The media path has ended for good, as far as the kiosk can tell: monitor and server hear why, and only a new offer
    /// brings it back.
    private mutating func fail(reason: String, code: SessionErrorCode) -> [Action] {
        guard let failed = session else { return [] }
        let wasLit = isLit
        let reports =
            mediaStopped() + [
                .send(
                    .sessionError(
                        targetId: failed.monitorId, sessionId: failed.id, SessionErrorPayload(code, message: reason))),
                .send(
                    .sessionReport(
                        SessionReport(sessionId: failed.id, state: .mediaFailed, reason: code.rawValue))),
            ]
        let devices = openDevices
        session?.fail(reason: reason)
        return (wasLit ? [.indicator(sessionId: failed.id, false)] : []) + reports + devices + [.status]
    }

    private mutating func end(reason: String) -> [Action] {
        guard let ended = session else { return [] }
        let reports = mediaStopped()
        let devices = openDevices
        var actions: [Action] = [.peer(.end(sessionId: ended.id))]
        if isLit { actions.append(.indicator(sessionId: ended.id, false)) }
        session = nil
        return actions + reports + devices + [.carried(sessionId: nil), .status]
    }

    /// What closes all that is open.
    private var openDevices: [Action] {
        let open = MediaKind.allCases.filter(isWanted)
        guard let session, !open.isEmpty else { return [] }
        return [.release(sessionId: session.id, open)]
    }

    private func mediaStopped() -> [Action] {
        guard let session, case .live(let live) = session.state, live.audit == .reported else { return [] }
        return [.send(.sessionReport(SessionReport(sessionId: session.id, state: .mediaStopped)))]
    }

    private func device(_ kind: MediaKind) -> DeviceState { kind == .video ? video : audio }

    private func finding(_ kind: MediaKind) -> MediaTrouble? { kind == .video ? videoFinding : audioFinding }

    private func condition(_ kind: MediaKind) -> MediaCondition? { kind == .video ? videoCondition : audioCondition }

    private mutating func setFinding(_ kind: MediaKind, _ finding: MediaTrouble?) {
        switch kind {
        case .video: videoFinding = finding
        case .audio: audioFinding = finding
        }
    }

    private mutating func setCondition(_ kind: MediaKind, _ condition: MediaCondition?) {
        switch kind {
        case .video: videoCondition = condition
        case .audio: audioCondition = condition
        }
    }

    private mutating func setDevice(_ kind: MediaKind, _ state: DeviceState) {
        openingEndsAt[kind] = nil
        switch kind {
        case .video: video = state
        case .audio: audio = state
        }
    }
}
