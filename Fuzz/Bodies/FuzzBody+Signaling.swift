import JSON
import Primitives
import Signaling
import SocketIO

/// What parses as JSON is written and parsed again to the same value.
func fuzzJSON(_ input: [UInt8]) {
    guard let value = try? JSONValue(parsing: input) else { return }
    precondition((try? JSONValue(parsing: value.jsonText)) == value, "json: a round trip changed the value")
}

/// A client that connects and then sends the input's packets, divided as in a long-polling body, over a WebSocket.
/// Whatever it sends, silence ends its session.
func fuzzSocketIO(_ input: [UInt8]) {
    var configuration = SocketIOServerConfiguration()
    configuration.recoveryWindow = .seconds(60)
    var server = SocketIOServer(configuration, random: .seeded(1))
    var now = Instant.zero
    let connection = ConnectionID(rawValue: 1)
    let query = [QueryItem(name: "EIO", value: "4"), QueryItem(name: "transport", value: "websocket")]
    server.webSocketOpened(connection, EngineIOHandshake(query: query), now: now)
    for record in input.split(separator: 0x1E, omittingEmptySubsequences: false).prefix(64) {
        let message: WebSocketMessage =
            record.first == UInt8(ascii: "b") ? .binary(Array(record.dropFirst())) : .text(Array(record))
        server.webSocketReceived(connection, message, now: now)
        while server.nextAction() != nil {}
        while let event = server.nextEvent() {
            switch event {
            case .connecting(let socket, _): server.accept(socket, now: now)
            case .event(let socket, let event):
                server.emit("echo", event.arguments, to: socket, now: now)
                if let id = event.acknowledgement { server.acknowledge(id, event.arguments, to: socket, now: now) }
            case .acknowledged, .disconnected: break
            }
        }
        now += .milliseconds(10)
    }
    while let next = server.nextTimeout {
        precondition(next > now, "socket.io: a deadline that is not in the future")
        now = next
        server.handleTimeout(now: now)
    }
    precondition(server.sessionCount == 0, "engine.io: a session outlived its silence")
    precondition(server.socketCount == 0, "socket.io: a socket outlived its session")
}

/// A payload offered as every event of both directions: a refusal, or an event that is written and read again the same.
func fuzzSignaling(_ input: [UInt8]) {
    guard let payload = try? JSONValue(parsing: input) else { return }
    for kind in ClientEvent.Kind.allCases {
        guard let event = try? ClientEvent(name: kind.rawValue, arguments: [payload]) else { continue }
        let again = try? ClientEvent(name: event.name, arguments: event.arguments)
        precondition(again == event, "signaling: a round trip changed the event")
    }
    for kind in ServerEvent.Kind.allCases {
        guard let event = try? ServerEvent(name: kind.rawValue, arguments: [payload]) else { continue }
        let again = try? ServerEvent(name: event.name, arguments: event.arguments)
        precondition(again == event, "signaling: a round trip changed the event")
    }
}
