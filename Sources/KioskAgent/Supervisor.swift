import Primitives
import Signaling
import SocketIO

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
/// The camera is open exactly in granted, negotiating and live. A session whose monitor never gets through closes it
/// after a minute, whether or not the server is there to say so.
struct Supervisor: Sendable {
    enum Action: Equatable, Sendable {
        case peer(PeerOrder)
        case send(ClientEvent)
        case carried(sessionId: String?)
        case openMedia
        case closeMedia
        /// Media leaves the kiosk now, or no longer.
        case indicator(Bool)
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

    enum Phase: String, Sendable, Hashable {
        /// Then negotiating, or gone.
        case granted
        /// Then live or failed, or gone.
        case negotiating
        /// Then failed, or gone.
        case live
        /// Then negotiating again, or gone.
        case failed
    }

    struct Session: Sendable {
        var id: String
        var monitorId: String
        var iceServers: [ICEServer]
        var phase: Phase
        /// When the grant or the newest offer came.
        var since: Instant
        var liveSince: Instant?
        var firstFrameMilliseconds: Int?
        var hasReportedMedia: Bool
        /// What the monitor was told already.
        var reported: Set<SessionErrorCode>
        var reason: String?
    }

    enum IgnoredEvent: Int, CaseIterable, Sendable {
        /// Names a session that is not ours.
        case otherSession
        /// An answer, or another description that only we send.
        case unexpectedDescription
        /// For monitors.
        case notForKiosks
    }

    private(set) var session: Session?
    private(set) var video: DeviceState
    private(set) var audio: DeviceState
    /// What is wrong with media that flows.
    private(set) var videoCondition: MediaCondition?
    private(set) var audioCondition: MediaCondition?
    private(set) var sessionsServed: Int
    private(set) var ignored: Counter<IgnoredEvent>

    enum DeviceState: Hashable, Sendable {
        /// Configured away.
        case none
        case idle
        case opening
        case running(source: String)
        case trouble(MediaTrouble)

        /// The word in heartbeats.
        var word: String {
            switch self {
            case .none: "none"
            case .idle: "idle"
            case .opening, .running: "live"
            case .trouble(let trouble): trouble.state
            }
        }
    }

    static let negotiationTimeout = Duration.seconds(60)

    init(hasMicrophone: Bool) {
        session = nil
        video = .idle
        audio = hasMicrophone ? .idle : .none
        videoCondition = nil
        audioCondition = nil
        sessionsServed = 0
        ignored = Counter()
    }

    /// When `timeoutReached` is due: a session that does not get through.
    var nextTimeout: Instant? {
        guard let session, session.phase == .granted || session.phase == .negotiating else { return nil }
        return session.since + Supervisor.negotiationTimeout
    }

