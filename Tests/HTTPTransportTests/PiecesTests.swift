import HTTP
import HTTPTransport
import Primitives
import Testing

/// Answers in pieces: each is asked for when the client has taken the last one.
@Suite struct PiecesTests {
    private static let piece = [UInt8](repeating: 0x61, count: 50_000)

    private func wantedPiece(_ loop: Loopback) -> RequestID? {
        if case .pieceWanted(let id)? = loop.nextServerEvent() { id } else { nil }
    }

    @Test func aBodyIsGivenPieceByPiece() throws {
        let loop = try Loopback()
        _ = loop.client.start(HTTPClientRequest(.get, url: loop.url("/long")))
        let request = try #require(loop.nextRequest())
        #expect(loop.server.beginAnswer(to: request.id, status: 200, headers: [HTTPHeader("X", "1")]))
        loop.server.send(piece: Self.piece, to: request.id)
        for _ in 0..<10 {
            #expect(wantedPiece(loop) == request.id)
            loop.server.send(piece: Self.piece, to: request.id)
        }
        #expect(wantedPiece(loop) == request.id)
        loop.server.endAnswer(to: request.id)
        let response = try #require(loop.nextResponse())
        #expect(response.headers["x"] == "1" && response.headers["transfer-encoding"] == "chunked")
        #expect(response.body.count == 11 * Self.piece.count)
        #expect(loop.server.heldBytes == 0)
    }

    /// What the server sends until it closes; nil where that does not come.
    private func everything(from raw: RawSocket, _ loop: Loopback) -> String? {
        var all = ""
        return loop.until { () -> String? in
            let (more, isOver) = raw.receive()
            all += more
            return isOver ? all : nil
        }
    }

    @Test func theNextRequestIsAnsweredBehindIt() throws {
        let loop = try Loopback()
        let raw = try #require(RawSocket(loop.server.addresses[0]))
        raw.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        let first = try #require(loop.nextRequest())
        #expect(loop.server.beginAnswer(to: first.id, status: 200, headers: []))
        loop.server.send(piece: Array("one".utf8), to: first.id)
        #expect(wantedPiece(loop) == first.id)
        loop.server.endAnswer(to: first.id)
        let second = try #require(loop.nextRequest())
        #expect(second.path == "/b")
        loop.server.respond(to: second.id, HTTPResponse(status: 200, body: Array("two".utf8)))
        let text = try #require(everything(from: raw, loop))
        #expect(text.contains("\r\n3\r\none\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n") && text.hasSuffix("two"))
    }

    /// A client of HTTP/1.0 knows no chunks: the body ends with the connection, which HEAD does not even open.
    @Test func oldClientsGetItUpToTheEnd() throws {
        let loop = try Loopback()
        let raw = try #require(RawSocket(loop.server.addresses[0]))
        raw.send("GET /a HTTP/1.0\r\n\r\n")
        let request = try #require(loop.nextRequest())
        #expect(loop.server.beginAnswer(to: request.id, status: 200, headers: []))
        loop.server.send(piece: Array("one".utf8), to: request.id)
        #expect(wantedPiece(loop) == request.id)
        loop.server.endAnswer(to: request.id)
        let text = try #require(everything(from: raw, loop))
        #expect(text.hasSuffix("\r\n\r\none") && !text.contains("chunked"))
        let head = try #require(RawSocket(loop.server.addresses[0]))
        head.send("HEAD /a HTTP/1.1\r\nHost: x\r\n\r\n")
        let asked = try #require(loop.nextRequest())
        #expect(!loop.server.beginAnswer(to: asked.id, status: 200, headers: []))
    }

