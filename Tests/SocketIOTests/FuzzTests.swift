import JSON
import Primitives
import SocketIO
import Testing

/// What libFuzzer runs long and this suite briefly: no input may trap, loop or leave a session behind.
enum FuzzBodies {
    /// JSON text: what parses must write and parse again as the same value.
    static func json(_ input: [UInt8]) {
        guard let value = try? JSONValue(parsing: input) else { return }
        precondition((try? JSONValue(parsing: value.jsonText)) == value, "json: a round trip changed the value")
    }

    /// An Engine.IO payload of Socket.IO packets.
    static func payload(_ input: [UInt8]) {
        var decoder = SocketIODecoder()
        guard let packets = try? EngineIOPayload.decode(input) else { return }
        for packet in packets {
            switch packet {
            case .message(let text):
                if let packet = try? decoder.decode(text: text) { _ = packet.encoded() }
            case .binary(let bytes):
                if let packet = try? decoder.decode(attachment: bytes) { _ = packet.encoded() }
            case .open, .close, .ping, .pong, .upgrade, .noop: break
            }
        }
    }

    /// A sequence of operations against a server, one per pair of bytes.
    static func operations(_ input: [UInt8]) {
        var harness = ServerHarness {
            $0.maximumPayload = 2000
            $0.maximumPollingBacklog = 5000
        }
        var connections: [ConnectionID] = []
        var sids: [String] = []
        var polls: [RequestID] = []
        var sockets: [SocketID] = []
        let texts = [
            "40", "40/admin,", "41", "42[\"a\",1]", "421[\"b\"]", "430[]",
            "451-[\"c\",{\"_placeholder\":true,\"num\":0}]",
            "2", "3", "2probe", "5", "1", "6", "4", "40{}", "bAQI=",
        ]
        var index = 0
        func next() -> Int {
            defer { index += 1 }
            return index < input.count ? Int(input[index]) : 0
        }
        while index < input.count {
            let (operation, value) = (next() % 12, next())
            let connection = connections.isEmpty ? ConnectionID(rawValue: 0) : connections[value % connections.count]
            let sid = sids.isEmpty ? "none" : sids[value % sids.count]
            let socket = sockets.isEmpty ? SocketID(rawValue: 0) : sockets[value % sockets.count]
            switch operation {
            case 0: connections.append(harness.openWebSocket())
            case 1: connections.append(harness.openWebSocket("EIO=4&transport=websocket&sid=\(sid)"))
            case 2: harness.receive(WebSocketMessage(stringLiteral: texts[value % texts.count]), on: connection)
            case 3: harness.receive(.binary([UInt8](repeating: 1, count: value)), on: connection)
            case 4: harness.server.webSocketClosed(connection, now: harness.now)
            case 5:
                polls.append(harness.request(.get, "EIO=4&transport=polling" + (value % 3 == 0 ? "" : "&sid=\(sid)")))
            case 6: _ = harness.request(.post, "EIO=4&transport=polling&sid=\(sid)", texts[value % texts.count])
            case 7: if let poll = polls.popLast() { harness.server.requestAborted(poll, now: harness.now) }
            case 8: harness.advance(.milliseconds(value * 200))
            case 9:
                harness.server.emit(
                    "e", [.string(String(repeating: "x", count: value * 4))], to: socket, now: harness.now)
            case 10: harness.server.disconnect(socket, closingTransport: value.isMultiple(of: 2), now: harness.now)
            default: harness.server.acknowledge(AcknowledgementID(rawValue: value), [], to: socket, now: harness.now)
            }
            for line in harness.actions() where line.contains(" 0{\"sid\":\"") {
                sids.append(String(line.split(separator: "\"", omittingEmptySubsequences: false)[3]))
            }
            for event in harness.events() {
                guard case .connecting(let socket, _) = event else { continue }
                sockets.append(socket)
                if value.isMultiple(of: 5) {
                    harness.server.refuse(socket, ConnectError(message: "no"), now: harness.now)
                } else {
                    harness.server.accept(socket, now: harness.now)
                }
            }
        }
        // Whatever happened, silence ends every session.
        harness.advance(.seconds(200))
        precondition(harness.server.sessionCount == 0, "engine.io: a session outlived its silence")
        precondition(harness.server.socketCount == 0, "socket.io: a socket outlived its session")
    }
}

@Suite struct FuzzTests {
    @Test func jsonByMutation() {
        var random = RandomSource.seeded(7)
        let seeds = [
            "{\"a\":[1,2.5e3,\"x\\u00e9\\ud83d\\ude86\",null,true],\"b\":{\"c\":\"\"}}", "[[[[]]]]", "\"\\\\\\\"\"",
            "-0.1e-7",
        ]
        for _ in 0..<3000 {
            var text = bytes(seeds.randomElement(using: &random)!)
            for _ in 0..<Int.random(in: 1...4, using: &random) where !text.isEmpty {
                let at = Int.random(in: 0..<text.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: text[at] = UInt8.random(in: 0...255, using: &random)
                case 1: text.remove(at: at)
                default: text.insert(text[Int.random(in: 0..<text.count, using: &random)], at: at)
                }
            }
            FuzzBodies.json(text)
        }
    }

    @Test func payloadsByMutation() {
        var random = RandomSource.seeded(8)
        let seeds = [
            "40{\"token\":\"x\"}\u{1E}42[\"a\",1]",
            "452-/admin,12[\"a\",{\"_placeholder\":true,\"num\":1},{\"_placeholder\":true,\"num\":0}]\u{1E}bAQI=\u{1E}bAw==",
            "43/x,1[]\u{1E}2probe\u{1E}5",
        ]
        for _ in 0..<3000 {
            var text = bytes(seeds.randomElement(using: &random)!)
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                text[Int.random(in: 0..<text.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            FuzzBodies.payload(text)
        }
    }

    @Test func randomBytes() {
        var random = RandomSource.seeded(9)
        for _ in 0..<2000 {
            let input = (0..<Int.random(in: 0...60, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            FuzzBodies.json(input)
            FuzzBodies.payload(input)
        }
    }

    @Test func operationSequences() {
        var random = RandomSource.seeded(10)
        for _ in 0..<300 {
            FuzzBodies.operations((0..<200).map { _ in UInt8.random(in: 0...255, using: &random) })
        }
    }
}
