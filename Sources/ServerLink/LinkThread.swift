public import AgentSettings
internal import HTTPTransport
internal import Primitives
public import Reactor
internal import Synchronization

/// The kiosk's link to its server: one thread that logs in, holds the socket, and comes back after every failure.
///
/// `LinkMachine` decides, `LinkLoop` performs; this is the handle.
public final class LinkThread: Sendable {
    private let commands: Mailbox<LinkCommand>
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
    /// - Throws: When the process has no descriptor left.
    public init(_ configuration: AgentConfiguration, events: Mailbox<LinkEvent>) throws(SystemError) {
        self.configuration = configuration
        self.events = events
        commands = try Mailbox()
        progress = ThreadProgress()
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
    public func post(_ command: LinkCommand) { commands.post(command) }

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
            client = try HTTPClient(settings, wokenBy: commands.wake)
        } catch {
            events.post(.impossible("\(error)"))
            return
        }
        var loop = LinkLoop(
            configuration, client: client, commands: commands, events: events, progress: progress)
        loop.run()
        events.post(.phaseChanged(.stopped))
    }
}
