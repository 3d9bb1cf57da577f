import Media
import PeerIO
import Primitives
import Signaling

/// What follows from what: the agent's decisions about sessions, devices and reports. No thread, no socket, no
/// clock; `Agent` performs the actions and tells what happened.
///
/// It joins machines that know nothing of each other: the sessions, each in its phase (`SessionMachine`), the two devices
/// (`DeviceMachine`), a snapshot that is asked for (`SnapshotMachine`), and the server link's side (`ServerPresence`). An event goes to the session or device that it names;
/// afterwards each device is told whether some session has it open.
struct Supervisor: Sendable {
    enum Action: Equatable, Sendable {
        case peer(PeerCommand)
        case send(ClientEvent)
        /// The kiosk carries these sessions and no others.
        case carried([String])
        /// The session needs the devices of these kinds.
        case hold(sessionId: String, [MediaKind])
        /// It needs them no longer.
        case release(sessionId: String, [MediaKind])
        /// The session's media is to leave the kiosk now, or leaves no longer. `mediaPermitted` or `indicatorFailed` answers
        /// the first.
        case indicator(sessionId: String, Bool)
        case status
        case snapshot(SnapshotMachine.Action)
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
        /// Of a device that nobody has open any more, or that somebody has opened again.
        case deviceInOtherState
    }

    /// In the order in which they were granted.
    private(set) var sessions: [SessionMachine]
    private(set) var video: DeviceMachine
    private(set) var audio: DeviceMachine
    private(set) var sessionsServed: Int
    private(set) var ignored: Counter<IgnoredEvent>
    private var server: ServerPresence
    private var snapshot: SnapshotMachine
    private let mostSessions: Int

    /// - Parameter mostSessions: one more replaces the oldest.
    init(
        hasMicrophone: Bool, liveWithoutServer: Duration = .seconds(600),
        mostSessions: Int = NetworkThread.mostSessions
    ) {
        precondition(mostSessions > 0, "supervisor: no session is let in")
        sessions = []
        video = DeviceMachine(isConfigured: true)
        audio = DeviceMachine(isConfigured: hasMicrophone)
        sessionsServed = 0
        ignored = Counter()
        server = ServerPresence(patience: liveWithoutServer)
        snapshot = SnapshotMachine()
        self.mostSessions = mostSessions
    }

    // MARK: from the server

    /// How long a live session goes on without the server.
    mutating func setLiveWithoutServer(_ patience: Duration) { server.patience = patience }

    /// Whether the server knows this kiosk now.
    mutating func serverIs(here: Bool, now: Instant) { server.isHere(here, now: now) }

    mutating func serverSent(_ event: ServerEvent, now: Instant) -> [Action] {
        switch event {
        case .monitoringStartedForKiosk(let monitorId, let sessionId, let iceServers):
            return grant(sessionId: sessionId, monitorId: monitorId, iceServers: iceServers, now: now)
        case .offer(_, let sessionId, let description):
            return tell(sessionId, now: now) { $0.offered(description, now: now) }
        case .iceCandidate(_, let sessionId, let candidate):
            return tell(sessionId, now: now) { .actions([.peer(.candidate(sessionId: $0.id, candidate))]) }
        case .monitoringStopped(_, let sessionId, _):
            return end(sessionId, now: now)
        case .answer, .restartRequest, .sessionError:
            return ignore(.unexpectedDescription)
        case .kioskRegistered(_, _, let iceServers):
            return tellAll(now: now) { $0.registered(iceServers) }
        case .heartbeatPong, .error:
            return []
        case .kioskList, .kioskOnline, .kioskOffline, .kioskStatus, .monitoringStartedForMonitor, .crew:
            return ignore(.notForKiosks)
        }
    }

