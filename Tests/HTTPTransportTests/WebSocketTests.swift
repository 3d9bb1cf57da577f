import HTTP
import HTTPTransport
import Primitives
import Testing

@Suite struct WebSocketTests {
    /// Both ends of an open WebSocket.
    private func open(_ loop: Loopback, path: String = "/socket.io/?EIO=4&transport=websocket") throws -> (
        server: ConnectionID, client: ConnectionID
    ) {
        let client = loop.client.openWebSocket(url: loop.url(path, scheme: "ws"))
        guard case .webSocketOpened(let server, let handshake)? = loop.nextServerEvent() else {
            throw Failure("the server heard of no WebSocket")
        }
        #expect(handshake.path == "/socket.io/")
        #expect(handshake.query.first == QueryItem(name: "EIO", value: "4"))
        guard case .webSocketOpened(client)? = loop.nextClientEvent() else {
            throw Failure("the client's WebSocket did not open")
        }
        return (server, client)
    }

    @Test func messagesArriveWholeAndInOrder() throws {
        let loop = try Loopback()
        let (server, client) = try open(loop)
        let large = [UInt8](repeating: UInt8(ascii: "x"), count: 70_000)
        let messages: [WebSocketMessage] = [
            .text(Array("2probe".utf8)), .binary([0, 1, 255]), .text(large), .binary(large), .text([]), .binary([]),
            .text(Array("naïve ✓".utf8)),
        ]
        for message in messages { #expect(loop.client.send(message, on: client)) }
        for message in messages {
            guard case .message(server, let received)? = loop.nextServerEvent() else { throw Failure("no message") }
            #expect(received == message)
        }
        for message in messages { #expect(loop.server.send(message, on: server)) }
        for message in messages {
            guard case .message(client, let received)? = loop.nextClientEvent() else { throw Failure("no message") }
            #expect(received == message)
        }
    }

    @Test func serverClosesBehindItsLastMessage() throws {
        let loop = try Loopback()
        let (server, client) = try open(loop)
        loop.server.send(.text(Array("bye".utf8)), on: server)
        loop.server.close(server, code: .goingAway)
        #expect(!loop.server.send(.text([]), on: server))
        guard case .message(client, .text(Array("bye".utf8)))? = loop.nextClientEvent() else { throw Failure("no bye") }
        guard case .webSocketClosed(client, .goingAway)? = loop.nextClientEvent() else { throw Failure("no close") }
        guard case .webSocketClosed(server, .goingAway)? = loop.nextServerEvent() else { throw Failure("no close") }
        #expect(loop.until { loop.server.connectionCount == 0 ? true : nil } == true)
    }

    @Test func clientCloses() throws {
        let loop = try Loopback()
        let (server, client) = try open(loop)
        loop.client.close(client, code: .normal)
        guard case .webSocketClosed(server, .normal)? = loop.nextServerEvent() else { throw Failure("no close") }
        guard case .webSocketClosed(client, .normal)? = loop.nextClientEvent() else { throw Failure("no close") }
    }

    @Test func messageAboveTheLimitCloses() throws {
        let loop = try Loopback { $0.maximumMessageSize = 10_000 }
        let (server, client) = try open(loop)
        loop.client.send(.binary([UInt8](repeating: 0, count: 10_000)), on: client)
        guard case .message(server, _)? = loop.nextServerEvent() else { throw Failure("no message") }
        loop.client.send(.binary([UInt8](repeating: 0, count: 10_001)), on: client)
        guard case .webSocketClosed(server, .messageTooBig)? = loop.nextServerEvent() else { throw Failure("no close") }
        guard case .webSocketClosed(client, .messageTooBig)? = loop.nextClientEvent() else { throw Failure("no close") }
    }

    @Test func clientThatDoesNotReadIsClosed() throws {
        let loop = try Loopback { $0.maximumPendingBytes = 100_000 }
        let (server, _) = try open(loop)
        let piece = WebSocketMessage.binary([UInt8](repeating: 0, count: 60_000))
        #expect(loop.server.send(piece, on: server))
        #expect(loop.server.pendingBytes(on: server) == 60_000)
        #expect(!loop.server.send(piece, on: server))
        guard case .webSocketClosed(server, .policyViolation)? = loop.nextServerEvent() else {
            throw Failure("no close")
        }
        #expect(!loop.server.send(piece, on: server))
        #expect(loop.server.slowClientCount == 1, "one that is gone is not slow")
    }

    @Test func aMessageGoesOutInOnePiece() throws {
        let loop = try Loopback()
        let raw = try #require(RawSocket(loop.server.addresses[0]))
        raw.send(
            "GET /socket.io/ HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
        guard case .webSocketOpened(let server, _)? = loop.nextServerEvent() else { throw Failure("not opened") }
        #expect(loop.until { raw.receive().text.contains("\r\n\r\n") ? true : nil } == true)
        loop.server.send(.text([UInt8](repeating: UInt8(ascii: "x"), count: 12_000)), on: server)
        let first = loop.until { () -> Int? in
            let count = raw.receive().text.utf8.count(where: { $0 == UInt8(ascii: "x") })
            return count > 0 ? count : nil
        }
        #expect(first == 12_000)
    }

    @Test func otherPathsAreRefused() throws {
        let loop = try Loopback()
        let client = loop.client.openWebSocket(url: loop.url("/other", scheme: "ws"))
        guard case .webSocketFailed(client, .upgradeRefused(status: 404))? = loop.nextClientEvent() else {
            throw Failure("not refused")
        }
    }

    @Test func nothingListensThere() throws {
        let loop = try Loopback()
        let client = loop.client.openWebSocket(url: "ws://127.0.0.1:1/socket.io/")
        guard case .webSocketFailed(client, .cannotConnect)? = loop.nextClientEvent() else {
            throw Failure("not refused")
        }
    }

    @Test func headersReachTheServer() throws {
        let loop = try Loopback()
        _ = loop.client.openWebSocket(
            url: loop.url("/socket.io/?EIO=4", scheme: "ws"), headers: [HTTPHeader("Authorization", "Bearer abc")])
        guard case .webSocketOpened(_, let handshake)? = loop.nextServerEvent() else { throw Failure("not opened") }
        #expect(handshake.headers["authorization"] == "Bearer abc")
    }
}

struct Failure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
