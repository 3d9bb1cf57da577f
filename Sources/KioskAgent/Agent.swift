public import AgentSettings
internal import Capture
public import Configuration
internal import Crew
internal import Glibc
internal import Media
internal import PeerIO
internal import Primitives
internal import Reactor
internal import ServerLink
internal import Service
internal import Signaling

private let log = Log("agent")

/// The agent as a whole: makes the parts, tells them what `Supervisor` decided, and ends them in order.
///
/// Threads: this one (the supervisor's), `signaling`, `control` (local programs and the outbox), `network` (media),
/// `video` and `audio`. They talk through mailboxes and the media hub; only this thread decides.
public final class Agent {
    // Seen by the routing in Agent+Events.swift.
    /// What is in effect: what was read last, but for what needs a restart, which is still the first one's.
    var configuration: AgentConfiguration
    let threads: AgentThreads
    var supervisor: Supervisor
    /// What is switched; `sign` decides when.
    var indicator: Indicator
    var sign: IndicatorMachine
    var board: StatusBoard
    private(set) var machine: MachineWatch
    let notifier: ServiceNotifier

    private let file: String
    private let inbox: AgentInbox
    private var interfaces: InterfaceWatch
    private var watchdog: Watchdog
    private var exitStatus: ExitStatus?

    private static let signalToken = EventLoop.Token(1)
    private static let wakeToken = EventLoop.Token(2)
    private static let networkToken = EventLoop.Token(3)
    private static let devicesToken = EventLoop.Token(4)

    /// - Parameter file: where the configuration is read again from on SIGHUP.
    public init(_ configuration: AgentConfiguration, file: String) throws(AgentError) {
        self.configuration = configuration
        self.file = file
        guard let camera = CameraSource(configuration.camera.device),
            let microphone = MicrophoneSource(configuration.microphone.device)
        else { throw AgentError("camera or microphone: not a source") }
        let now = MonotonicClock.now()
        notifier = ServiceNotifier()
        watchdog = Watchdog(timeout: notifier.watchdogTimeout)
        indicator = Indicator(configuration.indicator)
        sign = IndicatorMachine(
            isConfigured: !configuration.indicator.isEmpty, isRequired: configuration.requireIndicator)
        supervisor = Supervisor(
            hasMicrophone: microphone != .none, liveWithoutServer: configuration.session.withoutServer)
        do throws(SystemError) {
            inbox = try AgentInbox()
            threads = try AgentThreads(configuration, camera: camera, microphone: microphone, inbox: inbox)
        } catch {
            throw AgentError("\(error)")
        }
        machine = MachineWatch(.read(), .read(), now: now)
        board = StatusBoard(
            kioskId: configuration.kiosk.id, server: configuration.server.description, supervisor, machine, now: now)
        interfaces = InterfaceWatch([])
    }

    /// Runs until a signal ends it. To be called once, on the main thread.
    public func run() -> ExitStatus {
        MemoryPolicy.returnLargeBlocks()
        do throws(SystemError) {
            // Before any thread: signals come to this one only.
            var signals = try SignalSource()
            var network = try NetworkChangeSource()
            var loop = try EventLoop()
            try loop.register(signals.descriptor, token: Agent.signalToken, for: .readable)
            try loop.register(inbox.wake.descriptor, token: Agent.wakeToken, for: .readable)
            try loop.register(network.descriptor, token: Agent.networkToken, for: .readable)
            var devices = Agent.watchDevices()
            if let descriptor = devices?.descriptor {
                try loop.register(descriptor, token: Agent.devicesToken, for: .readable)
            }
            interfaces = InterfaceWatch(Agent.currentAddresses())
            defer { threads.stop() }
            do throws(AgentError) { try threads.start(configuration) } catch { return fail(error) }
            log.notice(
                "kiosk-agent \(ProductVersion.text) for \(configuration.kiosk.id), server \(configuration.server)")
            darken()
            lookForCamera()
            publish(now: MonotonicClock.now())
            notifier.ready(status: board.status.summary)
            watchdog.started(now: MonotonicClock.now())
            while exitStatus == nil {
                try loop.wait(until: nextTimeout)
                let now = MonotonicClock.now()
                for event in loop.events {
                    switch event.token {
                    case Agent.signalToken:
                        while let signal = signals.next() { handle(signal) }
                    case Agent.networkToken:
                        if network.drain() { interfaces.somethingChanged(now: now) }
                    case Agent.devicesToken:
                        while let event = devices?.next() { handle(event) }
                    default:
                        inbox.wake.clear()
                    }
                }
                takeMessages(now: now)
                handleTimeouts(now: now)
            }
            let now = MonotonicClock.now()
            perform(supervisor.stop(now: now), now: now)
        } catch {
            fail(AgentError("\(error)"))
        }
        return exitStatus ?? .success
    }