    private mutating func grant(sessionId: String, monitorId: String, iceServers: [ICEServer], now: Instant) -> [Action]
    {
        // The same session again: the monitor asked twice, or the server repeats itself after a reconnect.
        if let index = place(of: sessionId) { return sessions[index].renew(iceServers) }
        // Before the new one begins: a device that both need is opened anew between them.
        let replaced = sessions.count < mostSessions ? [] : end(sessions[0].id, now: now)
        let session = SessionMachine(id: sessionId, monitorId: monitorId, iceServers: iceServers, now: now)
        sessions.append(session)
        sessionsServed += 1
        settleDevices(now: now)
        return replaced + session.beginning + [carried, .status]
    }

    private mutating func end(_ sessionId: String, now: Instant) -> [Action] {
        guard let index = place(of: sessionId) else { return ignore(.otherSession) }
        let actions = sessions.remove(at: index).ending
        settleDevices(now: now)
        return actions + [carried, .status]
    }

    /// The agent stops: whatever is open closes.
    mutating func stop(now: Instant) -> [Action] {
        let ended = tellSnapshot(now: now) { $0.failed(.stopping) }
        guard !sessions.isEmpty else { return ended }
        let actions = ended + tellAll(now: now) { $0.stop() }
        sessions = []
        settleDevices(now: now)
        return actions + [carried, .status]
    }

    // MARK: from the network thread

    mutating func peerReported(_ event: PeerEvent, now: Instant) -> [Action] {
        let cameraFails = video.fails
        return tell(event.sessionId, now: now) { $0.peerReported(event, cameraFails: cameraFails, now: now) }
    }

    // MARK: from the sign that media leaves

    /// The sign is lit for this session, or nobody asked for one: its media leaves.
    mutating func mediaPermitted(_ sessionId: String, now: Instant) -> [Action] {
        let cameraFails = video.fails
        return tell(sessionId, now: now) { $0.permitted(cameraFails: cameraFails) }
    }

    /// The sign must be lit and is not: no media then, of any session.
    mutating func indicatorFailed(_ reason: String, now: Instant) -> [Action] {
        guard isLit else { return ignore(.notInThisPhase) }
        return tellSnapshot(now: now) { $0.failed(.indicator(reason)) }
            + tellAll(now: now) { $0.isLit ? $0.indicatorFailed(reason) : [] }
    }

    // MARK: snapshots

    /// A program on this machine wants a picture.
    mutating func snapshotAsked(_ request: SnapshotRequest, now: Instant) -> [Action] {
        let trouble: MediaTrouble? = if case .trouble(let trouble) = video.state { trouble } else { nil }
        return tellSnapshot(now: now) { $0.asked(request, trouble, now: now) }
    }

    /// The sign is lit for it, or nobody asked for one.
    mutating func snapshotPermitted(now: Instant) -> [Action] { tellSnapshot(now: now) { $0.permitted() } }

    private mutating func tellSnapshot(
        now: Instant, _ body: (inout SnapshotMachine) -> [SnapshotMachine.Action]
    ) -> [Action] {
        let wasLit = snapshot.isLit
        let actions = body(&snapshot).map(Action.snapshot)
        settleDevices(now: now)
        return actions + (snapshot.isLit != wasLit ? [.status] : [])
    }

    // MARK: from the media threads

    mutating func mediaReported(_ event: MediaEvent, now: Instant) -> [Action] {
        switch event {
        case .running(let kind, let source):
            guard with(kind, { $0.delivers(source) }) else { return ignore(.deviceInOtherState) }
            for index in sessions.indices { sessions[index].deviceWorks(kind) }
            return [.status]
        case .trouble(let kind, let trouble):
            guard with(kind, { $0.fails(trouble) }) else { return ignore(.deviceInOtherState) }
            return troubled(kind, trouble, now: now)
        case .condition(let kind, let condition):
            return with(kind) { $0.isLike(condition) } ? [.status] : ignore(.deviceInOtherState)
        case .stopped(let kind):
            return with(kind) { $0.stopped() } ? [.status] : ignore(.deviceInOtherState)
        case .snapshot(let id, let result):
            return tellSnapshot(now: now) { $0.taken(id, result) }
        }
    }

