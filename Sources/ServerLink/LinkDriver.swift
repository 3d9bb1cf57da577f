import AgentSettings
import Glibc
import HTTP
import HTTPTransport
import JSON
import Primitives
import Reactor
import Service
import Signaling
import SocketIO

private let log = Log("signaling")

/// Performs what `LinkMachine` decides, on the signaling thread: HTTP requests, the WebSocket, the Socket.IO client.
struct LinkDriver: ~Copyable {
    private var configuration: AgentConfiguration
    private let client: HTTPClient
    private let events: Mailbox<LinkEvent>
    private var machine: LinkMachine
    private var request: RequestID?
    private var connection: ConnectionID?
    private var socket: SocketIOClient?
    private var registration: AcknowledgementID?
    /// Crew events on their way, by the acknowledgement that will answer them.
    private var deliveries: [AcknowledgementID: String]
    /// Events that came while the link was down, oldest first.
    private var waiting: RingBuffer<ClientEvent>
    private var status: KioskStatus
    private var carriedSession: String?
    private var heartbeatSentAt: WallClock?
    /// When the credentials of the registration's TURN servers end, by the server's clock.
    private var credentialsEnd: WallClock?
    /// Set when the goodbye began: the thread ends then at the latest.
    private var endsAt: Instant?
    private(set) var isFinished: Bool

    private static let waitingLimit = 200
    private static let goodbyeTime = Duration.seconds(2)

    init(_ configuration: AgentConfiguration, client: HTTPClient, events: Mailbox<LinkEvent>) {
        self.configuration = configuration
        self.client = client
        self.events = events
        machine = LinkMachine(
            kioskId: configuration.kiosk.id, server: configuration.server,
            passwordIsOfTheStart: Credentials.path("password") != nil, random: .system)
        request = nil
        connection = nil
        socket = nil
        registration = nil
        deliveries = [:]
        waiting = RingBuffer()
        status = KioskStatus()
        carriedSession = nil
        heartbeatSentAt = nil
        credentialsEnd = nil
        endsAt = nil
        isFinished = false
    }

    var nextTimeout: Instant? { [machine.nextTimeout, socket?.nextTimeout, endsAt].compactMap(\.self).min() }

    mutating func start(now: Instant) { run(machine.started(now: now), now: now) }

    // MARK: what happens

    mutating func handle(_ event: HTTPClientEvent, now: Instant) {
        switch event {
        case .response(let id, let response):
            guard id == request else { return }
            request = nil
            answered(response, now: now)
        case .requestFailed(let id, let failure):
            guard id == request else { return }
            request = nil
            run(machine.failed(failure, now: now), now: now)
        case .webSocketOpened(let id):
            guard id == connection else { return }
            socket?.webSocketOpened(now: now)
            drainSocket(now: now)
        case .webSocketFailed(let id, let failure):
            guard id == connection else { return }
            connection = nil
            socket = nil
            run(machine.failed(failure, now: now), now: now)
            finishIfClosed()
        case .message(let id, let message):
            guard id == connection else { return }
            socket?.webSocketReceived(message, now: now)
            drainSocket(now: now)
        case .webSocketClosed(let id, _):
            guard id == connection else { return }
            connection = nil
            socket?.webSocketClosed(now: now)
            drainSocket(now: now)
            socket = nil
            finishIfClosed()
        case .woken:
            break
        }
    }

    mutating func handle(_ command: LinkCommand, now: Instant) {
        switch command {
        case .send(let event):
            if machine.phase == .registered {
                emit(event, now: now)
            } else {
                // The supervisor asks again, with each registration that finds no offer.
                if case .restartRequest = event { return }
                if waiting.count == LinkDriver.waitingLimit { _ = waiting.popFirst() }
                waiting.append(event)
            }
        case .deliver(let event):
            guard machine.phase == .registered else { return }
            let sent = ClientEvent.crew(event)
            if let id = socket?.emitForAcknowledgement(sent.name, sent.arguments, now: now) {
                deliveries[id] = event.eventId
            }
        case .status(let new):
            guard new != status else { return }
            status = new
            run(machine.statusChanged(now: now), now: now)
        case .carried(let sessionId):
            carriedSession = sessionId
        case .passwordFile(let file):
            configuration.kiosk.passwordFile = file
            run(machine.credentialsChanged(now: now), now: now)
        case .networkChanged(let usable):
            let own = connection.map { client.localAddress(of: $0) } ?? request.flatMap { client.localAddress(of: $0) }
            let isOwnGone = own.map { !usable.contains($0.address) } ?? false
            run(machine.networkChanged(isOwnAddressGone: isOwnGone, now: now), now: now)
        case .stop:
            machine.stopped()
            if let request { client.cancel(request) }
            request = nil
            socket?.disconnect(now: now)
            endsAt = now + LinkDriver.goodbyeTime
        }
        drainSocket(now: now)
        finishIfClosed()
    }

