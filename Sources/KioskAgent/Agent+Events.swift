import AgentSettings
import Capture
import Configuration
import Crew
import Media
import PeerIO
import Primitives
import Reactor
import ServerLink
import Service
import Signaling

private let log = Log("agent")

/// What happens, and what is done about it. All on the supervisor's thread.
extension Agent {
    func handle(_ event: LinkEvent, now: Instant) {
        switch event {
        case .phaseChanged(let phase):
            if board.linkIs(phase) { threads.desk.post(.linkLost) }
            supervisor.serverIs(here: phase == .registered, now: now)
            publish(now: now)
        case .registered:
            threads.desk.post(.linkRegistered)
        case .server(let event):
            perform(supervisor.serverSent(event, now: now), now: now)
        case .crewAnswered(let eventId, let answer):
            threads.desk.post(.answered(eventId: eventId, answer))
        case .clockOffset(let offset):
            noteClock(offset)
            threads.desk.post(.clockOffset(offset))
            board.clockIsOff(by: offset)
            publish(now: now)
        case .impossible(let reason):
            fail(AgentError(reason))
        }
    }

    func handle(_ event: PeerEvent, now: Instant) {
        guard case .summary(let statistics, let reason) = event else {
            return perform(supervisor.peerReported(event, now: now), now: now)
        }
        log.notice(
            "session over, \(reason): \(statistics.summary)",
            [LogField("SESSION_ID", statistics.sessionId), LogField("STATS", statistics.reportForLog)])
    }

    func handle(_ event: MediaEvent, now: Instant) {
        perform(supervisor.mediaReported(event, now: now), now: now)
    }

    func handle(_ event: DeskEvent, now: Instant) {
        switch event {
        case .deliver(let event):
            threads.link.post(.deliver(event))
        case .snapshot(let request):
            perform(supervisor.snapshotAsked(request, now: now), now: now)
        case .crew(let state):
            board.crewIs(state)
            publish(now: now)
        case .failed(let reason):
            fail(AgentError(reason))
        }
    }

    /// A camera or microphone that could not be opened is tried again at once, whatever it is called now.
    func handle(_ event: DeviceEvent) {
        guard event.action != .remove, event.action != .unbind else {
            lookForCamera()
            return
        }
        switch event.subsystem {
        case .video: threads.sender.hub.videoGate.deviceChanged()
        case .sound: threads.sender.hub.audioGate.deviceChanged()
        }
        if event.action == .add {
            let kind: MediaKind = event.subsystem == .video ? .video : .audio
            perform(supervisor.forgetFinding(kind), now: MonotonicClock.now())
        }
        log.debug("device \(event.action.rawValue): \(event.node ?? event.subsystem.rawValue)")
    }

    /// Whether the camera is there is seen without opening it, so that a kiosk without one says so before anybody watches.
    func lookForCamera() {
        guard let absence = CameraSource(configuration.camera.device)?.absence else { return }
        perform(supervisor.deviceFoundAbsent(.video, MediaTrouble(.video, absence)), now: MonotonicClock.now())
    }

    // MARK: what the supervisor wants

    func perform(_ actions: [Supervisor.Action], now: Instant) {
        for action in actions {
            switch action {
            case .peer(let command): threads.sender.network.post(command)
            case .send(let event): threads.link.post(.send(event))
            case .carried(let sessionIds): threads.link.post(.carried(sessionIds))
            case .hold(let sessionId, let kinds):
                // A picture keeps its size while its camera is open.
                if case .opening = supervisor.video.state { threads.sender.setPicture(configuration.camera) }
                threads.sender.hub.hold(.session(sessionId), Set(kinds))
            case .release(let sessionId, let kinds):
                threads.sender.hub.release(.session(sessionId), Set(kinds))
            case .indicator(let sessionId, let isLive):
                setLive(isLive, sessionId, now: now)
            case .status:
                publish(now: now)
            case .snapshot(let action):
                perform(action, now: now)
            }
        }
    }

