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
    /// What is in effect: what was read last, but for what needs a restart, which is still the first one's.
    var configuration: AgentConfiguration
    let file: String
    let wake: WakeFD
    let linkEvents: Mailbox<LinkEvent>
    let peerEvents: Mailbox<PeerEvent>
    let mediaEvents: Mailbox<MediaEvent>
    let deskEvents: Mailbox<DeskEvent>
    let link: LinkThread
    let desk: ControlThread
    let sender: Sender
    var indicator: Indicator
    /// What could not be switched when it was last tried.
    var indicatorProblem: String?
    let notifier: ServiceNotifier
    var supervisor: Supervisor
    var watchdog: Watchdog
    var status: AgentStatus
    var addresses: Set<InterfaceAddress>
    var networkCheckAt: Instant?
    var statusDueAt: Instant?
    /// When the lamp is looked at next; nil while it is not to be lit.
    var indicatorCheckAt: Instant?
    var watchdogDueAt: Instant?
    var machineCheckAt: Instant
    var exitStatus: ExitStatus?

    private static let signalToken = EventLoop.Token(1)
    private static let wakeToken = EventLoop.Token(2)
    private static let networkToken = EventLoop.Token(3)
    private static let devicesToken = EventLoop.Token(4)
    /// Addresses come one by one; after this long most are there, and the others are another change.
    private static let networkSettling = Duration.milliseconds(100)
    static let statusInterval = Duration.seconds(1)
    static let machineInterval = Duration.seconds(30)
    static let indicatorInterval = Duration.seconds(1)

    /// - Parameter file: where the configuration is read again from on SIGHUP.
    public init(_ configuration: AgentConfiguration, file: String) throws(AgentError) {
        self.configuration = configuration
        self.file = file
        guard let camera = CameraSource(configuration.camera.device),
            let microphone = MicrophoneSource(configuration.microphone.device)
        else { throw AgentError("camera or microphone: not a source") }
        let now = MonotonicClock.now()
        notifier = ServiceNotifier()
        indicator = Indicator(configuration.indicator)
        supervisor = Supervisor(
            hasMicrophone: microphone != .none, liveWithoutServer: configuration.session.withoutServer)
        watchdog = Watchdog()
        do throws(SystemError) {
            wake = try WakeFD()
            linkEvents = try Mailbox(wake: wake)
            peerEvents = try Mailbox(wake: wake)
            mediaEvents = try Mailbox(wake: wake)
            deskEvents = try Mailbox(wake: wake)
            desk = try ControlThread(events: deskEvents)
            link = try LinkThread(configuration, events: linkEvents)
            sender = try Sender(
                configuration, camera: camera, microphone: microphone, media: mediaEvents, peers: peerEvents)
        } catch {
            throw AgentError("\(error)")
        }
        status = AgentStatus(
            kioskId: configuration.kiosk.id, server: configuration.server.description, startedAt: now,
            link: .connecting, sessions: [], camera: .init(supervisor.video), microphone: .init(supervisor.audio),
            video: .init(), audio: .init(), packetsInUse: 0, crew: CrewState(), memory: .read(), thermal: .read(),
            sessionsServed: 0, clockOffset: nil)
        addresses = []
        machineCheckAt = now
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
            try loop.register(wake.descriptor, token: Agent.wakeToken, for: .readable)
            try loop.register(network.descriptor, token: Agent.networkToken, for: .readable)
            var devices = Agent.watchDevices()
            if let descriptor = devices?.descriptor {
                try loop.register(descriptor, token: Agent.devicesToken, for: .readable)
            }
            addresses = Agent.currentAddresses()
            defer { stopThreads() }
            do throws(AgentError) { try startThreads() } catch { return fail(error) }
            log.notice(
                "kiosk-agent \(ProductVersion.text) for \(configuration.kiosk.id), server \(configuration.server)")
            switchIndicator(false)
            lookForCamera()
            publish(now: MonotonicClock.now())
            notifier.ready(status: status.summary)
            watchdogDueAt = notifier.watchdogTimeout.map { _ in MonotonicClock.now() }
            while exitStatus == nil {
                try loop.wait(until: nextTimeout)
                let now = MonotonicClock.now()
                for event in loop.events {
                    switch event.token {
                    case Agent.signalToken:
                        while let signal = signals.next() { handle(signal) }
                    case Agent.networkToken:
                        if network.drain() { networkCheckAt = networkCheckAt ?? now + Agent.networkSettling }
                    case Agent.devicesToken:
                        while let event = devices?.next() { handle(event) }
                    default:
                        wake.clear()
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

    // MARK: threads

    private func startThreads() throws(AgentError) {
        do throws(StateDirectoryError) {
            try StateDirectory.make(StateDirectory.parent(of: configuration.controlSocket))
        } catch {
            throw AgentError(error.description)
        }
        do throws(SystemError) {
            let listener = try UnixSocketListener(at: configuration.controlSocket)
            try desk.start(
                listener: listener, outbox: configuration.outboxPath, badgeReader: configuration.badgeReader)
            try sender.start()
            try link.start()
        } catch  where error.code == EADDRINUSE {
            throw AgentError("\(configuration.controlSocket): another agent is running here")
        } catch {
            throw AgentError("\(error)")
        }
    }

    /// The devices first: whatever else takes its time, nobody is seen any more.
    private func stopThreads() {
        sender.stop()
        link.stop()
        desk.stop()
    }

    private var nextTimeout: Instant? {
        [
            supervisor.nextTimeout, networkCheckAt, statusDueAt, indicatorCheckAt, watchdogDueAt, machineCheckAt,
        ]
        .compactMap(\.self).min()
    }

    /// Without udev a device that is back is found by trying, a little later.
    private static func watchDevices() -> DeviceWatcher? {
        do throws(SystemError) {
            return try DeviceWatcher()
        } catch {
            log.notice("devices that come and go are found by trying only: \(error)")
            return nil
        }
    }

    static func currentAddresses() -> Set<InterfaceAddress> { Set((try? NetworkInterfaces.addresses()) ?? []) }
}
