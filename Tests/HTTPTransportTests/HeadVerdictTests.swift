import HTTP
import Testing

@testable import HTTPTransport

@Suite struct HeadVerdictTests {
    private func verdict(_ lines: String...) throws -> HeadVerdict {
        var configuration = HTTPServerConfiguration(listen: [])
        configuration.webSocketPaths = ["/socket.io"]
        configuration.maximumBodySize = 1000
        configuration.bodyLimits = [("/api/", 100), ("/api/large", 500)]
        var machine = HTTPServerMachine()
        machine.receive(Array((lines + ["Host: h", "", ""]).joined(separator: "\r\n").utf8))
        guard case .head(let head)? = machine.nextEvent() else { preconditionFailure("no head") }
        return configuration.judge(head)
    }

    private func upgrade(_ path: String, version: String = "13", key: String = "dGhlIHNhbXBsZSBub25jZQ==") throws
        -> HeadVerdict
    {
        try verdict(
            "GET \(path) HTTP/1.1", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: \(version)",
            "Sec-WebSocket-Key: \(key)")
    }

    @Test func aWebSocketBeginsWhereOneIsServed() throws {
        #expect(try upgrade("/socket.io/?EIO=4") == .webSocket)
        #expect(try upgrade("/socket.io") == .webSocket)
        #expect(try upgrade("/api/me") == .refused(status: 404, "nothing here"))
        #expect(
            try upgrade("/socket.io/", version: "8") == .refused(status: 426, "WebSocket version 13 is spoken here"))
        #expect(
            try upgrade("/socket.io/", key: "short")
                == .refused(status: 400, "the WebSocket handshake has no proper key"))
    }

    /// The first limit whose path fits; what announces more is refused before it comes, what announces nothing is counted.
    @Test func aBodyHasTheLimitOfItsPath() throws {
        #expect(try verdict("POST /api/x HTTP/1.1", "Content-Length: 100") == .request(bodyLimit: 100))
        #expect(
            try verdict("POST /api/large HTTP/1.1", "Content-Length: 101")
                == .refused(status: 413, "the body is too large"))
        #expect(try verdict("POST /other HTTP/1.1", "Content-Length: 1000") == .request(bodyLimit: 1000))
        #expect(try verdict("POST /api/x HTTP/1.1", "Transfer-Encoding: chunked") == .request(bodyLimit: 100))
        #expect(try verdict("GET /api/x HTTP/1.1") == .request(bodyLimit: 100))
    }
}
