import AgentSettings
import HTTP
import HTTPTransport
import JSON
import Primitives
import Signaling
import SocketIO

// The link to kiosk-signaling: everything that is decided about it. No socket, no clock, no file: `LinkLoop` performs the actions and tells
// what happened.
//
//   LinkCommand, HTTP answers, WebSocket ─▶ LinkMachine ─▶ actions: request, WebSocket, messages, reports for the agent
//                                             │ ConnectionMachine   when to log in, open, register, beat, try again
//                                             │ SocketIOClient      the protocol on the WebSocket
//                                             │ WaitingEvents       what the link owes the server
//                                             └ ClockMeasurement    how far the server's clock is from ours
//
//   line:   none ──▶ request ──▶ socket ──▶ none …
//             └── stop, from any ──▶ leaving ── closed, or two seconds ──▶ ended
//
// What belongs to one connection lives in `socket` and goes with it: what is unacknowledged, the heartbeat on its way, the end of the
// credentials that the registration brought.

/// Decides what the server link does.
struct LinkMachine: Sendable {
    enum Action: Equatable, Sendable {
        /// Then `passwordRead` or `passwordUnreadable`.
        case readPassword
        /// POST to this path; then `responded` or `requestFailed`.
        case request(path: String, JSONValue)
        case cancelRequest
        /// Then `webSocketOpened` or `webSocketFailed`.
        case openWebSocket(path: String)
        case send(WebSocketMessage)
        /// Close the WebSocket after what was sent before; `webSocketClosed` follows.
        case closeWebSocket
        /// Close it, and tell nothing more of it.
        case abandonWebSocket
        case report(LinkEvent)
        /// For the log: the server refused this event of ours.
        case logRefusal(SignalingError, event: String)
        /// For the log: an event of the server that nobody understands.
        case logUnreadable(String)
    }

    /// Who registers.
    struct Identity: Sendable {
        var kioskId: String
        var server: ServerAddress
        var hostname: String?
        var hasMicrophone: Bool
        /// Whether the service manager handed the password over at the start.
        var passwordIsOfTheStart: Bool
    }

    private struct Socket {
        var client: SocketIOClient
        var registration: AcknowledgementID?
        /// Crew events on their way, by the acknowledgement that will answer them.
        var deliveries: [AcknowledgementID: String] = [:]
        var clock = ClockMeasurement()
        /// When the credentials of the registration's TURN servers end, by the server's clock.
        var credentialsEnd: WallClock?
    }

    private enum Line {
        case none
        case request
        case socket(Socket)
        /// Goodbye has been said.
        case leaving(Socket?, until: Instant)
        case ended
    }

    static let goodbyeTime = Duration.seconds(2)

    private let identity: Identity
    private var connection: ConnectionMachine
    private var line: Line
    private var waiting: WaitingEvents
    private var status: KioskStatus
    private var actions: RingBuffer<Action>

    init(_ identity: Identity, random: RandomSource) {
        self.identity = identity
        connection = ConnectionMachine(
            kioskId: identity.kioskId, server: identity.server, passwordIsOfTheStart: identity.passwordIsOfTheStart,
            random: random)
        line = .none
        waiting = WaitingEvents()
        status = KioskStatus()
        actions = RingBuffer()
    }

    /// The next thing to do.
    mutating func pollAction() -> Action? { actions.popFirst() }

    /// Whether the thread may end: goodbye is said.
    var isFinished: Bool { if case .ended = line { true } else { false } }

    /// When `handleTimeout` is due.
    var nextTimeout: Instant? {
        let own: [Instant?] =
            switch line {
            case .none, .request, .ended: []
            case .socket(let socket): [socket.client.nextTimeout]
            case .leaving(let socket, let until): [socket?.client.nextTimeout, until]
            }
        return (own + [connection.nextTimeout]).compactMap(\.self).min()
    }

    mutating func started(now: Moment) { run(connection.started(now: now.instant), now: now) }

    // MARK: What the agent asks for

    /// - Parameter own: the address that the server is reached from; nil without a connection.
    mutating func handle(_ command: LinkCommand, own: IPAddress?, now: Moment) {
        switch command {
        case .send(let event):
            if connection.phase == .registered { emit(event, now: now) } else { waiting.append(event) }
        case .deliver(let event): deliver(event, now: now)
        case .status(let new):
            guard new != status else { return }
            status = new
            run(connection.statusChanged(now: now.instant), now: now)
        case .carried(let sessionIds): waiting.carriedSessions = sessionIds
        case .passwordFile: run(connection.credentialsChanged(now: now.instant), now: now)
        case .networkChanged(let usable):
            let isOwnGone = own.map { !usable.contains($0) } ?? false
            run(connection.networkChanged(isOwnAddressGone: isOwnGone, now: now.instant), now: now)
        case .stop: stop(now: now)
        }
    }

