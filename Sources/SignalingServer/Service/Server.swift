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
///     transport ⇄ SocketIOServer ⇄ Hub ──StoreRequest──▶ RecordsThread ┐
///         └── HTTP API ── log-in ──▶ PasswordWorker ──────────────────┴──▶ Inbox ──▶ here
public final class Server {
    let configuration: ServerConfiguration
    let transport: HTTPServer
    let inbox: Inbox
    let records: RecordsThread
    let lists: ListsThread
    let passwords: PasswordWorker
    let log: Log
    var socketIO: SocketIOServer
    var hub: Hub
    let ice: ICESettings
    var tokens: Tokens
    var tokenClock: TokenClock
    /// Log-ins are rare beside messages: their machine is asked when something was done with it, or is due.
    var logIns: LogIns { didSet { logInsAreDue = .zero } }
    var logInsAreDue: Instant
    /// Drawn before the records are asked.
    var newTokens: [RecordTicket: NewTokens]
    /// Of one address, but Socket.IO's, whose clients have limits of their own.
    var requestBudgets: TokenBuckets<IPAddress>
    var metrics: ServerMetrics
    /// Requests whose answer needs CORS headers for this origin.
    var origins: [RequestID: String]
    var recordsHealth: RecordsHealth
    /// Nobody else serves the same records.
    private var lock: RecordsLock?
    /// Whether the log has named a proxy that is not trusted.
    var hasWarnedOfProxy: Bool
    /// Lists that are being answered, and which may be.
    var runningLists: [RequestID: RunningList]
    var listPlaces: ListPlaces<ListReader>
    /// `SocketIOServer.bytesPutAside` when memory was last looked at.
    var bytesPutAside: UInt64
    private var heartbeat: (interval: Duration, beat: () -> Void)?
    private var nextBeat: Instant
    /// Set once the server is to end; from then on nobody is let in.
    private(set) var drainDeadline: Instant?