    // MARK: from the server

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
            ignored.add(.unexpectedDescription)
            return []
        case .kioskRegistered(_, _, let iceServers):
            return session.map { renew(iceServers, of: $0.id) } ?? []
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
            id: sessionId, monitorId: monitorId, iceServers: iceServers, phase: .granted, since: now, liveSince: nil,
            firstFrameMilliseconds: nil, hasReportedMedia: false, reported: [], reason: nil)
        sessionsServed += 1
        actions += [startOrder(), .carried(sessionId: sessionId)].compactMap(\.self)
        return actions + openMedia() + [.status]
    }

    /// Servers come with credentials for a time; what the server says last is what the next path is looked for with.
    private mutating func renew(_ iceServers: [ICEServer], of sessionId: String) -> [Action] {
        guard let session, session.iceServers != iceServers, !iceServers.isEmpty else { return [] }
        self.session?.iceServers = iceServers
        return session.phase == .failed ? [] : [.peer(.iceServers(sessionId: sessionId, iceServers))]
    }

    private mutating func offerArrived(sessionId: String, _ description: DescriptionPayload, now: Instant) -> [Action] {
        guard isCurrent(sessionId) else { return [] }
        guard description.type == .offer else {
            ignored.add(.unexpectedDescription)
            return []
        }
        let order = Action.peer(.offer(sessionId: sessionId, sdp: description.sdp))
        switch session?.phase {
        case .granted, .negotiating:
            session?.phase = .negotiating
            session?.since = now
            return [order, .status]
        case .live:
            return [order]
        case .failed:
            session?.phase = .negotiating
            session?.since = now
            session?.reason = nil
            session?.reported = []
            return openMedia() + [startOrder(), order, .status].compactMap(\.self)
        case nil:
            return []
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
            return toMonitor(sessionId) { .restartRequest(targetId: $0, sessionId: sessionId) }
        case .sessionError(let sessionId, let error):
            return toMonitor(sessionId) { .sessionError(targetId: $0, sessionId: sessionId, error) }
        case .connected(let sessionId):
            guard isCurrent(sessionId), session?.phase == .granted || session?.phase == .negotiating else { return [] }
            session?.phase = .live
            session?.liveSince = now
            return [.indicator(true)] + reportMedia(withoutPicture: true) + [.status]
        case .firstFrameSent(let sessionId, let milliseconds):
            guard isCurrent(sessionId), session?.phase == .live else { return [] }
            session?.firstFrameMilliseconds = milliseconds
            return reportMedia(withoutPicture: false) + [.status]
        case .ended(let sessionId, let reason):
            guard isCurrent(sessionId), session?.phase != .failed else { return [] }
            return fail(reason: reason)
        case .statistics, .summary:
            return []
        }
    }

    /// The server's audit hears once that media left the kiosk: with the first picture, or without one when there is
    /// no camera to wait for.
    private mutating func reportMedia(withoutPicture: Bool) -> [Action] {
        guard let session, session.phase == .live, !session.hasReportedMedia else { return [] }
        if withoutPicture, session.firstFrameMilliseconds == nil {
            guard case .trouble = video else { return [] }
        }
        self.session?.hasReportedMedia = true
        return [
            .send(
                .sessionReport(
                    SessionReport(
                        sessionId: session.id, state: .mediaStarted, firstFrameMs: session.firstFrameMilliseconds)))
        ]
    }

    // MARK: from the media threads

    mutating func mediaReported(_ event: MediaEvent) -> [Action] {
        switch event {
        case .running(let kind, let source):
            guard isOpen else { return [] }
            setDevice(kind, .running(source: source))
            // A device that came back may fail again, and the monitor is to hear it again.
            session?.reported.subtract(
                kind == .video ? [.cameraMissing, .cameraBusy, .cameraFailed] : [.microphoneFailed])
            return [.status]
        case .trouble(let kind, let trouble):
            guard isOpen else { return [] }
            setDevice(kind, .trouble(trouble))
            return reportTrouble(trouble) + reportMedia(withoutPicture: true) + [.status]
        case .condition(let kind, let condition):
            switch kind {
            case .video: videoCondition = condition
            case .audio: audioCondition = condition
            }
            return [.status]
        case .stopped(let kind):
            guard !isOpen, device(kind) != .none else { return [] }
            setDevice(kind, .idle)
            return [.status]
        }
    }

    private mutating func reportTrouble(_ trouble: MediaTrouble) -> [Action] {
        guard session?.reported.insert(trouble.code).inserted == true, let session else { return [] }
        let payload = SessionErrorPayload(trouble.code, message: trouble.message)
        return [.send(.sessionError(targetId: session.monitorId, sessionId: session.id, payload))]
    }

    /// The sign that the camera is live must be lit and cannot be: no media then.
    mutating func indicatorFailed(_ reason: String) -> [Action] {
        guard let session, session.phase == .live else { return [] }
        let payload = SessionErrorPayload(.cameraFailed, message: "the live indicator cannot be lit: \(reason)")
        return [
            .send(.sessionError(targetId: session.monitorId, sessionId: session.id, payload)),
            .peer(.end(sessionId: session.id)),
        ] + fail(reason: "indicator failed")
    }

    // MARK: time and the end

    mutating func timeoutReached(now: Instant) -> [Action] {
        guard let due = nextTimeout, due <= now else { return [] }
        let orders = session.map { [Action.peer(.end(sessionId: $0.id))] } ?? []
        return orders + fail(reason: "no connection within \(Int(Supervisor.negotiationTimeout.seconds)) s")
    }

    /// The agent stops: whatever is open closes.
    mutating func stop() -> [Action] { session == nil ? [] : end(reason: "agent-stopped") }

    // MARK: below

    /// Whether the devices are to be open.
    var isOpen: Bool { session.map { $0.phase != .failed } ?? false }

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

    private mutating func openMedia() -> [Action] {
        setDevice(.video, .opening)
        if audio != .none { setDevice(.audio, .opening) }
        return [.openMedia]
    }

    private mutating func fail(reason: String) -> [Action] {
        let wasLive = session?.phase == .live
        let reports = mediaStopped()
        session?.phase = .failed
        session?.reason = reason
        session?.liveSince = nil
        session?.hasReportedMedia = false
        session?.firstFrameMilliseconds = nil
        return (wasLive ? [.indicator(false)] : []) + reports + [.closeMedia, .status]
    }

    private mutating func end(reason: String) -> [Action] {
        guard let ended = session else { return [] }
        let reports = mediaStopped()
        session = nil
        var actions: [Action] = [.peer(.end(sessionId: ended.id))]
        if ended.phase == .live { actions.append(.indicator(false)) }
        actions += reports
        if ended.phase != .failed { actions.append(.closeMedia) }
        return actions + [.carried(sessionId: nil), .status]
    }

    private func mediaStopped() -> [Action] {
        guard let session, session.hasReportedMedia else { return [] }
        return [.send(.sessionReport(SessionReport(sessionId: session.id, state: .mediaStopped)))]
    }

    private func device(_ kind: MediaKind) -> DeviceState { kind == .video ? video : audio }

    private mutating func setDevice(_ kind: MediaKind, _ state: DeviceState) {
        switch kind {
        case .video: video = state
        case .audio: audio = state
        }
    }
}
