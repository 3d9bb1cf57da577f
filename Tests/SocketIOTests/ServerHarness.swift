import JSON
import Primitives
import SocketIO
import Testing

/// A `SocketIOServer` in virtual time whose transcript reads as what a client sends and gets.
struct ServerHarness {
    var server: SocketIOServer
    var now = Instant.zero
    private var lastIdentifier: UInt64 = 0
    private(set) var closed: Set<ConnectionID> = []
    /// Whose messages may be long.
    private(set) var widened: Set<ConnectionID> = []

    init(_ configure: (inout SocketIOServerConfiguration) -> Void = { _ in }) {
        var configuration = SocketIOServerConfiguration()
        configuration.namespaces = ["/", "/admin"]
        configure(&configuration)
        server = SocketIOServer(configuration, random: .seeded(1))
    }

    /// What the machine wants done, as text: `send 1 …`, `close 1`, `respond 2 200 …`.
    mutating func actions() -> [String] {
        var lines: [String] = []
        while let action = server.nextAction() {
            switch action {
            case .send(let id, let message): lines.append("send \(id.rawValue) \(message.description)")
            case .close(let id):
                closed.insert(id)
                lines.append("close \(id.rawValue)")
            case .widen(let id): widened.insert(id)
            case .respond(let id, let response):
                lines.append(
                    "respond \(id.rawValue) \(response.status) \(String(decoding: response.body, as: UTF8.self))")
            }
        }
        return lines
    }

    mutating func events() -> [SocketIOServer.Event] {
        var all: [SocketIOServer.Event] = []
        while let event = server.nextEvent() { all.append(event) }
        return all
    }

    mutating func advance(_ duration: Duration) {
        let end = now + duration
        while let next = server.nextTimeout, next <= end {
            now = max(now, next)
            server.handleTimeout(now: now)
            if let again = server.nextTimeout { #expect(again > now, "a deadline that is not in the future") }
        }
        now = end
    }

    static func query(_ text: String) -> EngineIOHandshake {
        EngineIOHandshake(
            query: text.split(separator: "&").map { item in
                let parts = item.split(separator: "=", maxSplits: 1)
                return QueryItem(name: String(parts[0]), value: parts.count > 1 ? String(parts[1]) : "")
            })
    }

    mutating func openWebSocket(
        _ query: String = "EIO=4&transport=websocket", from peer: SocketAddress? = nil
    ) -> ConnectionID {
        lastIdentifier += 1
        let id = ConnectionID(rawValue: lastIdentifier)
        var handshake = ServerHarness.query(query)
        handshake.peer = peer
        server.webSocketOpened(id, handshake, now: now)
        return id
    }

    mutating func receive(_ message: WebSocketMessage, on id: ConnectionID) {
        server.webSocketReceived(id, message, now: now)
    }

    mutating func request(
        _ method: EngineIORequest.Method, _ query: String, _ body: String = "", type: String? = nil,
        from peer: SocketAddress? = nil
    ) -> RequestID {
        lastIdentifier += 1
        let id = RequestID(rawValue: lastIdentifier)
        var handshake = ServerHarness.query(query)
        handshake.peer = peer
        server.requestReceived(
            id, EngineIORequest(method: method, handshake: handshake, contentType: type, body: bytes(body)), now: now)
        return id
    }

    /// A POST whose body is on its way.
    mutating func announce(_ query: String) -> RequestID {
        lastIdentifier += 1
        let id = RequestID(rawValue: lastIdentifier)
        server.requestAnnounced(id, EngineIORequest(method: .post, handshake: ServerHarness.query(query)), now: now)
        return id
    }

    /// The body is here.
    mutating func complete(_ id: RequestID, _ query: String, _ body: String) {
        server.requestReceived(
            id, EngineIORequest(method: .post, handshake: ServerHarness.query(query), body: bytes(body)), now: now)
    }

    /// A WebSocket client whose socket in `/` has been accepted.
    mutating func connectedWebSocket() -> (connection: ConnectionID, socket: SocketID) {
        let connection = openWebSocket()
        receive("40", on: connection)
        guard case .connecting(let socket, _)? = events().first else { preconditionFailure("no CONNECT") }
        server.accept(socket, now: now)
        _ = actions()
        return (connection, socket)
    }

    /// A polling session; its session id.
    mutating func polling() -> String {
        let id = request(.get, "EIO=4&transport=polling")
        let line = actions().first ?? ""
        #expect(line.hasPrefix("respond \(id.rawValue) 200 0{\"sid\":\""))
        return String(line.split(separator: "\"", omittingEmptySubsequences: false)[3])
    }
}