    /// Opens the records and listens. Serving begins with `run()`.
    /// - Parameter listeningSockets: those that a service manager opened; they take the place of `listen`.
    public init(_ configuration: ServerConfiguration, listeningSockets: [Int32] = []) throws {
        self.configuration = configuration
        log = Log("server")
        lock = try RecordsLock(configuration.database)
        let now = Moment(instant: MonotonicClock.now(), wall: SystemWallClock.now())
        var opened = try SQLiteRecords(configuration.database, .mayCreate, now: now.wall)
        let beginning = try opened.beginning(now: now.wall)
        var http = HTTPServerConfiguration(listen: configuration.listen)
        http.tls = configuration.tls.map {
            HTTPServerConfiguration.TLS(certificateFile: $0.certificateFile, privateKeyFile: $0.privateKeyFile)
        }
        http.webSocketPaths = ["/socket.io"]
        http.maximumBodySize = configuration.limits.payload.bytes
        // What is too large for its path is refused by its head. A page and a probe take no body.
        http.bodyLimits = [
            ("/socket.io", configuration.limits.payload.bytes), ("/api/", Server.maximumAPIBody), ("/", 1024),
        ]
        http.maximumMessageSize = configuration.limits.payload.bytes
        http.maximumPendingBytes = configuration.limits.pendingBytes.bytes
        http.maximumConnections = configuration.limits.connections
        http.maximumConnectionsPerAddress = configuration.limits.connectionsPerAddress
        http.proxies = configuration.proxy.trusted
        http.listeningSockets = listeningSockets
        // Kiosks compare their clock with it.
        http.clock = SystemWallClock.now
        var engine = SocketIOServerConfiguration()
        // Engine.IO's type and a CONNECT, until one is accepted.
        http.firstMessageSize = 1 + engine.maximumMessageBeforeConnect
        inbox = try Inbox()
        transport = try HTTPServer(http, wokenBy: inbox.wake)
        engine.pingInterval = configuration.engine.pingInterval
        engine.pingTimeout = configuration.engine.pingTimeout
        engine.maximumPayload = configuration.limits.payload.bytes
        engine.maximumPollingBacklog = configuration.limits.pendingBytes.bytes
        engine.maximumSessions = configuration.limits.connections
        engine.maximumSessionsPerAddress = configuration.limits.connectionsPerAddress
        engine.handshakesPerSecondPerAddress = configuration.limits.handshakesPerAddress
        engine.recoveryWindow = configuration.engine.recoveryWindow
        socketIO = SocketIOServer(engine, random: .system)
        ice = configuration.ice.settings
        hub = Hub(
            Hub.Settings(
                rules: MonitoringSessions.Rules(
                    gracePeriod: configuration.sessions.gracePeriod,
                    negotiationTimeout: configuration.sessions.negotiationTimeout,
                    maximumDuration: configuration.sessions.maximumDuration),
                messagesPerSecond: configuration.limits.messagesPerSecond,
                iceCredentialLifetime: configuration.ice.credentialLifetime,
                recoveryWindow: configuration.engine.recoveryWindow), random: .system)
        tokens = Tokens()
        tokenClock = TokenClock()
        let requests = configuration.limits.requestsPerAddress
        requestBudgets = TokenBuckets(burst: 10 * requests, perSecond: Double(requests))
        metrics = ServerMetrics()
        origins = [:]
        recordsHealth = .well
        hasWarnedOfProxy = false
        runningLists = [:]
        listPlaces = ListPlaces()
        bytesPutAside = 0
        drainDeadline = nil
        heartbeat = nil
        nextBeat = .zero

        tokens.use(beginning.directory.keys)
        hub.directoryChanged(beginning.directory.directory, now: now)
        logInsAreDue = .zero
        logIns = LogIns(homes: beginning.homes, random: .system)
        newTokens = [:]
        hub.restore(beginning.openSessions, ended: beginning.endedSessions, now: now)
        passwords = try PasswordWorker()
        do {
            lists = try ListsThread(
                try SQLiteRecords(configuration.database, .readOnly, now: now.wall), inbox: inbox)
        } catch {
            passwords.stop()
            throw error
        }
        do {
            records = try RecordsThread(
                opened,
                RecordsThread.Settings(
                    file: configuration.database, retention: configuration.retention.periods,
                    leastSpace: configuration.limits.freeSpace.bytes), inbox: inbox)
        } catch {
            passwords.stop()
            lists.stop()
            throw error
        }
    }

    /// Where it listens, with real ports.
    public var addresses: [SocketAddress] { transport.addresses }

    func moment() -> Moment { Moment(instant: MonotonicClock.now(), wall: SystemWallClock.now()) }

    /// Called at the given pace for as long as the server makes progress: the sockets are served, and the records do not
    /// hang. For a service manager's watchdog.
    public func setHeartbeat(every interval: Duration, _ beat: @escaping () -> Void) { heartbeat = (interval, beat) }

    private func beat(_ now: Instant) {
        guard let heartbeat, now >= nextBeat else { return }
        nextBeat = now + heartbeat.interval
        if records.isAlive(now: now) { heartbeat.beat() }
    }

    /// Serves until `stop` has been asked for and everything has been told and written down.
    public func run() {
        while true {
            var now = moment()
            socketIO.handleTimeout(now: now.instant)
            hub.handleTimeout(now: now)
            serveLogIns(now: now)
            drain(now: now)
            beat(now.instant)
            if let drainDeadline, drainDeadline <= now.instant || transport.connectionCount == 0 { break }
            transport.service(for: pause(now.instant))
            let woke = MonotonicClock.now()
            while let event = transport.nextEvent() {
                now = moment()
                handle(event, now: now)
                drain(now: now)
                watchMemory()
            }
            serveLogIns(now: now)
            metrics.loopTurn(MonotonicClock.now() - woke)
        }
        finish()
    }