    /// Says why, and ends the loop.
    @discardableResult
    func fail(_ error: AgentError) -> ExitStatus {
        log.error("\(error)")
        exitStatus = .failed
        return .failed
    }

    // MARK: messages and timers

    private func takeMessages(now: Instant) {
        while let event = inbox.link.next() { handle(event, now: now) }
        while let event = inbox.peers.next() { handle(event, now: now) }
        while let event = inbox.media.next() { handle(event, now: now) }
        while let event = inbox.desk.next() { handle(event, now: now) }
    }

    private var nextTimeout: Instant? {
        [
            supervisor.nextTimeout, sign.nextTimeout, board.nextTimeout, interfaces.nextTimeout, watchdog.nextTimeout,
            machine.nextTimeout,
        ]
        .compactMap(\.self).min()
    }

    private func handleTimeouts(now: Instant) {
        let isDue: (Instant?) -> Bool = { $0.map { $0 <= now } ?? false }
        if isDue(supervisor.nextTimeout) { giveUp(now: now) }
        if isDue(sign.nextTimeout) { checkIndicator(now: now) }
        if isDue(board.nextTimeout) { publish(now: now) }
        if isDue(interfaces.nextTimeout) { readInterfaces() }
        if isDue(watchdog.nextTimeout) { feedWatchdog(now: now) }
        if isDue(machine.nextTimeout) { tell(machine.read(.read(), .read(), now: now), now: now) }
    }

    private func readInterfaces() {
        let current = Agent.currentAddresses()
        guard let usable = interfaces.read(current) else { return }
        log.info("network changed: \(current.count) addresses")
        threads.sender.network.post(.interfacesChanged)
        threads.link.post(.networkChanged(usable: usable))
    }

    private func feedWatchdog(now: Instant) {
        let verdict = watchdog.verdict(
            threads.beats, expectsPictures: supervisor.expectsPictures,
            framesEncoded: threads.sender.video.counters.encoded, now: now)
        if let verdict {
            log.repeated(.error, "watchdog", "not alive: \(verdict)")
        } else {
            notifier.watchdog()
        }
    }

    // MARK: signals

    private func handle(_ signal: SignalSource.Signal) {
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
        defer { notifier.ready(status: board.status.summary) }
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
            threads.sender.video.update(configuration.camera.request(source))
            lookForCamera()
        }
        if let source = MicrophoneSource(configuration.microphone.device) { threads.sender.audio?.update(source) }
        threads.sender.adopt(configuration)
        supervisor.setLiveWithoutServer(configuration.session.withoutServer)
        if case .waiting(let trouble, _) = board.status.link, trouble.kind == .wrongPassword,
            Credentials.path("password") != nil
        {
            log.warning(
                "the password is still that of the service's start: systemctl restart kiosk-agent takes a new one")
        }
        threads.link.post(.passwordFile(configuration.kiosk.passwordFile))
    }

    // MARK: the machine

    /// Without udev a device that is back is found by trying, a little later.
    private static func watchDevices() -> DeviceWatcher? {
        do throws(SystemError) {
            return try DeviceWatcher()
        } catch {
            log.notice("devices that come and go are found by trying only: \(error)")
            return nil
        }
    }

    private static func currentAddresses() -> Set<InterfaceAddress> { Set((try? NetworkInterfaces.addresses()) ?? []) }
}
