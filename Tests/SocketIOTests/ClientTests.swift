import JSON
import Primitives
import SocketIO
import Testing

@Suite struct SocketIOClientTests {
    private let open: WebSocketMessage =
        "0{\"sid\":\"a\",\"upgrades\":[],\"pingInterval\":25000,\"pingTimeout\":20000,\"maxPayload\":1000000}"

    private func actions(_ client: inout SocketIOClient) -> [String] {
        var lines: [String] = []
        while let action = client.nextAction() {
            switch action {
            case .send(let message): lines.append("send \(message.description)")
            case .close: lines.append("close")
            }
        }
        return lines
    }

    private func connected() -> SocketIOClient {
        var client = SocketIOClient(SocketIOClientConfiguration(), auth: ["token": "t"], now: .zero)
        client.webSocketOpened(now: .zero)
        client.webSocketReceived(open, now: .zero)
        client.webSocketReceived("40{\"sid\":\"s\"}", now: .zero)
        while client.nextAction() != nil {}
        while client.nextEvent() != nil {}
        return client
    }

    @Test func connects() {
        var client = SocketIOClient(SocketIOClientConfiguration(), auth: ["token": "t"], now: .zero)
        client.webSocketOpened(now: .zero)
        #expect(client.nextTimeout == .zero + .seconds(20))
        #expect(client.emit("early", [], now: .zero) == false)
        client.webSocketReceived(open, now: .zero)
        #expect(actions(&client) == ["send 40{\"token\":\"t\"}"])
        client.webSocketReceived("40{\"sid\":\"s\"}", now: .zero)
        #expect(client.nextEvent() == .connected(sid: "s"))
        #expect(client.isConnected)
        #expect(client.nextTimeout == .zero + .seconds(45))
        #expect(client.emit("hello", [1], now: .zero) == true)
        #expect(client.emitForAcknowledgement("ask", [], now: .zero) == AcknowledgementID(rawValue: 0))
        #expect(client.emitForAcknowledgement("ask", [], now: .zero) == AcknowledgementID(rawValue: 1))
        #expect(actions(&client) == ["send 42[\"hello\",1]", "send 420[\"ask\"]", "send 421[\"ask\"]"])
        client.webSocketReceived("431[{\"ok\":true}]", now: .zero)
        #expect(client.nextEvent() == .acknowledged(AcknowledgementID(rawValue: 1), [["ok": true]]))
        client.webSocketReceived("431[]", now: .zero)
        client.webSocketReceived("439[]", now: .zero)
        #expect(client.nextEvent() == nil)
    }

    @Test func refusal() {
        var client = SocketIOClient(SocketIOClientConfiguration(), auth: nil, now: .zero)
        client.webSocketOpened(now: .zero)
        client.webSocketReceived(open, now: .zero)
        #expect(actions(&client) == ["send 40"])
        client.webSocketReceived("44{\"message\":\"no\",\"data\":{\"code\":\"token-missing\"}}", now: .zero)
        #expect(client.nextEvent() == .refused(ConnectError(message: "no", data: ["code": "token-missing"])))
        #expect(actions(&client) == ["close"])
        client.webSocketClosed(now: .zero)
        #expect(client.nextEvent() == nil)
    }

    @Test func answersPingsAndExpectsThem() {
        var client = connected()
        let later = Instant.zero + .seconds(40)
        client.webSocketReceived("2", now: later)
        #expect(actions(&client) == ["send 3"])
        #expect(client.nextTimeout == later + .seconds(45))
        client.handleTimeout(now: later + .seconds(45))
        #expect(client.nextEvent() == .disconnected(.pingTimeout))
        #expect(actions(&client) == ["close"])
        #expect(client.nextTimeout == nil)
    }

    @Test func silentServerInTheHandshake() {
        var client = SocketIOClient(SocketIOClientConfiguration(), auth: nil, now: .zero)
        client.webSocketOpened(now: .zero)
        client.webSocketReceived(open, now: .zero)
        client.webSocketReceived("2", now: .zero)
        client.handleTimeout(now: .zero + .seconds(20))
        #expect(client.nextEvent() == .disconnected(.pingTimeout))
    }