    private func pause(_ now: Instant) -> Duration? {
        [
            socketIO.nextTimeout, hub.nextTimeout, logInsAreDue < .distantFuture ? logInsAreDue : nil,
            drainDeadline,
            heartbeat.map { _ in nextBeat },
        ].compactMap { $0 }.min().map { max(.zero, $0 - now) }
    }

    /// Another thread's wish to end the server or to read its certificates again.
    public var control: ServerControl { ServerControl(inbox: inbox) }

    private func handle(_ event: HTTPServerEvent, now: Moment) {
        switch event {
        case .requestAnnounced(let request): announce(request, now: now)
        case .request(let request): handle(request, now: now)
        case .requestAborted(let id):
            origins[id] = nil
            logIns.aborted(id.ticket)
            listAborted(id)
            socketIO.requestAborted(id, now: now.instant)
        case .webSocketOpened(let id, let handshake):
            let peer = clientAddress(handshake.peer, handshake.headers)
            guard drainDeadline == nil else { return transport.close(id, code: .tryAgainLater) }
            let details = engineHandshake(handshake.query, handshake.headers, peer)
            // An upgrade of a polling session.
            if let account = account(of: details) { transport.attribute(id, to: account) }
            socketIO.webSocketOpened(id, details, now: now.instant)
        case .message(let id, let message): socketIO.webSocketReceived(id, message, now: now.instant)
        case .webSocketClosed(let id, _):
            socketIO.webSocketClosed(id, now: now.instant)
        case .pieceWanted(let id): readList(id)
        case .holdingsGrew: settleMemory()
        case .woken: while let message = inbox.next() { handle(message, now: now) }
        }
    }

    private func handle(_ message: ServerMessage, now: Moment) {
        switch message {
        case .records(let answer): handle(answer, now: now)
        case .passwordChecked(let ticket, let isRight): logIns.passwordChecked(isRight: isRight, ticket)
        case .signal(let signal): handle(signal, now: now)
        }
    }

    private func handle(_ signal: SignalSource.Signal, now: Moment) {
        switch signal {
        case .hangup:
            do throws(HTTPTransportError) {
                try transport.reloadCertificates()
                log.notice("certificates read again")
            } catch {
                log.error("certificates not read again, the old ones stay: \(error.description)")
            }
        case .interrupt, .terminate:
            guard drainDeadline == nil else {
                drainDeadline = now.instant
                return
            }
            log.notice("stopping", [LogField("CONNECTIONS", transport.connectionCount)])
            drainDeadline = now.instant + configuration.shutdown.timeout
            transport.stopListening()
            if configuration.shutdown.endSessions { hub.shutDown(now: now) }
            drain(now: now)
            socketIO.shutDown(now: now.instant)
            drain(now: now)
        }
    }

    /// Performs what the machines decided, until none has anything left.
    private func drain(now: Moment) {
        var isBusy = true
        while isBusy {
            isBusy = false
            while let event = socketIO.nextEvent() {
                handle(event, now: now)
                isBusy = true
            }
            for action in hub.takeActions() {
                perform(action, now: now)
                isBusy = true
            }
        }
        while let action = socketIO.nextAction() {
            switch action {
            case .send(let id, let message): transport.send(message, on: id)
            case .close(let id): transport.close(id, code: drainDeadline == nil ? .normal : .goingAway)
            case .widen(let id): transport.limitMessages(to: .max, on: id)
            case .respond(let id, let answer):
                respond(
                    to: id,
                    HTTPResponse(
                        status: answer.status,
                        headers: [
                            HTTPHeader("Content-Type", answer.contentType), HTTPHeader("Cache-Control", "no-store"),
                        ], body: answer.body))
            }
        }
    }

    private func handle(_ event: SocketIOServer.Event, now: Moment) {
        switch event {
        case .connecting(let socket, let request):
            do throws(SignalingError) {
                guard drainDeadline == nil else { throw SignalingError(.internalError, "the server is stopping") }
                let claims = try tokens.verify(try presentedToken(request), now: tokenClock.time(now))
                hub.connecting(
                    socket, claims, recovers: request.recovers, address: request.handshake.peer?.address, now: now)
            } catch {
                hub.refused(socket, error)
            }
        case .event(let socket, let event): hub.received(event, from: socket, now: now)
        case .acknowledged: break
        case .disconnected(let socket, let reason):
            metrics.disconnects[reason, default: 0] += 1
            hub.disconnected(socket, mayReturn: reason.isLoss, now: now)
        }
    }

