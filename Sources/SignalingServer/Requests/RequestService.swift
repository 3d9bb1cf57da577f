internal import HTTP
internal import HTTPTransport
internal import Primitives
internal import Reactor
internal import Service
internal import SocketIO

/// Takes every request through the gate to the part that answers it.
final class RequestService {
    /// What only the loop can answer.
    enum Probe {
        case readiness(RequestID)
        case metrics(RequestID)
    }

    private let responses: Responses
    private let sockets: SocketService
    private let api: API
    private let log: Log
    private var gate: RequestGate

    init(_ gate: RequestGate, _ responses: Responses, _ sockets: SocketService, _ api: API, _ log: Log) {
        self.gate = gate
        self.responses = responses
        self.sockets = sockets
        self.api = api
        self.log = log
    }

    func announced(_ request: HTTPRequest, now: Moment) {
        guard RequestGate.isEngine(request.path) else { return }
        sockets.requestAnnounced(request, from: gate.clientAddress(request.peer, request.headers), now: now)
    }

    func received(_ request: HTTPRequest, now: Moment) -> Probe? {
        if let proxy = gate.proxyToName(request) {
            log.warning(
                "requests come through a proxy at \(proxy) that proxy.trusted does not name: "
                    + "all its clients count as one address")
        }
        responses.arrived(request)
        let client = gate.clientAddress(request.peer, request.headers)
        switch gate.admit(request, now: now.instant) {
        case .answered(let response): responses.respond(to: request.id, response)
        case .engine: sockets.requestReceived(request, from: client, now: now)
        case .api: api.handle(request, from: client.address, now: now)
        case .health: responses.respond(to: request.id, .text(200, "ok\n"))
        case .readiness: return .readiness(request.id)
        case .metrics: return .metrics(request.id)
        case .file:
            if let file = ConsoleFiles.response(to: request.path, request.headers) {
                responses.respond(to: request.id, file, isShared: true)
            } else {
                responses.respond(to: request.id, .nothingHere)
            }
        }
        return nil
    }

    func webSocketOpened(_ id: ConnectionID, _ handshake: WebSocketHandshake, now: Moment) {
        let client = gate.clientAddress(handshake.peer, handshake.headers)
        sockets.webSocketOpened(id, handshake, from: client, now: now)
    }
}