    private mutating func stop(now: Moment) {
        connection.stopped()
        switch line {
        case .none: line = .ended
        case .request:
            actions.append(.cancelRequest)
            line = .ended
        case .socket(let socket):
            line = .leaving(socket, until: now.instant + LinkMachine.goodbyeTime)
            withSocket { $0.client.disconnect(now: now.instant) }
            settle(now: now)
        case .leaving, .ended: break
        }
    }

    private mutating func deliver(_ event: CrewEvent, now: Moment) {
        guard connection.phase == .registered else { return }
        let sent = ClientEvent.crew(event)
        withSocket { socket in
            if let id = socket.client.emitForAcknowledgement(sent.name, sent.arguments, now: now.instant) {
                socket.deliveries[id] = event.eventId
            }
        }
        settle(now: now)
    }

    private mutating func emit(_ event: ClientEvent, now: Moment) {
        withSocket { $0.client.emit(event.name, event.arguments, now: now.instant) }
        settle(now: now)
    }

    // MARK: What HTTP says

    mutating func passwordRead(_ password: Redacted<String>, now: Moment) {
        request("/api/auth/login", LoginRequest(username: identity.kioskId, password: password).json)
    }

    mutating func passwordUnreadable(_ reason: String, now: Moment) {
        run(connection.passwordUnreadable(reason, now: now.instant), now: now)
    }

    mutating func requestFailed(_ failure: HTTPFailure, now: Moment) {
        guard case .request = line else { return }
        line = .none
        run(connection.failed(failure, now: now.instant), now: now)
    }

    mutating func responded(_ response: HTTPResponse, now: Moment) {
        guard case .request = line else { return }
        line = .none
        run(judge(response, now: now.instant), now: now)
    }

    private mutating func judge(_ response: HTTPResponse, now: Instant) -> ConnectionMachine.Action {
        let body = try? JSONValue(parsing: response.body)
        guard response.status == 200 else {
            let error = body.flatMap { try? SignalingError(httpBody: $0) }
            let retryAfter = response.headers["Retry-After"].flatMap(Int64.init).map { Duration.seconds(max(0, $0)) }
            return connection.requestRefused(response, error: error, retryAfter: retryAfter, now: now)
        }
        guard let body, let answer = try? LoginAnswer(json: body) else {
            return connection.answerUnreadable(response, now: now)
        }
        return connection.loggedIn(answer, now: now)
    }

    // MARK: What the WebSocket says

    mutating func webSocketOpened(now: Moment) {
        withSocket { $0.client.webSocketOpened(now: now.instant) }
        settle(now: now)
    }

    mutating func webSocketFailed(_ failure: HTTPFailure, now: Moment) {
        guard forgetSocket() else { return }
        run(connection.failed(failure, now: now.instant), now: now)
    }

    mutating func webSocketReceived(_ message: WebSocketMessage, now: Moment) {
        withSocket { $0.client.webSocketReceived(message, now: now.instant) }
        settle(now: now)
    }

    mutating func webSocketClosed(now: Moment) {
        withSocket { $0.client.webSocketClosed(now: now.instant) }
        settle(now: now)
        _ = forgetSocket()
    }

    /// False when there is none.
    private mutating func forgetSocket() -> Bool {
        switch line {
        case .none, .request, .ended, .leaving(nil, _): return false
        case .socket: line = .none
        case .leaving: line = .ended
        }
        return true
    }

    // MARK: Time

    mutating func handleTimeout(now: Moment) {
        if case .leaving(_, let until) = line, until <= now.instant { line = .ended }
        withSocket { socket in
            if let due = socket.client.nextTimeout, due <= now.instant { socket.client.handleTimeout(now: now.instant) }
        }
        settle(now: now)
        if let due = connection.nextTimeout, due <= now.instant {
            run(connection.timeoutReached(now: now.instant), now: now)
        }
    }

    // MARK: The Socket.IO client

    /// Nothing happens without a connection.
    private mutating func withSocket(_ body: (inout Socket) -> Void) {
        switch line {
        case .socket(var socket):
            // One reference to what the socket holds, so that nothing is copied.
            line = .none
            body(&socket)
            line = .socket(socket)
        case .leaving(.some(var socket), let until):
            line = .leaving(nil, until: until)
            body(&socket)
            line = .leaving(socket, until: until)
        case .none, .request, .leaving(nil, _), .ended: break
        }
    }

    /// Takes out what the client wants sent and what it has heard.
    private mutating func settle(now: Moment) {
        var heard: [SocketIOClient.Event] = []
        repeat {
            heard = []
            var wanted: [SocketIOClient.Action] = []
            withSocket { socket in
                while let action = socket.client.nextAction() { wanted.append(action) }
                if let event = socket.client.nextEvent() { heard.append(event) }
            }
            for action in wanted {
                switch action {
                case .send(let message): actions.append(.send(message))
                case .close: actions.append(.closeWebSocket)
                }
            }
            for event in heard { handle(event, now: now) }
        } while !heard.isEmpty
    }