    /// Who does not read is asked for nothing more: one piece and what the kernel took is all that is held.
    @Test func nothingIsReadAheadOfASlowClient() throws {
        let loop = try Loopback { $0.requestTimeout = .seconds(1) }
        let raw = try #require(RawSocket(loop.server.addresses[0]))
        raw.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
        let request = try #require(loop.nextRequest())
        #expect(loop.server.beginAnswer(to: request.id, status: 200, headers: []))
        loop.server.send(piece: [UInt8](repeating: 0, count: 8_000_000), to: request.id)
        loop.spin(turns: 200)
        #expect(!loop.hasEvents)
        #expect(loop.server.holdings.count == 1 && loop.server.heldBytes > 1_000_000)
        // In the end it is gone, and the application knows.
        guard case .requestAborted(request.id)? = loop.nextServerEvent() else { throw Failure("not aborted") }
        #expect(loop.server.heldBytes == 0 && loop.server.holdings.isEmpty)
        loop.server.send(piece: Self.piece, to: request.id)
        loop.server.endAnswer(to: request.id)
    }

    @Test func aBodyThatCannotBeCompletedBreaksOff() throws {
        let loop = try Loopback()
        _ = loop.client.start(HTTPClientRequest(.get, url: loop.url("/long")))
        let request = try #require(loop.nextRequest())
        #expect(loop.server.beginAnswer(to: request.id, status: 200, headers: []))
        loop.server.send(piece: Self.piece, to: request.id)
        #expect(wantedPiece(loop) == request.id)
        loop.server.abandonAnswer(to: request.id)
        guard case .requestFailed? = loop.nextClientEvent() else { throw Failure("taken for a whole answer") }
        #expect(!loop.hasEvents)
    }

    // MARK: Memory

    @Test func whatIsHeldIsCountedAndToldAndCanBeEnded() throws {
        let loop = try Loopback { $0.holdingsStep = 100_000 }
        let raw = try #require(RawSocket(loop.server.addresses[0]))
        raw.send("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 400000\r\n\r\n")
        for _ in 0..<30 {
            raw.send([UInt8](repeating: 1, count: 10_000))
            loop.spin(turns: 3)
        }
        #expect(loop.server.heldBytes == 300_000)
        #expect(loop.holdingsGrew == 2)
        let holding = try #require(loop.server.holdings.first)
        #expect(holding.bytes == 300_000 && holding.account == nil && holding.address == .v4(0x7F00_0001))
        loop.server.evict(holding.connection)
        #expect(loop.server.heldBytes == 0)
        guard case .requestAborted? = loop.nextServerEvent() else { throw Failure("not aborted") }
    }

    @Test func aConnectionIsAnAccountsOnceThatIsSaid() throws {
        let loop = try Loopback { $0.proxies = [.v4(0x7F00_0001)] }
        let client = loop.client.openWebSocket(url: loop.url("/socket.io/", scheme: "ws"))
        guard case .webSocketOpened(let server, _)? = loop.nextServerEvent() else { throw Failure("not opened") }
        guard case .webSocketOpened(client)? = loop.nextClientEvent() else { throw Failure("not opened") }
        loop.server.attribute(server, to: "KIOSK_01")
        loop.server.send(.binary([UInt8](repeating: 0, count: 3_000_000)), on: server)
        let holding = try #require(loop.server.holdings.first)
        #expect(holding.account == "KIOSK_01" && holding.address == nil && holding.bytes == 3_000_000)
        loop.server.evict(holding.connection)
        guard case .webSocketClosed(server, .tryAgainLater)? = loop.nextServerEvent() else {
            throw Failure("not closed")
        }
    }

    /// A page that everybody is sent is nobody's memory.
    @Test func whatManyShareIsNotCounted() throws {
        let loop = try Loopback()
        let raw = try #require(RawSocket(loop.server.addresses[0]))
        raw.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
        let request = try #require(loop.nextRequest())
        loop.server.respond(
            to: request.id, HTTPResponse(status: 200, body: [UInt8](repeating: 0, count: 8_000_000)), isShared: true)
        loop.spin()
        #expect(loop.server.heldBytes < 1000)
    }
}
