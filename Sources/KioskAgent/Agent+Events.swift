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
    func takeMessages(now: Instant) {
        while let event = linkEvents.next() { handle(event, now: now) }
        while let event = peerEvents.next() { handle(event, now: now) }
        while let event = mediaEvents.next() { perform(supervisor.mediaReported(event, now: now), now: now) }
        while let event = deskEvents.next() { handle(event, now: now) }
    }

    private func handle(_ event: LinkEvent, now: Instant) {
        switch event {
        case .phaseChanged(let phase):
            if status.link == .registered, phase != .registered { desk.post(.linkLost) }
            supervisor.serverIs(here: phase == .registered, now: now)
            status.link = phase
            publish(now: now)
        case .registered:
            desk.post(.linkRegistered)
        case .server(let event):
            perform(supervisor.serverSent(event, now: now), now: now)
        case .crewAnswered(let eventId, let answer):
            desk.post(.answered(eventId: eventId, answer))
        case .clockOffset(let offset):
            noteClock(offset)
            desk.post(.clockOffset(offset))
            status.clockOffset = offset
            publish(now: now)
        case .impossible(let reason):
            fail(AgentError(reason))
        }
    }

    private func handle(_ event: PeerEvent, now: Instant) {
        guard case .summary(let statistics, let reason) = event else {
            return perform(supervisor.peerReported(event, now: now), now: now)
        }
        log.notice(
            "session over, \(reason): \(statistics.summary)",
            [LogField("SESSION_ID", statistics.sessionId), LogField("STATS", statistics.reportForLog)])
    }

    private func handle(_ event: DeskEvent, now: Instant) {
        switch event {
        case .deliver(let event):
            link.post(.deliver(event))
        case .crew(let state):
            status.crew = state
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
        case .video: sender.hub.videoGate.deviceChanged()
        case .sound: sender.hub.audioGate.deviceChanged()
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

    func handle(_ signal: SignalSource.Signal) {
        switch signal {
        case .terminate, .interrupt:
            log.notice("stopping")
            notifier.stopping(status: "stopping")
            exitStatus = .success
        case .hangup:
            reload()
        }
    }

    /// A live session goes on whatever the file says now, and a wrong file changes nothing.
    private func reload() {
        let now = MonotonicClock.now()
        notifier.reloading(monotonicMicroseconds: UInt64(max(0, now.nanoseconds / 1000)))
        defer { notifier.ready(status: status.summary) }
        let new: AgentConfiguration
        do {
            new = try AgentConfiguration.load(file)
        } catch {
            log.error("configuration not changed: \(error)")
            return
        }
        let change = ConfigurationChange(from: configuration, to: new)
        log.notice(change.summary)
        configuration.adopt(new)
        Log.level = configuration.log.serviceLevel
        if let source = CameraSource(configuration.camera.device) {
            sender.video.update(configuration.camera.request(source))
            lookForCamera()
        }
        if let source = MicrophoneSource(configuration.microphone.device) { sender.audio?.update(source) }
        sender.adopt(configuration)
        supervisor.setLiveWithoutServer(configuration.session.withoutServer)
        if case .waiting(let trouble, _) = status.link, trouble.kind == .wrongPassword,
            Credentials.path("password") != nil
        {
            log.warning(
                "the password is still that of the service's start: systemctl restart kiosk-agent takes a new one")
        }
        link.post(.passwordFile(configuration.kiosk.passwordFile))
    }

    // MARK: what the supervisor wants

    func perform(_ actions: [Supervisor.Action], now: Instant) {
        for action in actions {
            switch action {
            case .peer(let command): sender.network.post(command)
            case .send(let event): link.post(.send(event))
            case .carried(let sessionIds): link.post(.carried(sessionIds))
            case .hold(let sessionId, let kinds):
                // A picture keeps its size while its camera is open.
                if case .opening = supervisor.video.state { sender.setPicture(configuration.camera) }
                sender.hub.hold(.session(sessionId), Set(kinds))
            case .release(let sessionId, let kinds):
                sender.hub.release(.session(sessionId), Set(kinds))
            case .indicator(let sessionId, let isLive):
                setLive(isLive, sessionId, now: now)
            case .status:
                publish(now: now)
            }
        }
    }

    /// The sign is lit before the first picture leaves and goes out after the last, whatever session it is of.
    private func setLive(_ isLive: Bool, _ sessionId: String, now: Instant) {
        let lease = Lease.session(sessionId)
        guard isLive else {
            sender.hub.forbid(lease)
            if !supervisor.isLit {
                indicatorCheckAt = nil
                switchIndicator(false)
            }
            return log.notice("no longer live", fields(of: sessionId))
        }
        if let problem = switchIndicator(true).first, configuration.requireIndicator {
            return perform(supervisor.indicatorFailed(problem, now: now), now: now)
        }
        log.notice("live: media leaves the kiosk", fields(of: sessionId))
        indicatorCheckAt = configuration.indicator.isEmpty ? nil : now + Agent.indicatorInterval
        sender.hub.permit(lease)
        perform(supervisor.mediaPermitted(sessionId, now: now), now: now)
    }

    /// A lamp may be unplugged, or another program may switch it, while media leaves.
    private func checkIndicator(now: Instant) {
        indicatorCheckAt = now + Agent.indicatorInterval
        guard let problem = indicator.problems().first else { return }
        log.repeated(.error, "indicator", "the indicator is not lit while media leaves: \(problem)")
        if configuration.requireIndicator {
            perform(supervisor.indicatorFailed(problem, now: now), now: now)
            // It may let itself be switched off, and was dark all the same.
            indicatorProblem = indicatorProblem ?? problem
        } else {
            indicatorProblem = indicator.set(true).first
        }
        publish(now: now)
    }

    @discardableResult
    func switchIndicator(_ isLive: Bool) -> [String] {
        let problems = indicator.set(isLive)
        for problem in problems { log.error("the indicator cannot be switched: \(problem)") }
        indicatorProblem = problems.first
        desk.post(.indicator(isLive: isLive))
        return problems
    }

    private func fields(of sessionId: String) -> [LogField] {
        let monitor = supervisor.session(sessionId).map { LogField("MONITOR_ID", $0.monitorId) }
        return [LogField("SESSION_ID", sessionId), monitor].compactMap(\.self)
    }

    // MARK: status

    /// Tells whoever wants to know what the agent does now.
    func publish(now: Instant) {
        status.sessions = supervisor.sessions.map { AgentStatus.Session($0) }
        status.camera = AgentStatus.Device(supervisor.video)
        status.microphone = AgentStatus.Device(supervisor.audio)
        status.indicator = configuration.indicator.isEmpty ? nil : indicatorProblem ?? ""
        status.video = sender.video.counters
        status.audio = sender.audio?.counters ?? MediaCounters()
        status.packetsInUse = sender.network.outstandingPackets
        status.sessionsServed = supervisor.sessionsServed
        link.post(.status(status.heartbeat))
        desk.post(.status(status.sheet(now: now, wallClock: SystemWallClock.now())))
        notifier.status(status.summary)
        // Numbers change all the time while somebody watches, and never otherwise; a session that just ended may still
        // have a packet in the network thread's hands.
        statusDueAt =
            supervisor.isOpen ? now + Agent.statusInterval : status.packetsInUse > 0 ? now + .milliseconds(50) : nil
    }

    func handleTimeouts(now: Instant) {
        if let due = supervisor.nextTimeout, due <= now {
            let actions = supervisor.timeoutReached(now: now)
            for case .peer(.sessionEnded(let id)) in actions {
                log.warning("session given up: \(supervisor.session(id)?.failure ?? "")", fields(of: id))
            }
            perform(actions, now: now)
        }
        if let due = indicatorCheckAt, due <= now { checkIndicator(now: now) }
        if let due = statusDueAt, due <= now { publish(now: now) }
        if let due = networkCheckAt, due <= now {
            networkCheckAt = nil
            checkNetwork()
        }
        if let due = watchdogDueAt, due <= now { feedWatchdog(now: now) }
        if machineCheckAt <= now { checkMachine(now: now) }
    }

    /// What the machine has left, and how warm it is.
    private func checkMachine(now: Instant) {
        machineCheckAt = now + Agent.machineInterval
        let level = status.memory.level
        status.memory = MemoryState.read()
        let hasChanged = status.memory.level != level
        if hasChanged { noteMemory() }
        let thermal = ThermalState.read()
        let isNews = thermal.differs(from: status.thermal)
        if isNews { status.thermal = thermal }
        if hasChanged || isNews { publish(now: now) }
    }

    private func noteMemory() {
        let level = status.memory.level
        let available = (status.memory.availableKiB ?? 0) >> 10
        if level == .ample {
            log.notice("memory is ample again, \(available) MiB")
        } else {
            log.warning("memory is \(level.rawValue), \(available) MiB available; \(MemoryState.remedy)")
        }
    }

    /// The kernel also reports refreshed lifetimes; only other addresses matter.
    private func checkNetwork() {
        let current = Agent.currentAddresses()
        guard current != addresses else { return }
        addresses = current
        log.info("network changed: \(current.count) addresses")
        sender.network.post(.interfacesChanged)
        link.post(.networkChanged(usable: Set(current.filter { $0.isUp && $0.isRunning }.map(\.address))))
    }

    /// A clock off by more than this makes certificates and event times doubtful.
    private func noteClock(_ offset: Duration) {
        guard offset > .seconds(30) || offset < .seconds(-30) else { return }
        log.repeated(
            .warning, "clock",
            "this machine's clock is \(Int(abs(offset.seconds))) s \(offset > .zero ? "behind" : "ahead of") the server's"
        )
    }

    private func feedWatchdog(now: Instant) {
        guard let timeout = notifier.watchdogTimeout else {
            watchdogDueAt = nil
            return
        }
        watchdogDueAt = now + timeout / 3
        let verdict = watchdog.verdict(
            [
                .init(name: "signaling", lastBeat: link.progress.lastBeat, patience: .seconds(90)),
                .init(name: "control", lastBeat: desk.progress.lastBeat, patience: .seconds(60)),
                .init(name: "network", lastBeat: sender.network.progress.lastBeat, patience: .seconds(30)),
                .init(name: "video", lastBeat: sender.video.progress.lastBeat, patience: .seconds(15)),
                .init(name: "audio", lastBeat: sender.audio?.progress.lastBeat, patience: .seconds(15)),
            ],
            expectsPictures: supervisor.expectsPictures,
            framesEncoded: sender.video.counters.encoded, now: now)
        if let verdict {
            log.repeated(.error, "watchdog", "not alive: \(verdict)")
        } else {
            notifier.watchdog()
        }
    }
}
