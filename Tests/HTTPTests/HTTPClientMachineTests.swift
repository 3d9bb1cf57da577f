import HTTP
import Primitives
import Testing

@Suite struct HTTPClientMachineTests {
    /// Status, body and whether it is whole; nil for a violation.
    private func answer(_ text: String, to method: HTTPMethod = .get, ends: Bool = false) -> (Int, String, Bool)? {
        var machine = HTTPClientMachine(method)
        var (status, body, isWhole) = (0, "", false)
        for byte in text.utf8 {
            machine.receive([byte])
            guard take(&machine, &status, &body, &isWhole) else { return nil }
        }
        if ends, machine.receiveEnd() { guard take(&machine, &status, &body, &isWhole) else { return nil } }
        return (status, body, isWhole)
    }

    private func take(
        _ machine: inout HTTPClientMachine, _ status: inout Int, _ body: inout String, _ isWhole: inout Bool
    ) -> Bool {
        while let event = machine.nextEvent() {
            switch event {
            case .head(let head): status = head.status
            case .body(let bytes): body += String(decoding: bytes, as: UTF8.self)
            case .end: isWhole = true
            case .upgraded, .violation: return false
            }
        }
        return true
    }

    @Test func answersOfEveryFraming() throws {
        let counted = try #require(answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"))
        #expect(counted == (200, "hi", true))
        let chunked = try #require(answer("HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"))
        #expect(chunked == (200, "hi", true))
        let ended = try #require(answer("HTTP/1.0 200 OK\r\n\r\nhi", ends: true))
        #expect(ended == (200, "hi", true))
        let cut = try #require(answer("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi", ends: true))
        #expect(cut == (200, "hi", false))
        let head = try #require(answer("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", to: .head))
        #expect(head == (200, "", true))
    }

    /// RFC 9110 section 15.2: interim answers are none.
    @Test func interimAnswersAreSkipped() throws {
        let found = try #require(
            answer(
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"
            ))
        #expect(found == (201, "", true))
        #expect(answer(String(repeating: "HTTP/1.1 100 Continue\r\n\r\n", count: 20)) == nil)
    }

    @Test(arguments: [
        "hello\r\n\r\n", "HTTP/2 200\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 999 X\r\n\r\n",
        "HTTP/1.1 101 X\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 0\n\n", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "\u{16}\u{3}\u{1}",
    ])
    func oddAnswersAreViolations(text: String) { #expect(answer(text) == nil) }

    @Test(arguments: [
        ("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: good\r\n", true),
        ("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: bad\r\n", false),
        ("Upgrade: h2c\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: good\r\n", false),
        ("Upgrade: websocket\r\nSec-WebSocket-Accept: good\r\n", false),
        (
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: good\r\nSec-WebSocket-Extensions: x\r\n",
            false
        ),
        (
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: good\r\nSec-WebSocket-Protocol: x\r\n",
            false
        ),
    ])
    func onlyTheRightProofOpensAWebSocket(fields: String, opens: Bool) {
        var machine = HTTPClientMachine(.get, accept: "good")
        machine.receive(Array("HTTP/1.1 101 X\r\n\(fields)\r\nrest".utf8))
        if case .upgraded(_, let rest)? = machine.nextEvent() {
            #expect(opens && rest == Array("rest".utf8))
        } else {
            #expect(!opens)
        }
    }
}
