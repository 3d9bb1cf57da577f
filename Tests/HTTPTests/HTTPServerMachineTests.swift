import HTTP
import Primitives
import Testing

@Suite struct HTTPServerMachineTests {
    typealias Event = HTTPServerMachine.Event

    private func events(_ machine: inout HTTPServerMachine) -> [Event] {
        var found: [Event] = []
        while let event = machine.nextEvent() { found.append(event) }
        return found
    }

    private func status(_ text: String) -> Int? {
        var machine = HTTPServerMachine()
        machine.receive(Array(text.utf8))
        for event in events(&machine) {
            if case .violation(let violation) = event { return violation.status }
        }
        return nil
    }

    /// RFC 9112: where two recipients could disagree about a request's end, nobody answers but with a refusal.
    @Test(arguments: [
        ("GET / HTTP/1.1\nHost: x\n\n", 400), ("GET / HTTP/1.1\r\nHost: x\n\r\n", 400),
        ("GET / HTTP/1.1\rHost: x\r\n\r\n", 400), ("GET / HTTP/1.1\r\nHost: x\r\n a: b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n Host: x\r\n\r\n", 400), ("GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n", 400), ("GET / HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: x\r\na: \u{0}\r\n\r\n", 400), ("GET /\u{1} HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        ("GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400), ("GET / HTTP/1.1 \r\nHost: x\r\n\r\n", 400),
        ("GET /\tHTTP/1.1\r\nHost: x\r\n\r\n", 400), ("GET / http/1.1\r\nHost: x\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 0x1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1 1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, chunked\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:,chunked\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: \u{b}chunked\r\n\r\n", 400),
        ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
        ("POST / HTTP/1.1\r\nHost: x\r\n\r\n", 411), ("CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", 405),
        ("get / HTTP/1.1\r\nHost: x\r\n\r\n", 405), ("GET * HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        ("GET x HTTP/1.1\r\nHost: x\r\n\r\n", 400), ("GET ftp://x/ HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        ("GET http://u@x/ HTTP/1.1\r\nHost: x\r\n\r\n", 400), ("GET /#a HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        ("\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    ])
    func whatIsDoubtfulIsRefused(request: String, expected: Int) { #expect(status(request) == expected) }

    @Test(arguments: [
        "x\r\nabc\r\n", "-1\r\nabc\r\n", "3 \r\nabc\r\n", " 3\r\nabc\r\n", "0x3\r\nabc\r\n", "3\nabc\r\n",
        "3\r\nabcd\r\n",
        "3\r\nabc\n", "3\r\nabc\r0", "fffffffffffff\r\n", ";\r\n", "3;\u{1}\r\nabc\r\n", "0\r\nbad trailer\r\n\r\n",
        "0\r\n a: b\r\n\r\n",
        "3;\(String(repeating: "x", count: 300))\r\nabc\r\n", "0\r\na: b\n\r\n",
    ])
    func oddChunksAreRefused(body: String) {
        #expect(status("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + body) == 400)
    }

    /// However the bytes are cut, the same events come.
    @Test(arguments: [1, 2, 3, 7, 1000]) func piecesDoNotMatter(size: Int) throws {
        let text =
            "POST /a?b=c&&d HTTP/1.1\r\nhOST: x\r\nTransfer-Encoding: Chunked\r\nX:\t v \r\n\r\n4\r\nwiki\r\nA;x=y\r\n0123456789\r\n0\r\nT: 1\r\n\r\n"
        var machine = HTTPServerMachine()
        var head: HTTPRequestHead?
        var body: [UInt8] = []
        var isWhole = false
        let bytes = Array(text.utf8)
        for start in stride(from: 0, to: bytes.count, by: size) {
            machine.receive(Array(bytes[start..<min(bytes.count, start + size)]))
            for event in events(&machine) {
                switch event {
                case .head(let found): head = found
                case .body(let piece): body += piece
                case .end: isWhole = true
                case .violation(let violation): Issue.record("\(violation)")
                }
            }
        }
        #expect(isWhole && body == Array("wiki0123456789".utf8))
        let found = try #require(head)
        #expect(found.target.path == "/a")
        #expect(found.target.query == [QueryItem(name: "b", value: "c"), QueryItem(name: "d", value: "")])
        #expect(found.headers["host"] == "x" && found.headers["x"] == "v")
        #expect(found.contentLength == nil)
    }

    private func target(_ line: String) throws -> RequestTarget {
        var machine = HTTPServerMachine()
        machine.receive(Array("\(line) HTTP/1.1\r\nHost: x\r\n\r\n".utf8))
        let event = machine.nextEvent()
        let head: HTTPRequestHead? = if case .head(let head)? = event { head } else { nil }
        return try #require(head, "\(line)").target
    }

    /// Empty parts of a query are none, and what is encoded belongs to its value, line ends too.
    @Test(arguments: [
        ("&a=1&b=2", [("a", "1"), ("b", "2")]), ("&&a=1&&&b=2&&", [("a", "1"), ("b", "2")]), ("&", []), ("", []),
        ("a=1%0a2&b=%0d%0A&c=3", [("a", "1\n2"), ("b", "\r\n"), ("c", "3")]),
        ("a%0d=1&%0ab=2", [("a\r", "1"), ("\nb", "2")]), ("a=b=c&=d&e", [("a", "b=c"), ("", "d"), ("e", "")]),
        ("a=%26b%3D1&c=%2B+%00", [("a", "&b=1"), ("c", "+ \u{0}")]),
    ])
    func aQueryLosesNothing(query: String, items: [(String, String)]) throws {
        let found = try target("GET /a?\(query)")
        #expect(found.path == "/a")
        #expect(found.query == items.map { QueryItem(name: $0.0, value: $0.1) })
    }

    /// RFC 9112 section 3.2.4: the asterisk is the server as a whole, and for OPTIONS alone.
    @Test func theAsteriskIsForOptionsAlone() throws {
        #expect(try target("OPTIONS *").path == "*")
        #expect(try target("OPTIONS *").query.isEmpty)
        for method in ["GET", "HEAD", "DELETE"] { #expect(status("\(method) * HTTP/1.1\r\nHost: x\r\n\r\n") == 400) }
        #expect(status("OPTIONS *a HTTP/1.1\r\nHost: x\r\n\r\n") == 400)
    }

    @Test func nothingIsReadBehindARefusal() {
        var machine = HTTPServerMachine()
        machine.receive(Array("BREW / HTTP/1.1\r\nHost: x\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n".utf8))
        guard case .violation? = machine.nextEvent() else {
            Issue.record("not refused")
            return
        }
        #expect(machine.nextEvent() == nil && !machine.wantsInput)
        let answer = machine.answer(status: 405, headers: [], contentLength: 0)
        #expect(String(decoding: answer.head, as: UTF8.self).contains("Connection: close\r\n"))
        machine.receive(Array("GET /later HTTP/1.1\r\nHost: x\r\n\r\n".utf8))
        #expect(machine.nextEvent() == nil && machine.isClosing)
    }

    @Test func anAnswerBeforeTheBodyEndsTheConnection() {
        var machine = HTTPServerMachine()
        machine.receive(Array("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc".utf8))
        _ = events(&machine)
        let answer = machine.answer(status: 413, headers: [], contentLength: 0)
        #expect(String(decoding: answer.head, as: UTF8.self).contains("Connection: close\r\n"))
        #expect(machine.isClosing)
    }

    @Test(arguments: [
        ("HTTP/1.1\r\nHost: x\r\n", false, ""), ("HTTP/1.1\r\nHost: x\r\nConnection: Close\r\n", true, "close"),
        ("HTTP/1.0\r\n", true, "close"), ("HTTP/1.0\r\nConnection: keep-alive\r\n", false, "keep-alive"),
        ("HTTP/1.1\r\nHost: x\r\nConnection: a, close\r\n", true, "close"),
    ])
    func theEndIsAnnounced(head: String, closes: Bool, announced: String) {
        var machine = HTTPServerMachine()
        machine.receive(Array("GET / \(head)\r\n".utf8))
        _ = events(&machine)
        let answer = String(decoding: machine.answer(status: 200, headers: [], contentLength: 2).head, as: UTF8.self)
        #expect(machine.isClosing == closes)
        #expect(answer.contains("Connection: \(announced)\r\n") == !announced.isEmpty)
        #expect(answer.contains("Content-Length: 2\r\n"))
    }

    @Test func headAndNoContentHaveNoBody() {
        var machine = HTTPServerMachine()
        machine.receive(Array("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n".utf8))
        _ = events(&machine)
        let head = machine.answer(status: 200, headers: [], contentLength: 7)
        #expect(!head.sendsBody && String(decoding: head.head, as: UTF8.self).contains("Content-Length: 7\r\n"))
        machine.receive(Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8))
        _ = events(&machine)
        let none = machine.answer(status: 204, headers: [], contentLength: 0)
        #expect(!none.sendsBody && !String(decoding: none.head, as: UTF8.self).contains("Content-Length"))
    }

    /// RFC 9112 sections 6.3 and 7.1: an answer of unknown length is chunks in HTTP/1.1, and in HTTP/1.0 ends with the connection.
    @Test(arguments: [
        (
            "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "Transfer-Encoding: chunked",
            "3\r\nabc\r\n10\r\n0123456789012345\r\n0\r\n\r\n", false
        ),
        (
            "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "Connection: close",
            "3\r\nabc\r\n10\r\n0123456789012345\r\n0\r\n\r\n", true
        ),
        ("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "Connection: close", "abc0123456789012345", true),
        ("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n", "Transfer-Encoding: chunked", nil, false),
        ("HEAD / HTTP/1.0\r\n\r\n", "Connection: close", nil, true),
    ])
    func anAnswerInPieces(request: String, field: String, body: String?, closes: Bool) {
        var machine = HTTPServerMachine()
        machine.receive(Array((request + "GET /next HTTP/1.1\r\nHost: x\r\n\r\n").utf8))
        _ = events(&machine)
        let answer = machine.beginAnswer(status: 200, headers: [])
        let head = String(decoding: answer.head, as: UTF8.self)
        #expect(head.contains("\(field)\r\n") && !head.contains("Content-Length"))
        #expect(answer.sendsBody == (body != nil))
        if let body {
            #expect(!machine.wantsInput && !machine.isClosing && machine.nextEvent() == nil)
            var wire: [UInt8] = []
            machine.appendPiece(Array("abc".utf8), to: &wire)
            machine.appendPiece([], to: &wire)
            machine.appendPiece(Array("0123456789012345".utf8), to: &wire)
            machine.endAnswer(to: &wire)
            #expect(String(decoding: wire, as: UTF8.self) == body)
        }
        // What was sent ahead has its turn now, or never.
        #expect(machine.isClosing == closes)
        #expect((machine.nextEvent() == nil) == closes)
    }

    @Test func aFieldCannotBecomeTwo() {
        var machine = HTTPServerMachine()
        machine.receive(Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8))
        _ = events(&machine)
        let answer = machine.answer(
            status: 200,
            headers: [HTTPHeader("A", "b\r\nSet-Cookie: c"), HTTPHeader("X Y", "z"), HTTPHeader("Good", "1")],
            contentLength: 0)
        let text = String(decoding: answer.head, as: UTF8.self)
        #expect(!text.contains("Set-Cookie") && !text.contains("X Y") && text.contains("Good: 1\r\n"))
    }

    @Test func anIdleConnectionHoldsNothing() {
        var machine = HTTPServerMachine()
        for _ in 0..<3 {
            machine.receive(Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8))
            _ = events(&machine)
            _ = machine.answer(status: 204, headers: [], contentLength: 0)
            #expect(machine.isIdle && machine.heldBytes == 0)
        }
    }
}
