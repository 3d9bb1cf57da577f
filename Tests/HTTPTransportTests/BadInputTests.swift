import HTTP
import HTTPTransport
import Primitives
import Testing

/// What no proper client sends is answered by name or closed, and costs nobody else anything.
@Suite struct BadInputTests {
    @Test(arguments: [
        ("TRACE / HTTP/1.1\r\nHost: x\r\n\r\n", "405"), ("BREW /pot HTTP/1.1\r\nHost: x\r\n\r\n", "405"),
        ("PROPFIND / HTTP/1.1\r\nHost: x\r\n\r\n", "405"), ("hello\r\n\r\n", "400"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "400"), ("\u{16}\u{3}\u{1}\u{0}x\u{1}\u{0}", "400"),
        ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\nxxx", "413"),
        ("GET /%FF HTTP/1.1\r\nHost: x\r\n\r\n", "400"), ("GET /?a=1&kioskId=%FF HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
        ("GET /a/%C3%28 HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
        (
            "GET /socket.io/?token=%FF HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n", "400"
        ),
        ("POST / HTTP/1.1\r\nHost: x\r\n\r\n", "411"),
        ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "501"),
        (
            "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
            "400"
        ),
        ("GET /?a=%zz HTTP/1.1\r\nHost: x\r\n\r\n", "400"), ("GET / HTTP/1.1\n\n", "400"),
        ("GET / HTTP/1.1\r\n\r\n", "400"), ("GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: x\r\nExpect: tea\r\n\r\n", "417"),
        ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n", "400"),
        ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5x\r\n\r\n", "400"),
        ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef", "400"),
    ])
    func strangeRequestsAreNamed(request: String, status: String) throws {
        let loop = try Loopback()
        let answer = try #require(loop.answer(to: request))
        #expect(answer.hasPrefix("HTTP/1.1 \(status) "), "\(answer)")
        #expect(answer.contains("Content-Type: application/json"))
        #expect(answer.contains("{\"error\":{\"code\":\""))
        #expect(loop.until { loop.server.connectionCount == 0 ? true : nil } == true)
        #expect(!loop.hasEvents, "nobody above sees it")
    }

    @Test(arguments: [
        ("GET / HTTP/1.1\r\nHost: x\r\nX-Long: \(String(repeating: "a", count: 20_000))\r\n\r\n", "431"),
        ("GET /\(String(repeating: "a", count: 9000)) HTTP/1.1\r\nHost: x\r\n\r\n", "414"),
        ("GET / HTTP/1.1\r\nHost: x\r\n\((0..<300).map { "X-\($0): a\r\n" }.joined())\r\n", "431"),
    ])
    func aHeadThatIsTooLargeIsNamed(request: String, status: String) throws {
        let loop = try Loopback()
        let answer = try #require(loop.answer(to: request))
        #expect(answer.hasPrefix("HTTP/1.1 \(status) "), "\(answer)")
        #expect(answer.contains("Connection: close\r\n"))
        #expect(!loop.hasEvents)
        #expect(loop.until { loop.server.connectionCount == 0 ? true : nil } == true)
    }

    /// Sign-on pages on the same host leave such cookies; other upgrades and subprotocols are not ours to refuse.
    @Test(arguments: [
        "GET /here HTTP/1.1\r\nHost: x\r\nCookie: \(String(repeating: "a", count: 10_000))\r\n\r\n",
        "GET http://x/here HTTP/1.1\r\nHost: y\r\n\r\n", "GET /here HTTP/1.0\r\n\r\n",
        "\r\nGET /here HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /here HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAA\r\n\r\n",
        "GET /here HTTP/1.1\r\nHost: x\r\nUpgrade: \(String(repeating: "x", count: 600))\r\n\r\n",
        "GET /here HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: \(String(repeating: "y", count: 4000))\r\n\r\n",
        "POST /here HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4;a=b\r\nbody\r\n0\r\nX-Trailer: 1\r\n\r\n",
    ])
    func oddButSoundRequestsAreServed(request: String) throws {
        let loop = try Loopback()
        let raw = try #require(RawSocket(loop.server.addresses[0]))
        // On a connection that is kept the second is a request as good as the first.
        for _ in 0..<(request.contains("HTTP/1.0") ? 1 : 2) {
            raw.send(request)
            var seen: HTTPRequest?
            while seen == nil, let event = loop.nextServerEvent() {
                if case .request(let request) = event { seen = request }
            }
            let found = try #require(seen)
            #expect(found.path == "/here")
            #expect(found.body == (found.method == .post ? Array("body".utf8) : []))
            loop.server.respond(to: found.id, HTTPResponse(status: 200, body: Array("whole".utf8)))
            var text = ""
            let answer = loop.until { () -> String? in
                text += raw.receive().text
                return text.hasSuffix("whole") ? text : nil
            }
            #expect(answer?.hasPrefix("HTTP/1.1 200 OK\r\n") == true)
            #expect(answer?.contains("Connection: close") == request.contains("HTTP/1.0"))
        }
    }

    @Test func whoWaitsWithItsBodyIsToldToGoOn() throws {
        let loop = try Loopback()
        let raw = try #require(RawSocket(loop.server.addresses[0]))
        raw.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
        #expect(loop.until { raw.receive().text == "HTTP/1.1 100 Continue\r\n\r\n" ? true : nil } == true)
        raw.send("body")
        #expect(try #require(loop.nextRequest()).body == Array("body".utf8))
    }

    @Test func aSubprotocolIsIgnored() throws {
        let loop = try Loopback()
        let answer = try #require(
            loop.answer(
                to: "GET /socket.io/ HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                    + "Sec-WebSocket-Protocol: engine.io\r\n\r\n", isKept: true))
        #expect(answer.hasPrefix("HTTP/1.1 101 "))
        // RFC 6455 section 1.3: the proof for this very key.
        #expect(answer.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"))
        #expect(!answer.lowercased().contains("sec-websocket-protocol"))
    }

    @Test func requestsSentAheadAreAnsweredInOrder() throws {
        let loop = try Loopback()
        let raw = try #require(RawSocket(loop.server.addresses[0]))
        raw.send((0..<3).map { "GET /\($0) HTTP/1.1\r\nHost: x\r\n\r\n" }.joined())
        for index in 0..<3 {
            let request = try #require(loop.nextRequest())
            #expect(request.path == "/\(index)")
            loop.server.respond(to: request.id, HTTPResponse(status: 200, body: Array("<\(index)>".utf8)))
        }
        var text = ""
        #expect(
            loop.until {
                text += raw.receive().text
                return text.contains("<0>") && text.contains("<1>") && text.hasSuffix("<2>") ? true : nil
            } == true)
    }

    @Test func anotherWebSocketVersionIsNamed() throws {
        let loop = try Loopback()
        let answer = try #require(
            loop.answer(
                to: "GET /socket.io/ HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 7\r\n\r\n"))
        #expect(answer.hasPrefix("HTTP/1.1 426 "))
        #expect(answer.contains("Sec-WebSocket-Version: 13\r\n"))
    }