    /// The CONNECT payload first; the query and the header are for clients that can only send those.
    private func presentedToken(_ request: ConnectRequest) throws(SignalingError) -> Redacted<String> {
        if let token = request.auth?["token"]?.string ?? request.handshake["token"], !token.isEmpty {
            return Redacted(token)
        }
        guard let header = request.handshake.authorization, let token = header.unredacted.bearerToken else {
            throw SignalingError(.tokenMissing, "no token in the connect payload")
        }
        return Redacted(token)
    }

    private func perform(_ action: Hub.Action, now: Moment) {
        switch action {
        case .accept(let socket, let recovering):
            let account = hub.account(of: socket)
            socketIO.accept(socket, of: account, recovering: recovering, now: now.instant)
            if let account, let connection = socketIO.connection(of: socket) {
                transport.attribute(connection, to: account)
            }
        case .refuse(let socket, let error):
            socketIO.refuse(
                socket, ConnectError(message: error.message, data: ["code": .string(error.code.rawValue)]),
                now: now.instant)
        case .emit(let event, let socket): socketIO.emit(event.name, event.arguments, to: socket, now: now.instant)
        case .emitWithICEServers(let event, let credentials, let socket):
            let event = event.event(iceServers: ice.servers(credentials))
            socketIO.emit(event.name, event.arguments, to: socket, now: now.instant)
        case .broadcast(let event, let sockets):
            socketIO.emit(event.name, event.arguments, toAll: sockets, now: now.instant)
        case .acknowledge(let socket, let id, let acknowledgement):
            socketIO.acknowledge(id, acknowledgement.arguments, to: socket, now: now.instant)
        case .disconnect(let socket): socketIO.disconnect(socket, closingTransport: true, now: now.instant)
        case .store(let request):
            note(request)
            records.submit(.keep(request))
        case .note(.kioskCame(let id, let address, let version)):
            log.notice(
                "kiosk \(id) is online" + (version.map { ", version \($0)" } ?? ""),
                [LogField("KIOSK", id), LogField("ADDRESS", address?.description ?? "-")])
        case .send: preconditionFailure("server: a single node has nobody to send to")
        case .note(.kioskWent(let id)): log.notice("kiosk \(id) is offline", [LogField("KIOSK", id)])
        }
    }

    private func note(_ request: Hub.StoreRequest) {
        switch request {
        case .sessionBegan(let session):
            log.notice(
                "session \(session.id) begins: \(session.monitorId) watches \(session.kioskId)",
                [
                    LogField("SESSION_ID", session.id), LogField("MONITOR", session.monitorId),
                    LogField("KIOSK", session.kioskId),
                ])
        case .sessionEnded(let id, let reason, _, _):
            log.notice("session \(id) has ended: \(reason.rawValue)", [LogField("SESSION_ID", id)])
        case .crew, .sessionNegotiated, .sessionMoved, .sessionReported, .audit, .lastSeen, .kioskRegistered: break
        }
    }

    private func finish() {
        hub.saveLastSeen()
        for action in hub.takeActions() {
            if case .store(let request) = action { records.submit(.keep(request)) }
        }
        for entry in logIns.finish(at: SystemWallClock.now()) { records.submit(.keep(.audit(entry))) }
        passwords.stop()
        lists.stop()
        records.stop()
        lock = nil
        log.notice("stopped")
    }
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

extension String {
    /// Of an `Authorization` header (RFC 6750 section 2.1).
    var bearerToken: String? {
        let parts = split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else { return nil }
        let token = parts[1].drop { $0 == " " }
        return token.isEmpty ? nil : String(token)
    }
}
