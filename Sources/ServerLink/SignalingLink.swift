public import AgentSettings
internal import HTTP
internal import HTTPTransport
internal import Primitives
public import Reactor
internal import Signaling
internal import Synchronization

/// The kiosk's link to its server: one thread that logs in, holds the socket, and comes back after every failure.
///
/// `LinkMachine` decides, `LinkDriver` performs; this is the thread and its mailbox.
public final class SignalingLink: Sendable {
    private struct Inbox: Sendable {
        var commands: RingBuffer<LinkCommand>
        /// Known as soon as the thread has its client.
        var waker: ServiceWaker?
    }

    private let inbox: Mutex<Inbox>
    private let configuration: AgentConfiguration
    private let events: Mailbox<LinkEvent>
    /// Beats once per round of the loop, at least every `longestSleep`; the watchdog reads it.
    public let progress: ThreadProgress
    private let thread: Mutex<WorkerThread?>

    /// The longest the thread sleeps: what the watchdog counts on.
    public static let longestSleep = Duration.seconds(10)

    /// Connects nothing yet.
    ///
    /// - Parameter events: Where the link reports its phase and what the server sends.
    public init(_ configuration: AgentConfiguration, events: Mailbox<LinkEvent>) {
        self.configuration = configuration
        self.events = events
        progress = ThreadProgress()
        inbox = Mutex(Inbox(commands: RingBuffer(), waker: nil))
        thread = Mutex(nil)
    }

    /// Starts the signaling thread, which logs in and connects.
    ///
    /// - Throws: When the thread cannot be made. What the thread meets later comes as events.
    public func start() throws(SystemError) {
        let started = try WorkerThread(name: "signaling") { [self] _ in run() }
        thread.withLock { $0 = started }
    }

    /// Asks the thread to do something. What comes before `start` is done then; after `stop` nothing happens.
    public func post(_ command: LinkCommand) {
        let waker = inbox.withLock { inbox in
            inbox.commands.append(command)
            return inbox.waker
        }
        waker?.wake()
    }

    /// Says goodbye to the server and waits until the thread has ended, two seconds or so.
    public func stop() {
        guard let thread = thread.withLock({ $0.take() }) else { return }
        post(.stop)
        thread.join()
    }

    private func run() {
        defer { progress.rest() }
        var settings = HTTPClientConfiguration()
        settings.caFile = configuration.tls.caFile
        settings.userAgent = "kiosk-agent/\(ProductVersion.text)"
        let client: HTTPClient
        do {
            client = try HTTPClient(settings)
        } catch {
            events.post(.impossible("\(error)"))
            return
        }
        let waker = client.waker
        inbox.withLock { $0.waker = waker }
        var driver = LinkDriver(configuration, client: client, events: events)
        driver.start(now: MonotonicClock.now())
        while !driver.isFinished {
            let now = MonotonicClock.now()
            let wait = driver.nextTimeout.map { max(.zero, $0 - now) } ?? SignalingLink.longestSleep
            client.service(for: min(wait, SignalingLink.longestSleep))
            let after = MonotonicClock.now()
            progress.beat(now: after)
            while let event = client.nextEvent() { driver.handle(event, now: after) }
            while let command = inbox.withLock({ $0.commands.popFirst() }) { driver.handle(command, now: after) }
            driver.handleTimeout(now: after)
        }
        inbox.withLock { $0.waker = nil }
        events.post(.phaseChanged(.stopped))
    }
}