    private func impatient(_ configuration: inout HTTPServerConfiguration) {
        configuration.requestTimeout = .seconds(1)
        configuration.keepAliveTimeout = .seconds(1)
    }

    @Test func whoNeverSpeaksIsClosed() throws {
        let loop = try Loopback(server: impatient)
        let silent = (0..<50).compactMap { _ in RawSocket(loop.server.addresses[0]) }
        #expect(loop.until { loop.server.connectionCount == 50 ? true : nil } == true)
        #expect(loop.until { silent.allSatisfy { $0.receive().isOver } ? true : nil } == true)
        #expect(loop.server.connectionCount == 0)
    }

    @Test(arguments: ["GET / HTTP/1.1\r\nHost: x\r\n", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"])
    func whoDripsARequestIsClosed(beginning: String) throws {
        let loop = try Loopback(server: impatient)
        let raw = try #require(RawSocket(loop.server.addresses[0]))
        raw.send(beginning)
        // A byte now and then must not keep it alive: a header's first, then a body's.
        var turn = 0
        let isClosed = loop.until { () -> Bool? in
            turn += 1
            if turn % 100 == 0 { raw.send("x") }
            return raw.receive().isOver ? true : nil
        }
        #expect(isClosed == true)
        while loop.hasEvents {
            guard case .requestAborted? = loop.nextServerEvent() else { throw Failure("a request came of it") }
        }
    }

    @Test func whoDoesNotTakeItsAnswerIsClosed() throws {
        let loop = try Loopback(server: impatient)
        let deaf = try #require(RawSocket(loop.server.addresses[0]))
        deaf.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        let request = try #require(loop.nextRequest())
        let body = [UInt8](repeating: UInt8(ascii: "x"), count: 32 << 20)
        loop.server.respond(to: request.id, HTTPResponse(status: 200, body: body))
        #expect(loop.until { loop.server.connectionCount == 0 ? true : nil } == true)
    }

    @Test func whoTakesItsAnswerMayAskAgainMuchLater() throws {
        let loop = try Loopback { $0.requestTimeout = .seconds(1) }
        let raw = try #require(RawSocket(loop.server.addresses[0]))
        for _ in 0..<2 {
            raw.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            let request = try #require(loop.nextRequest())
            // A poll that waits: the limit of the answer before is none of this one's.
            let silent = try #require(RawSocket(loop.server.addresses[0]))
            #expect(loop.until { silent.receive().isOver ? true : nil } == true)
            loop.server.respond(to: request.id, HTTPResponse(status: 200, body: Array("here".utf8)))
            var answer = ""
            let isWhole = loop.until { () -> Bool? in
                answer += raw.receive().text
                return answer.hasSuffix("here") ? true : nil
            }
            #expect(isWhole == true)
        }
    }

    @Test func anIdleConnectionIsClosed() throws {
        let loop = try Loopback(server: impatient)
        let raw = try #require(RawSocket(loop.server.addresses[0]))
        raw.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        let request = try #require(loop.nextRequest())
        loop.server.respond(to: request.id, HTTPResponse(status: 204))
        #expect(loop.until { raw.receive().isOver ? true : nil } == true)
    }

    @Test func anAddressHasItsLimitAndAProxyHasNone() throws {
        let limited = try Loopback { $0.maximumConnectionsPerAddress = 3 }
        let sockets = (0..<5).compactMap { _ in RawSocket(limited.server.addresses[0]) }
        #expect(limited.until { sockets.count { $0.receive().isOver } == 2 ? true : nil } == true)
        #expect(limited.server.connectionCount == 3)
        let trusting = try Loopback {
            $0.maximumConnectionsPerAddress = 3
            $0.proxies = [IPAddress("127.0.0.1")!]
        }
        let others = (0..<5).compactMap { _ in RawSocket(trusting.server.addresses[0]) }
        #expect(trusting.until { trusting.server.connectionCount == 5 ? true : nil } == true)
        #expect(others.allSatisfy { !$0.receive().isOver })
    }

    @Test func theEndClosesIdleConnectionsAndAnswersTheOthers() throws {
        let loop = try Loopback()
        let idle = try #require(RawSocket(loop.server.addresses[0]))
        #expect(loop.until { loop.server.connectionCount == 1 ? true : nil } == true)
        let waiting = try #require(RawSocket(loop.server.addresses[0]))
        waiting.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        let request = try #require(loop.nextRequest())
        loop.server.stopListening()
        #expect(loop.until { idle.receive().isOver ? true : nil } == true)
        loop.server.respond(to: request.id, HTTPResponse(status: 200, body: Array("late".utf8)))
        let answer = try #require(
            loop.until { () -> String? in
                let text = waiting.receive().text
                return text.isEmpty ? nil : text
            })
        #expect(answer.contains("Connection: close\r\n") && answer.hasSuffix("late"))
        // A connection that comes now is closed at once.
        let late = try #require(RawSocket(loop.server.addresses[0]))
        #expect(loop.until { late.receive().isOver ? true : nil } == true)
    }

    /// As an application that answers everything.
    private func serve(_ server: HTTPServer) {
        server.service(for: .milliseconds(1))
        while let event = server.nextEvent() {
            switch event {
            case .request(let request): server.respond(to: request.id, HTTPResponse(status: 200))
            case .message(let id, let message): server.send(message, on: id)
            case .requestAnnounced, .requestAborted, .webSocketOpened, .webSocketClosed, .woken, .pieceWanted,
                .holdingsGrew:
                break
            }
        }
    }

    /// Bytes at random and requests with a few bytes changed: whatever comes, the next client is served.
    @Test(arguments: 0..<UInt64(3)) func anyBytesLeaveTheServerWell(seed: UInt64) throws {
        var random = RandomSource.seeded(seed)
        let loop = try Loopback(server: impatient)
        let patterns = [
            "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\nOrigin: http://a\r\n\r\n",
            "POST /api HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nContent-Type: text/plain\r\n\r\n0123456789",
            "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n\u{1}\u{5}hello",
        ]
        for round in 0..<150 {
            var bytes = Array(patterns[round % patterns.count].unicodeScalars.map { UInt8($0.value) })
            for _ in 0..<Int(random.next() % 6) {
                let position = Int(random.next() % UInt64(bytes.count))
                switch random.next() % 4 {
                case 0: bytes[position] = UInt8(truncatingIfNeeded: random.next())
                case 1: bytes.remove(at: position)
                case 2: bytes.insert(contentsOf: bytes[position...].prefix(40), at: position)
                default: bytes.removeLast(bytes.count - position - 1)
                }
            }
            do {
                let raw = try #require(RawSocket(loop.server.addresses[0]))
                raw.send(bytes)
                for _ in 0..<4 { serve(loop.server) }
            }
            // Its client is gone, so it goes too, at once or when its time is over.
            let end = ContinuousClock.now + .seconds(20)
            while loop.server.connectionCount > 0, ContinuousClock.now < end { serve(loop.server) }
            #expect(loop.server.connectionCount == 0, "\(String(decoding: bytes, as: UTF8.self))")
        }
        _ = loop.client.start(HTTPClientRequest(.get, url: loop.url("/")))
        while case .some(let event) = loop.nextServerEvent() {
            guard case .request(let request) = event else { continue }
            loop.server.respond(to: request.id, HTTPResponse(status: 200))
            break
        }
        #expect(loop.nextResponse()?.status == 200)
    }
}

extension BadInputTests {
    /// Whoever goes away in the middle of a request is gone, also behind a whole one.
    @Test(arguments: [
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc", "GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /half",
        "GET / HTTP/1.1\r\nHo",
    ])
    func whoEndsInTheMiddleIsGone(text: String) throws {
        let loop = try Loopback()
        let raw = try #require(RawSocket(loop.server.addresses[0]))
        raw.send(text)
        #expect(loop.until { loop.server.connectionCount == 1 ? true : nil } == true)
        loop.spin()
        raw.finishSending()
        let isGone = loop.until { () -> Bool? in
            if case .request(let request)? = loop.takeServerEvent() {
                loop.server.respond(to: request.id, HTTPResponse(status: 200))
            }
            return loop.server.connectionCount == 0 ? true : nil
        }
        #expect(isGone == true)
    }
}
