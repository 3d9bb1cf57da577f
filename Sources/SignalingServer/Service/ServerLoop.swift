internal import HTTP
internal import HTTPTransport
internal import Primitives
internal import Reactor
internal import Records
internal import RecordsSQLite
internal import Service
internal import SessionRules

/// The serving thread: takes what the transport and the other threads tell, and gives it to the part that it concerns.
final class ServerLoop {
    private let configuration: ServerConfiguration
    private let transport: HTTPServer
    private let inbox: Inbox
    private let workers: Workers
    private let responses: Responses
    private let sockets: SocketService
    private let logIns: LogInAPI
    private let accounts: AccountsAPI
    private let sessions: SessionsAPI
    private let lists: ListsAPI
    private let preferences: PreferencesAPI
    private let requests: RequestService
    private let log: Log
    private let turns: LatencyHistogram
    private var memory: MemoryWatch
    private var recordsHealth: RecordsHealth
    private var phase: ServingPhase
    var heartbeat: Heartbeat?

    init(
        _ configuration: ServerConfiguration, _ transport: HTTPServer, _ inbox: Inbox, _ workers: Workers,
        _ responses: Responses, _ tokens: AccessTokens, _ sockets: SocketService, _ logIns: LogInAPI, _ log: Log
    ) {
        self.configuration = configuration
        self.transport = transport
        self.inbox = inbox
        self.workers = workers
        self.responses = responses
        self.sockets = sockets
        self.logIns = logIns
        self.log = log
        accounts = AccountsAPI(workers.records, workers.passwords, responses)
        sessions = SessionsAPI(workers.lists, sockets, responses)
        lists = ListsAPI(workers.lists, responses)
        preferences = PreferencesAPI(workers, responses)
        let api = API(transport, responses, tokens, sockets, logIns, accounts, sessions, lists, preferences)
        requests = RequestService(configuration.requestGate, responses, sockets, api, log)
        turns = LatencyHistogram()
        memory = MemoryWatch(configuration.memory)
        recordsHealth = .well
        phase = .serving
    }

    // MARK: The loop

    /// Serves until it has been told to stop and the clients are gone, or their time is up.
    func run() {
        while true {
            var now = moment()
            sockets.handleTimeout(now: now)
            logIns.serve(now: now)
            sockets.drain(phase, now: now)
            heartbeat?.handleTimeout(now: now.instant) { workers.records.isAlive(now: now.instant) }
            if phase.isOver(connections: transport.connectionCount, now: now.instant) { break }
            transport.service(for: pause(now.instant))
            let woke = MonotonicClock.now()
            while let event = transport.nextEvent() {
                now = moment()
                handle(event, now: now)
                sockets.drain(phase, now: now)
                if memory.isDue(sockets.bytesPutAside) { settleMemory() }
            }
            logIns.serve(now: now)
            // How long everything that waited was worked on: what an event that arrived meanwhile had to wait.
            turns.record(MonotonicClock.now() - woke)
        }
        sockets.finish()
        logIns.finish(now: moment())
    }

    private func moment() -> Moment { Moment(instant: MonotonicClock.now(), wall: SystemWallClock.now()) }

    private func pause(_ now: Instant) -> Duration? {
        let machines = min(sockets.nextTimeout ?? .distantFuture, logIns.nextTimeout ?? .distantFuture)
        let own = min(phase.deadline ?? .distantFuture, heartbeat?.next ?? .distantFuture)
        let next = min(machines, own)
        return next < .distantFuture ? max(.zero, next - now) : nil
    }

    // MARK: What the transport tells

    private func handle(_ event: HTTPServerEvent, now: Moment) {
        switch event {
        case .requestAnnounced(let request): requests.announced(request, now: now)
        case .request(let request): if let probe = requests.received(request, now: now) { answer(probe) }
        case .requestAborted(let id):
            responses.aborted(id)
            logIns.aborted(id)
            lists.aborted(id)
            sockets.requestAborted(id, now: now)
        case .webSocketOpened(let id, let handshake):
            guard !phase.isStopping else { return transport.close(id, code: .tryAgainLater) }
            requests.webSocketOpened(id, handshake, now: now)
        case .message(let id, let message): sockets.received(message, on: id, now: now)
        case .webSocketClosed(let id, _): sockets.webSocketClosed(id, now: now)
        case .pieceWanted(let id): lists.pieceWanted(id)
        case .holdingsGrew: settleMemory()
        case .woken: while let message = inbox.next() { handle(message, now: now) }
        }
    }