    mutating func handleTimeout(now: Instant) {
        if let endsAt, endsAt <= now { isFinished = true }
        if let due = socket?.nextTimeout, due <= now { socket?.handleTimeout(now: now) }
        drainSocket(now: now)
        if let due = machine.nextTimeout, due <= now { run(machine.timeoutReached(now: now), now: now) }
    }

    private mutating func finishIfClosed() {
        if endsAt != nil, connection == nil { isFinished = true }
    }

    private mutating func answered(_ response: HTTPResponse, now: Instant) {
        let body = try? JSONValue(parsing: response.body)
        guard response.status == 200 else {
            let error = body.flatMap { try? SignalingError(httpBody: $0) }
            let retryAfter = response.headers["Retry-After"].flatMap(Int64.init).map { Duration.seconds(max(0, $0)) }
            let action = machine.requestRefused(response, error: error, retryAfter: retryAfter, now: now)
            return run(action, now: now)
        }
        guard let body, let answer = try? LoginAnswer(json: body) else {
            return run(machine.answerUnreadable(response, now: now), now: now)
        }
        run(machine.loggedIn(answer, now: now), now: now)
    }

    private mutating func drainSocket(now: Instant) {
        while let action = socket?.nextAction() {
            guard let connection else { continue }
            switch action {
            case .send(let message): client.send(message, on: connection)
            case .close: client.close(connection, code: .normal)
            }
        }
        while let event = socket?.nextEvent() { handle(event, now: now) }
    }

    private mutating func handle(_ event: SocketIOClient.Event, now: Instant) {
        switch event {
        case .connected:
            run(machine.connected(now: now), now: now)
        case .refused(let error):
            run(machine.connectRefused(error, now: now), now: now)
        case .event(let event):
            received(event, now: now)
        case .acknowledged(let id, let arguments):
            acknowledged(id, arguments, now: now)
        case .disconnected(let reason):
            run(machine.disconnected(reason, now: now), now: now)
        }
    }

    private mutating func received(_ event: SocketIOEvent, now: Instant) {
        let parsed: ServerEvent
        do {
            parsed = try ServerEvent(name: event.name, arguments: event.arguments)
        } catch {
            log.repeated(.warning, "server-event", "an event of the server cannot be understood: \(error.message)")
            return
        }
        switch parsed {
        case .kioskRegistered(_, let interval, let servers):
            credentialsEnd = servers.compactMap(\.credentialEnd).min()
            run(machine.registered(heartbeatInterval: interval, now: now), now: now)
            events.post(.server(parsed))
        case .heartbeatPong(let serverTime):
            run(machine.pongReceived(now: now), now: now)
            measureClock(serverTime)
            if let credentialsEnd, let server = WallClock(text: serverTime) {
                machine.credentialsEnd(in: credentialsEnd - server, now: now)
            }
        case .error(let error, let event):
            log.repeated(
                .warning, "refused", "the server refused \(event): \(error.message)",
                [LogField("CODE", error.code.rawValue)])
        case .kioskList, .kioskOnline, .kioskOffline, .kioskStatus, .monitoringStartedForMonitor,
            .monitoringStartedForKiosk, .offer, .answer, .iceCandidate, .restartRequest, .sessionError, .crew,
            .monitoringStopped:
            events.post(.server(parsed))
        }
    }

    private mutating func acknowledged(_ id: AcknowledgementID, _ arguments: [JSONValue], now: Instant) {
        guard let answer = try? Acknowledgement(arguments: arguments) else { return }
        if id == registration {
            registration = nil
            if case .refused(let error, _) = answer { run(machine.registrationRefused(error, now: now), now: now) }
        } else if let eventId = deliveries.removeValue(forKey: id) {
            events.post(.crewAnswered(eventId: eventId, answer))
        }
    }

    /// Half of the round trip belongs to the way there: the error is at most the other half.
    private mutating func measureClock(_ serverTime: String) {
        guard let sent = heartbeatSentAt, let server = WallClock(text: serverTime) else { return }
        heartbeatSentAt = nil
        let received = SystemWallClock.now()
        guard received >= sent, received - sent < .seconds(10) else { return }
        events.post(.clockOffset(server - (sent + (received - sent) / 2)))
    }