    @Test(arguments: [
        "0", "0{}", "0[]", "0{\"pingInterval\":0,\"pingTimeout\":1}", "0{\"pingInterval\":1e300,\"pingTimeout\":1}",
        "0{\"pingInterval\":25000,\"pingTimeout\":-1}", "", "9", "4hello",
    ]) func badHandshakes(text: String) {
        var client = SocketIOClient(SocketIOClientConfiguration(), auth: nil, now: .zero)
        client.webSocketOpened(now: .zero)
        client.webSocketReceived(WebSocketMessage(stringLiteral: text), now: .zero)
        #expect(client.nextEvent() == .disconnected(.protocolError))
        #expect(actions(&client) == ["close"])
    }

    @Test(arguments: ["4", "42", "42[]", "4x", "451-[\"a\"", "8"]) func badPackets(text: String) {
        var client = connected()
        client.webSocketReceived(WebSocketMessage(stringLiteral: text), now: .zero)
        if text.hasPrefix("451-") { client.webSocketReceived(.binary([1]), now: .zero) }
        #expect(client.nextEvent() == .disconnected(.protocolError))
        #expect(actions(&client) == ["close"])
        #expect(client.emit("late", [], now: .zero) == false)
    }

    @Test func otherWaysToEnd() {
        var left = connected()
        left.webSocketReceived("41", now: .zero)
        #expect(left.nextEvent() == .disconnected(.left))
        var lost = connected()
        lost.webSocketClosed(now: .zero)
        #expect(lost.nextEvent() == .disconnected(.transportClosed))
        #expect(lost.nextAction() == nil)
        var ended = connected()
        ended.disconnect(now: .zero)
        #expect(actions(&ended) == ["send 41", "close"])
        ended.webSocketClosed(now: .zero)
        #expect(ended.nextEvent() == nil)
    }

    /// The machine of one role against the machine of the other.
    @Test func clientAgainstServer() throws {
        var harness = ServerHarness()
        var client = SocketIOClient(SocketIOClientConfiguration(), auth: ["token": "t"], now: .zero)
        let connection = harness.openWebSocket("EIO=4&transport=websocket")
        client.webSocketOpened(now: .zero)
        func exchange() {
            var moved = true
            while moved {
                moved = false
                while let action = harness.server.nextAction() {
                    moved = true
                    if case .send(_, let message) = action { client.webSocketReceived(message, now: harness.now) }
                }
                while let action = client.nextAction() {
                    moved = true
                    if case .send(let message) = action { harness.receive(message, on: connection) }
                }
            }
        }
        exchange()
        guard case .connecting(let socket, let request)? = harness.events().first else { throw Failure("no CONNECT") }
        #expect(request.auth == ["token": "t"])
        harness.server.accept(socket, now: harness.now)
        exchange()
        #expect(client.nextEvent() == .connected(sid: request.sid))
        let arguments: [JSONValue] = ["naïve ✓", 1.5, nil, ["deep": [.binary([0, 255]), "\"\\\u{0}"]], .binary([])]
        _ = client.emitForAcknowledgement("there", arguments, now: .zero)
        exchange()
        let id = AcknowledgementID(rawValue: 0)
        #expect(
            harness.events() == [
                .event(socket, SocketIOEvent(name: "there", arguments: arguments, acknowledgement: id))
            ])
        harness.server.acknowledge(id, arguments, to: socket, now: harness.now)
        harness.server.emit("back", arguments, to: socket, now: harness.now)
        exchange()
        #expect(client.nextEvent() == .acknowledged(id, arguments))
        #expect(client.nextEvent() == .event(SocketIOEvent(name: "back", arguments: arguments)))
        for _ in 0..<20 {
            harness.advance(.seconds(10))
            exchange()
            client.handleTimeout(now: harness.now)
        }
        #expect(client.isConnected)
        #expect(harness.server.sessionCount == 1)
    }
}