    private func perform(_ action: SnapshotMachine.Action, now: Instant) {
        switch action {
        case .open:
            log.notice("a program on this machine takes a snapshot", [LogField("LEASE", "snapshot")])
            if case .opening = supervisor.video.state { threads.sender.setPicture(configuration.camera) }
            threads.sender.hub.hold(.snapshot, [.video])
        case .light:
            switch sign.lit(switchIndicator(true), now: now) {
            case .mediaMustStay(let problem):
                perform(supervisor.indicatorFailed(problem, now: now), now: now)
            case .mediaMayLeave:
                threads.sender.hub.permit(.snapshot)
                perform(supervisor.snapshotPermitted(now: now), now: now)
            }
        case .take(let request):
            threads.sender.video.take(request)
        case .close:
            threads.sender.hub.release(.snapshot)
            if !supervisor.isLit { darken() }
        case .answer(let id, let result):
            threads.desk.post(.snapshot(id, result))
            switch result {
            case .success(let snapshot):
                log.notice(
                    "snapshot taken: \(snapshot.size.width)x\(snapshot.size.height) \(snapshot.format.rawValue)",
                    [LogField("LEASE", "snapshot")])
            case .failure(let failure):
                log.warning("no snapshot: \(failure)", [LogField("LEASE", "snapshot")])
            }
        }
    }

    /// The sign is lit before the first picture leaves and goes out after the last, whatever session it is of.
    private func setLive(_ isLive: Bool, _ sessionId: String, now: Instant) {
        let lease = Lease.session(sessionId)
        guard isLive else {
            threads.sender.hub.forbid(lease)
            if !supervisor.isLit { darken() }
            return log.notice("no longer live", fields(of: sessionId))
        }
        switch sign.lit(switchIndicator(true), now: now) {
        case .mediaMustStay(let problem):
            perform(supervisor.indicatorFailed(problem, now: now), now: now)
        case .mediaMayLeave:
            log.notice("live: media leaves the kiosk", fields(of: sessionId))
            threads.sender.hub.permit(lease)
            perform(supervisor.mediaPermitted(sessionId, now: now), now: now)
        }
    }

    /// Nothing leaves the kiosk, or nothing any more.
    func darken() { sign.darkened(switchIndicator(false)) }

    /// - Returns: what could not be switched.
    private func switchIndicator(_ isLive: Bool) -> [String] {
        let problems = indicator.set(isLive)
        for problem in problems { log.error("the indicator cannot be switched: \(problem)") }
        threads.desk.post(.indicator(isLive: isLive))
        return problems
    }

    func checkIndicator(now: Instant) {
        let verdict = sign.checked(indicator.problems(), now: now)
        switch verdict {
        case .isLit: return
        case .lightAgain(let problem), .mediaMustStop(let problem):
            log.repeated(.error, "indicator", "the indicator is not lit while media leaves: \(problem)")
        }
        if case .mediaMustStop(let problem) = verdict {
            perform(supervisor.indicatorFailed(problem, now: now), now: now)
        } else {
            sign.litAgain(indicator.set(true))
        }
        publish(now: now)
    }

    private func fields(of sessionId: String) -> [LogField] {
        let monitor = supervisor.session(sessionId).map { LogField("MONITOR_ID", $0.monitorId) }
        return [LogField("SESSION_ID", sessionId), monitor].compactMap(\.self)
    }

    // MARK: status

    /// Tells whoever wants to know what the agent does now.
    func publish(now: Instant) {
        board.renew(supervisor, indicator: sign.report, threads.figures, machine, now: now)
        let status = board.status
        threads.link.post(.status(status.heartbeat))
        threads.desk.post(.status(status.sheet(now: now, wallClock: SystemWallClock.now())))
        notifier.status(status.summary)
    }

    /// Sessions that have no chance any more, offers that had to wait, drivers that hang.
    func giveUp(now: Instant) {
        let actions = supervisor.timeoutReached(now: now)
        for case .peer(.sessionEnded(let id)) in actions {
            log.warning("session given up: \(supervisor.session(id)?.failure ?? "")", fields(of: id))
        }
        perform(actions, now: now)
    }

    func tell(_ news: MachineWatch.News, now: Instant) {
        switch news {
        case .nothing: return
        case .thermal: break
        case .memory(let level): noteMemory(level)
        }
        publish(now: now)
    }

    private func noteMemory(_ level: MemoryState.Level) {
        let available = (machine.memory.availableKiB ?? 0) >> 10
        if level == .ample {
            log.notice("memory is ample again, \(available) MiB")
        } else {
            log.warning("memory is \(level.rawValue), \(available) MiB available; \(MemoryState.remedy)")
        }
    }

    /// A clock off by more than this makes certificates and event times doubtful.
    private func noteClock(_ offset: Duration) {
        guard offset > .seconds(30) || offset < .seconds(-30) else { return }
        log.repeated(
            .warning, "clock",
            "this machine's clock is \(Int(abs(offset.seconds))) s \(offset > .zero ? "behind" : "ahead of") the server's"
        )
    }
}
