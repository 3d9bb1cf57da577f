internal import Configuration
internal import HTTP
internal import HTTPTransport
internal import Identity
internal import JSON
public import Primitives
internal import Reactor
internal import Records
internal import RecordsSQLite
internal import Service
internal import SessionRules
internal import Signaling
internal import SocketIO

/// The signaling server, put together: one thread serves all sockets and runs the hub; the records and the passwords
/// have a thread each, whose answers come back through the inbox.
///
///     transport ─┬─ SocketService ── records ─────────────┐
///                └─ RequestService ── API ─┬─ AccountsAPI ┤
///                                          ├─ LogInAPI ───┼──▶ Workers ──▶ Inbox ──▶ ServerLoop
///                                          ├─ SessionsAPI ┤
///                                          ├─ ListsAPI ───┤
///                                          └─ PreferencesAPI
public final class Server {
    private let loop: ServerLoop
    private let inbox: Inbox
    private let workers: Workers
    /// Nobody else serves the same records.
    private var lock: RecordsLock?
    /// Where it listens, with real ports.
    public let addresses: [SocketAddress]

    /// Opens the records and listens. Serving begins with `run()`.
    /// - Parameter listeningSockets: those that a service manager opened; they take the place of `listen`.
    public init(_ configuration: ServerConfiguration, listeningSockets: [Int32] = []) throws {
        lock = try RecordsLock(configuration.database)
        let now = Moment(instant: MonotonicClock.now(), wall: SystemWallClock.now())
        var opened = try SQLiteRecords(configuration.database, .mayCreate, now: now.wall)
        let beginning = try opened.beginning(now: now.wall)
        let engine = configuration.socketIO
        inbox = try Inbox()
        let transport = try HTTPServer(
            configuration.transport(engine, listeningSockets: listeningSockets), wokenBy: inbox.wake)
        addresses = transport.addresses
        var hub = Hub(configuration.hub, random: .system)
        hub.directoryChanged(beginning.directory.directory, now: now)
        hub.restore(beginning.openSessions, ended: beginning.endedSessions, now: now)
        workers = try Workers(opened, configuration, inbox, now: now.wall)
        let log = Log("server")
        let tokens = AccessTokens(beginning.directory.keys)
        let responses = Responses(transport, CrossOrigins(allowed: configuration.cors.origins))
        let sockets = SocketService(
            SocketIOServer(engine, random: .system), hub, configuration.ice.settings, transport, responses, tokens,
            workers.records, log)
        let logIns = LogInAPI(
            LogInDesk(homes: beginning.homes, random: .system), workers, inbox, responses, tokens, sockets, log,
            namesIdentities: configuration.log.identities)
        loop = ServerLoop(
            configuration, transport, inbox, workers, responses, tokens, sockets, logIns, log)
    }

    /// Called at the given pace for as long as the server makes progress: the sockets are served, and the records do not
    /// hang. For a service manager's watchdog.
    public func setHeartbeat(every interval: Duration, _ beat: @escaping () -> Void) {
        loop.heartbeat = Heartbeat(every: interval, beat)
    }

    /// Serves until `stop` has been asked for and everything has been told and written down.
    public func run() {
        loop.run()
        workers.stop()
        lock = nil
        Log("server").notice("stopped")
    }

    /// Another thread's wish to end the server or to read its certificates again.
    public var control: ServerControl { ServerControl(inbox: inbox) }

    /// For tests that keep it busy.
    var passwords: PasswordWorker { workers.passwords }
}

@available(*, unavailable, message: "a server belongs to the thread that runs it")
extension Server: Sendable {}

/// The handle with which other threads steer a server.
public struct ServerControl: Sendable {
    let inbox: Inbox
    /// Tells the clients, finishes the records, ends `run()`. A second time it ends at once.
    public func stop() { inbox.post(.signal(.terminate)) }
    /// Reads certificate and key again.
    public func reload() { inbox.post(.signal(.hangup)) }
}