    // MARK: what is done about it

    private mutating func run(_ action: LinkMachine.Action, now: Instant) {
        switch action {
        case .none: break
        case .logIn, .refresh, .open:
            let clock = SystemWallClock.now()
            guard !configuration.server.isSecure || clock >= WallClock.earliestSane else {
                return run(machine.clockIsNotSet(clock, now: now), now: now)
            }
            attempt(action, now: now)
        case .register: register(now: now)
        case .announce: announce(now: now)
        case .sendHeartbeat:
            heartbeatSentAt = SystemWallClock.now()
            emit(.heartbeatPing(status), now: now)
        case .abandon(let trouble, let delay): abandon(trouble, retryIn: delay)
        }
    }

    private mutating func attempt(_ action: LinkMachine.Action, now: Instant) {
        switch action {
        case .logIn: logIn(now: now)
        case .refresh(let token):
            post("/api/auth/refresh", RefreshRequest(refreshToken: token).json)
        case .open(let token): open(token, now: now)
        case .none, .register, .announce, .sendHeartbeat, .abandon: break
        }
    }

    private mutating func logIn(now: Instant) {
        let password: Redacted<String>
        do {
            // Read each time: a corrected file heals without a restart.
            password = try configuration.readPassword()
        } catch {
            return run(machine.passwordUnreadable(error.description, now: now), now: now)
        }
        post("/api/auth/login", LoginRequest(username: configuration.kiosk.id, password: password).json)
    }

    private mutating func post(_ path: String, _ body: JSONValue) {
        events.post(.phaseChanged(.connecting))
        request = client.start(
            HTTPClientRequest(
                .post, url: configuration.server.url(path), headers: [HTTPHeader("Content-Type", "application/json")],
                body: body.jsonText))
    }

    private mutating func open(_ token: Redacted<String>, now: Instant) {
        events.post(.phaseChanged(.connecting))
        if let connection { client.close(connection, code: .normal) }
        deliveries = [:]
        registration = nil
        socket = SocketIOClient(
            SocketIOClientConfiguration(), auth: ["token": .string(token.unredacted)], now: now)
        connection = client.openWebSocket(
            url: configuration.server.webSocketURL("/socket.io/?\(SocketIOClient.query)"))
    }

    private mutating func register(now: Instant) {
        let event = ClientEvent.registerKiosk(
            KioskRegistration(
                version: ProductVersion.text, hostname: LinkDriver.hostname(),
                media: MediaAvailability(video: true, audio: configuration.microphone.device != "none"),
                sessions: carriedSession.map { [$0] } ?? []))
        registration = socket?.emitForAcknowledgement(event.name, event.arguments, now: now)
    }

    private mutating func announce(now: Instant) {
        log.notice("registered with \(configuration.server) as \(configuration.kiosk.id)")
        events.post(.phaseChanged(.registered))
        events.post(.registered)
        while let event = waiting.popFirst() {
            if belongsToNow(event) { emit(event, now: now) }
        }
    }

    /// Events of a session that has ended meanwhile are not sent, except the reports for the audit.
    private func belongsToNow(_ event: ClientEvent) -> Bool {
        switch event {
        case .offer(_, let session, _), .answer(_, let session, _), .iceCandidate(_, let session, _),
            .restartRequest(_, let session), .sessionError(_, let session, _):
            session == carriedSession
        case .registerKiosk, .registerMonitor, .startMonitoring, .stopMonitoring, .sessionReport, .heartbeatPing, .crew:
            true
        }
    }

    private mutating func emit(_ event: ClientEvent, now: Instant) {
        socket?.emit(event.name, event.arguments, now: now)
        drainSocket(now: now)
    }

    private mutating func abandon(_ trouble: LinkTrouble, retryIn delay: Duration) {
        let next = delay < .seconds(1) ? "at once" : "in \(Int(delay.seconds.rounded())) s"
        log.warning(
            "\(trouble); next attempt \(next)",
            [LogField("TROUBLE", trouble.kind.rawValue)])
        if let request { client.cancel(request) }
        request = nil
        if let connection { client.close(connection, code: .normal) }
        connection = nil
        socket = nil
        registration = nil
        deliveries = [:]
        heartbeatSentAt = nil
        events.post(.phaseChanged(.waiting(trouble, retryIn: delay)))
    }

    private static func hostname() -> String? {
        var buffer = [CChar](repeating: 0, count: 256)
        guard gethostname(&buffer, buffer.count - 1) == 0 else { return nil }
        return String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