    private func answer(_ probe: RequestService.Probe) {
        switch probe {
        case .readiness(let id): responses.respond(to: id, .readiness(phase.obstacle(recordsHealth)))
        case .metrics(let id): responses.respond(to: id, .metrics(metricsText()))
        }
    }

    /// Ends whoever must go for the limits to be kept.
    private func settleMemory() {
        let gone = memory.whoMustGo(transport.holdings, sockets.holdings, bytesPutAside: sockets.bytesPutAside)
        guard !gone.isEmpty else { return }
        log.repeated(.warning, "memory-limit", "connections were closed for the memory that they held")
        for holder in gone {
            switch holder {
            case .connection(let id): transport.evict(id)
            case .client(let client): sockets.evict(client)
            }
        }
    }

    private func metricsText() -> String {
        var page = MetricsPage()
        page.gauge("kiosk_signaling_connections", "TCP connections open.", transport.connectionCount)
        sockets.writeClients(to: &page)
        logIns.write(to: &page)
        responses.write(to: &page)
        sockets.writeTransport(to: &page)
        page.write(transport, memory)
        workers.write(to: &page, database: configuration.database)
        page.histogram("kiosk_signaling_loop_seconds", "How long the event loop was away from the sockets.", turns)
        return page.text
    }

    // MARK: What the other threads tell

    private func handle(_ message: ServerMessage, now: Moment) {
        switch message {
        case .records(let answer): handle(answer, now: now)
        case .passwordChecked(let ticket, let isRight): logIns.passwordChecked(isRight: isRight, ticket)
        case .signal(.hangup): reloadCertificates()
        case .signal(.interrupt), .signal(.terminate): stop(now: now)
        }
    }

    private func handle(_ answer: RecordAnswer, now: Moment) {
        switch answer {
        case .directory(let directory): sockets.use(directory, now: now)
        case .health(let health): recordsHealth = health
        case .crewStored(let record, let isNew, let reply): sockets.crewStored(record, isNew: isNew, reply)
        case .sessionStored(let id): sockets.sessionStored(id)
        case .sessionRefused(let id, _): sockets.sessionRefused(id, now: now)
        case .credentials(let found, let ticket): logIns.credentialsRead(found, ticket)
        case .loggedIn(let verdict, let ticket): logIns.judged(verdict, ticket, now: now)
        case .refreshed(let outcome, let ticket): logIns.refreshed(outcome, ticket, now: now)
        case .loggedOut(let directory, let ticket):
            // The directory is up to date before the answer is out.
            sockets.use(directory, now: now)
            logIns.loggedOut(ticket)
        case .accountChanged(let outcome, let directory, let ticket):
            sockets.use(directory, now: now)
            accounts.changed(outcome, ticket)
        case .failed(.keep(let request), _): sockets.notStored(request, now: now)
        case .failed(.readCredentials(_, let ticket), _), .failed(.logIn(_, let ticket), _):
            logIns.logInFailed(ticket, now: now)
        case .failed(.refresh(_, _, let ticket), _): logIns.refreshFailed(ticket, now: now)
        case .failed(.logOut(_, _, let ticket), _): logIns.logOutFailed(ticket)
        case .failed(.changeAccount(_, _, let ticket), let error): accounts.failed(error, ticket)
        case .failed(.keepPreferences(_, let ticket), _): preferences.failed(ticket)
        case .preferences(let found, let ticket): preferences.found(found, ticket)
        case .preferencesKept(let outcome, let ticket): preferences.kept(outcome, ticket)
        case .piece(let reader, let piece, let ticket): lists.pieceRead(reader, piece, ticket)
        case .session(let session, let ticket): sessions.found(session, ticket)
        case .listFailed(.piece(_, let ticket), _): lists.failed(ticket)
        case .listFailed(.session(_, _, let ticket), _): sessions.failed(ticket)
        case .listFailed(.preferences(_, let ticket), _): preferences.failed(ticket)
        }
    }

    private func reloadCertificates() {
        do throws(HTTPTransportError) {
            try transport.reloadCertificates()
            log.notice("certificates read again")
        } catch {
            log.error("certificates not read again, the old ones stay: \(error.description)")
        }
    }

    private func stop(now: Moment) {
        guard phase.stopAsked(within: configuration.shutdown.timeout, now: now.instant) else { return }
        log.notice("stopping", [LogField("CONNECTIONS", transport.connectionCount)])
        transport.stopListening()
        sockets.shutDown(endingSessions: configuration.shutdown.endSessions, phase, now: now)
    }
}