    private mutating func troubled(_ kind: MediaKind, _ trouble: MediaTrouble, now: Instant) -> [Action] {
        let cameraFails = video.fails
        let told = tellAll(now: now) { $0.deviceFails(kind, trouble, cameraFails: cameraFails) } + [.status]
        return kind == .video ? told + tellSnapshot(now: now) { $0.failed(SnapshotFailure(trouble)) } : told
    }

    /// A device of this kind was plugged in, or another one is configured: what was found before says nothing any more.
    mutating func forgetFinding(_ kind: MediaKind) -> [Action] { with(kind) { $0.forget() } ? [.status] : [] }

    /// A device that nobody has asked for yet is not there.
    mutating func deviceFoundAbsent(_ kind: MediaKind, _ trouble: MediaTrouble) -> [Action] {
        with(kind) { $0.isAbsent(trouble) } ? [.status] : []
    }

    // MARK: time

    /// When `timeoutReached` is due.
    var nextTimeout: Instant? {
        let sessions = sessions.flatMap { [$0.nextTimeout(server), $0.nextOffer] }
        return (sessions + [video.nextTimeout, audio.nextTimeout, snapshot.nextTimeout]).compactMap(\.self).min()
    }

    /// Sessions that do not get through or have no server any more are given up, offers that had to wait are answered, and
    /// drivers that hang are told.
    mutating func timeoutReached(now: Instant) -> [Action] {
        let server = server
        var actions = tellAll(now: now) { session in
            guard let due = session.nextTimeout(server), due <= now else { return [] }
            return session.giveUp(server)
        }
        actions += tellAll(now: now) { $0.offerIsDue(now: now) }
        actions += tellSnapshot(now: now) { $0.timeoutReached(now: now) }
        for kind in MediaKind.allCases {
            let trouble = MediaTrouble.driverHangs(kind)
            if with(kind, { $0.hangs(trouble, now: now) }) { actions += troubled(kind, trouble, now: now) }
        }
        return actions
    }

    // MARK: views

    /// Whether a session may get media: devices are open.
    var isOpen: Bool { sessions.contains { $0.isOpen } }

    /// Whether media leaves the kiosk, and the sign that tells so is lit.
    var isLit: Bool { takesSnapshot || sessions.contains { $0.isLit } }

    /// Whether a snapshot is being taken.
    var takesSnapshot: Bool { snapshot.isLit }

    /// Whether one picture after the other must be encoded now: somebody takes them, and the camera says that it runs.
    var expectsPictures: Bool {
        guard case .running = video.state else { return false }
        return sessions.contains { $0.isLit && $0.wants.contains(.video) }
    }

    /// The session of that name.
    func session(_ id: String) -> SessionMachine? { sessions.first { $0.id == id } }

    // MARK: below

    private var carried: Action { .carried(sessions.map(\.id)) }

    private func place(of sessionId: String) -> Int? { sessions.firstIndex { $0.id == sessionId } }

    private mutating func tell(
        _ sessionId: String, now: Instant, _ body: (inout SessionMachine) -> SessionMachine.Reaction
    ) -> [Action] {
        guard let index = place(of: sessionId) else { return ignore(.otherSession) }
        switch body(&sessions[index]) {
        case .actions(let actions):
            settleDevices(now: now)
            return actions
        case .ignored(let event): return ignore(event)
        }
    }

    private mutating func tellAll(now: Instant, _ body: (inout SessionMachine) -> [Action]) -> [Action] {
        var actions: [Action] = []
        for index in sessions.indices { actions += body(&sessions[index]) }
        settleDevices(now: now)
        return actions
    }

    private mutating func settleDevices(now: Instant) {
        let wanted = sessions.reduce(into: Set<MediaKind>(takesSnapshot ? [.video] : [])) { $0.formUnion($1.wants) }
        for kind in MediaKind.allCases { with(kind) { $0.want(wanted.contains(kind), now: now) } }
    }

    private mutating func with<Result>(_ kind: MediaKind, _ body: (inout DeviceMachine) -> Result) -> Result {
        switch kind {
        case .video: body(&video)
        case .audio: body(&audio)
        }
    }

    private mutating func ignore(_ event: IgnoredEvent) -> [Action] {
        ignored.add(event)
        return []
    }
}