    private mutating func handle(_ event: SocketIOClient.Event, now: Moment) {
        switch event {
        case .connected: run(connection.connected(now: now.instant), now: now)
        case .refused(let error): run(connection.connectRefused(error, now: now.instant), now: now)
        case .event(let event): received(event, now: now)
        case .acknowledged(let id, let arguments): acknowledged(id, arguments, now: now)
        case .disconnected(let reason): run(connection.disconnected(reason, now: now.instant), now: now)
        }
    }

    private mutating func received(_ event: SocketIOEvent, now: Moment) {
        let parsed: ServerEvent
        do {
            parsed = try ServerEvent(name: event.name, arguments: event.arguments)
        } catch {
            return actions.append(.logUnreadable(error.message))
        }
        switch parsed {
        case .kioskRegistered(_, let interval, let servers):
            withSocket { $0.credentialsEnd = servers.compactMap(\.credentialEnd).min() }
            run(connection.registered(heartbeatInterval: interval, now: now.instant), now: now)
            report(.server(parsed))
        case .heartbeatPong(let serverTime):
            run(connection.pongReceived(now: now.instant), now: now)
            ponged(serverTime, now: now)
        case .error(let error, let event): actions.append(.logRefusal(error, event: event))
        case .kioskList, .kioskOnline, .kioskOffline, .kioskStatus, .monitoringStartedForMonitor,
            .monitoringStartedForKiosk, .offer, .answer, .iceCandidate, .restartRequest, .sessionError, .crew,
            .monitoringStopped:
            report(.server(parsed))
        }
    }

    private mutating func ponged(_ serverTime: String, now: Moment) {
        guard let server = WallClock(text: serverTime) else { return }
        var offset: Duration?
        var end: WallClock?
        withSocket { socket in
            offset = socket.clock.answered(server, at: now.wall)
            end = socket.credentialsEnd
        }
        if let offset { report(.clockOffset(offset)) }
        if let end { connection.credentialsEnd(in: end - server, now: now.instant) }
    }

    private mutating func acknowledged(_ id: AcknowledgementID, _ arguments: [JSONValue], now: Moment) {
        guard let answer = try? Acknowledgement(arguments: arguments) else { return }
        var isRegistration = false
        var eventId: String?
        withSocket { socket in
            if id == socket.registration {
                socket.registration = nil
                isRegistration = true
            } else {
                eventId = socket.deliveries.removeValue(forKey: id)
            }
        }
        if let eventId { report(.crewAnswered(eventId: eventId, answer)) }
        if isRegistration, case .refused(let error, _) = answer {
            run(connection.registrationRefused(error, now: now.instant), now: now)
        }
    }

    // MARK: What the connection's machine wants

    private mutating func report(_ event: LinkEvent) { actions.append(.report(event)) }

    private mutating func run(_ action: ConnectionMachine.Action, now: Moment) {
        switch action {
        case .none: break
        case .logIn: if isClockSet(now: now) { actions.append(.readPassword) }
        case .refresh(let token):
            if isClockSet(now: now) { request("/api/auth/refresh", RefreshRequest(refreshToken: token).json) }
        case .open(let token): if isClockSet(now: now) { open(token, now: now) }
        case .register: register(now: now)
        case .announce:
            report(.phaseChanged(.registered))
            report(.registered)
            for event in waiting.takeAll() { emit(event, now: now) }
        case .sendHeartbeat:
            withSocket { $0.clock.asked(at: now.wall) }
            emit(.heartbeatPing(status), now: now)
        case .abandon(let trouble, let delay):
            close()
            report(.phaseChanged(.waiting(trouble, retryIn: delay)))
        }
    }

    /// Otherwise the attempt is put off.
    private mutating func isClockSet(now: Moment) -> Bool {
        guard identity.server.isSecure, now.wall < WallClock.earliestSane else { return true }
        run(connection.clockIsNotSet(now.wall, now: now.instant), now: now)
        return false
    }

    private mutating func request(_ path: String, _ body: JSONValue) {
        close()
        line = .request
        report(.phaseChanged(.connecting))
        actions.append(.request(path: path, body))
    }

    private mutating func open(_ token: Redacted<String>, now: Moment) {
        close()
        line = .socket(
            Socket(
                client: SocketIOClient(
                    SocketIOClientConfiguration(), auth: ["token": .string(token.unredacted)], now: now.instant)))
        report(.phaseChanged(.connecting))
        actions.append(.openWebSocket(path: "/socket.io/?\(SocketIOClient.query)"))
    }

    private mutating func close() {
        switch line {
        case .none, .ended, .leaving: return
        case .request: actions.append(.cancelRequest)
        case .socket: actions.append(.abandonWebSocket)
        }
        line = .none
    }

    private mutating func register(now: Moment) {
        let event = ClientEvent.registerKiosk(
            KioskRegistration(
                version: ProductVersion.text, hostname: identity.hostname,
                media: MediaAvailability(video: true, audio: identity.hasMicrophone),
                sessions: waiting.carriedSessions))
        withSocket { socket in
            socket.registration = socket.client.emitForAcknowledgement(
                event.name, event.arguments, now: now.instant)
        }
        settle(now: now)
    }
}
