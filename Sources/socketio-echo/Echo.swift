import HTTP
import HTTPTransport
import JSON
import Primitives
import SocketIO

/// The application that the protocols' conformance suites talk to, over the same code as the signaling server:
/// `/engine.io/` echoes every message; `/socket.io/` emits `auth`, answers `message`, acknowledges `message-with-ack`,
/// and forwards `msg` to a room for load programs.
final class Echo {
    private let server: HTTPServer
    private var engine: EngineIOServer
    private var socketIO: SocketIOServer
    private var engineConnections: Set<ConnectionID> = []
    private var pendingEngineRequests: Set<RequestID> = []
    private var namespaces: [SocketID: String] = [:]
    private var rooms: [String: [SocketID]] = [:]
    private var origins: [RequestID: String] = [:]

    init(port: UInt16, configuration: SocketIOServerConfiguration) throws {
        var transport = HTTPServerConfiguration(listen: [
            SocketAddress(address: .v4(0), port: port)
        ])
        transport.webSocketPaths = ["/engine.io", "/socket.io"]
        transport.maximumBodySize = configuration.maximumPayload
        transport.maximumMessageSize = configuration.maximumPayload
        server = try HTTPServer(transport)
        engine = EngineIOServer(configuration, random: .system)
        socketIO = SocketIOServer(configuration, random: .system)
    }

    var address: SocketAddress { server.addresses[0] }

    func run() -> Never {
        while true {
            let now = clockNow()
            engine.handleTimeout(now: now)
            socketIO.handleTimeout(now: now)
            drain(now: now)
            let next = [engine.nextTimeout, socketIO.nextTimeout].compactMap { $0 }.min()
            server.service(for: next.map { max(.zero, $0 - clockNow()) })
            while let event = server.nextEvent() { handle(event, now: clockNow()) }
        }
    }

    private func handle(_ event: HTTPServerEvent, now: Instant) {
        switch event {
        case .requestAnnounced(let request):
            let details = engineRequest(request)
            if request.path.hasPrefix("/engine.io") {
                engine.requestAnnounced(request.id, details)
            } else {
                socketIO.requestAnnounced(request.id, details, now: now)
            }
        case .request(let request): handle(request, now: now)
        case .requestAborted(let id):
            engine.requestAborted(id, now: now)
            socketIO.requestAborted(id, now: now)
            origins[id] = nil
        case .webSocketOpened(let id, let handshake):
            let opened = EngineIOHandshake(
                query: handshake.query, origin: handshake.headers["origin"], peer: handshake.peer)
            if handshake.path.hasPrefix("/engine.io") {
                engineConnections.insert(id)
                engine.webSocketOpened(id, opened, now: now)
            } else {
                socketIO.webSocketOpened(id, opened, now: now)
            }
        case .message(let id, let message):
            if engineConnections.contains(id) {
                engine.webSocketReceived(id, message, now: now)
            } else {
                socketIO.webSocketReceived(id, message, now: now)
            }
        case .webSocketClosed(let id, _):
            if engineConnections.remove(id) != nil {
                engine.webSocketClosed(id, now: now)
            } else {
                socketIO.webSocketClosed(id, now: now)
            }
        case .pieceWanted, .holdingsGrew, .woken: break
        }
        drain(now: now)
    }

    private func handle(_ request: HTTPRequest, now: Instant) {
        let isEngine = request.path == "/engine.io" || request.path == "/engine.io/"
        guard isEngine || request.path == "/socket.io" || request.path == "/socket.io/" else {
            return server.respond(to: request.id, HTTPResponse(status: 404))
        }
        origins[request.id] = request.headers["origin"] ?? "*"
        let details = engineRequest(request)
        if details.method == .options {
            return respond(request.id, HTTPResponse(status: 204))
        }
        if isEngine {
            engine.requestReceived(request.id, details, now: now)
        } else {
            socketIO.requestReceived(request.id, details, now: now)
        }
    }

    private func engineRequest(_ request: HTTPRequest) -> EngineIORequest {
        EngineIORequest(
            method: request.method == .get
                ? .get : request.method == .post ? .post : request.method == .options ? .options : .other,
            handshake: EngineIOHandshake(
                query: request.query, origin: request.headers["origin"], peer: request.peer),
            contentType: request.headers["content-type"], body: request.body)
    }

    private func respond(_ id: RequestID, _ response: HTTPResponse) {
        var response = response
        response.headers += [
            HTTPHeader("Access-Control-Allow-Origin", origins.removeValue(forKey: id) ?? "*"),
            HTTPHeader("Access-Control-Allow-Credentials", "true"),
            HTTPHeader("Access-Control-Allow-Headers", "content-type"),
            HTTPHeader("Cache-Control", "no-store"),
        ]
        server.respond(to: id, response)
    }

    private func drain(now: Instant) {
        while let event = engine.nextEvent() {
            if case .message(let session, let message) = event { engine.send(message, to: session) }
        }
        while let event = socketIO.nextEvent() { handle(event, now: now) }
        while let action = engine.nextAction() ?? socketIO.nextAction() {
            switch action {
            case .send(let id, let message): server.send(message, on: id)
            case .close(let id): server.close(id, code: .normal)
            case .widen: break
            case .respond(let id, let answer):
                respond(
                    id,
                    HTTPResponse(
                        status: answer.status, headers: [HTTPHeader("Content-Type", answer.contentType)],
                        body: answer.body))
            }
        }
    }

    private func handle(_ event: SocketIOServer.Event, now: Instant) {
        switch event {
        case .connecting(let socket, let request):
            namespaces[socket] = request.namespace
            socketIO.accept(socket, now: now)
            socketIO.emit("auth", [request.auth ?? [:]], to: socket, now: now)
        case .disconnected(let socket, _):
            namespaces[socket] = nil
            for (room, members) in rooms where members.contains(socket) {
                let rest = members.filter { $0 != socket }
                rooms[room] = rest.isEmpty ? nil : rest
            }
        case .acknowledged: break
        case .event(let socket, let event):
            guard namespaces[socket] == "/" else { return }
            switch event.name {
            case "message": socketIO.emit("message-back", event.arguments, to: socket, now: now)
            case "message-with-ack":
                guard let id = event.acknowledgement else { return }
                socketIO.acknowledge(id, event.arguments, to: socket, now: now)
            case "join":
                if let room = event.arguments.first?.string { rooms[room, default: []].append(socket) }
                if let id = event.acknowledgement { socketIO.acknowledge(id, [true], to: socket, now: now) }
            case "msg":
                guard let room = event.arguments.first?["to"]?.string, let members = rooms[room] else { return }
                for member in members where member != socket {
                    socketIO.emit("msg", event.arguments, to: member, now: now)
                }
            default: break
            }
        }
    }
}
