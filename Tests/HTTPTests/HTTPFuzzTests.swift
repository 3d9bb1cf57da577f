import FuzzBodies
import Primitives
import Testing

/// The fuzz bodies of HTTP and WebSocket over real messages with changed bytes; `make fuzz` runs them long.
@Suite struct HTTPFuzzTests {
    private static let seeds: [FuzzBody: [[UInt8]]] = [
        .httpServer: [
            "GET /a?b=c HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n0\r\nT: 1\r\n\r\nGET / HTTP/1.0\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc",
        ].map { Array($0.utf8) },
        .httpClient: [
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", "HTTP/1.0 404 No\r\n\r\nhi",
            "HTTP/1.1 101 Go\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: proof\r\n\r\n",
        ].map { Array($0.utf8) },
        .webSocketClient: [[0x81, 2, 0x68, 0x69, 0x01, 1, 0x61, 0x89, 0, 0x80, 1, 0x62, 0x88, 2, 3, 0xE8]],
        .webSocketServer: [
            [0x81, 0x82, 1, 2, 3, 4, 0x69, 0x6B, 0x82, 0xFE, 0, 0x7E, 0, 0, 0, 0] + [UInt8](repeating: 7, count: 126)
                + [0x88, 0x82, 0, 0, 0, 0, 3, 0xE8]
        ],
    ]

    @Test(arguments: [FuzzBody.httpServer, .httpClient, .webSocketServer, .webSocketClient])
    func changedMessages(body: FuzzBody) throws {
        var random = RandomSource.seeded(11)
        let seeds = try #require(Self.seeds[body])
        for round in 0..<3000 {
            var bytes = seeds[round % seeds.count]
            for _ in 0..<Int(random.next() % 5) where !bytes.isEmpty {
                let position = Int(random.next() % UInt64(bytes.count))
                switch random.next() % 4 {
                case 0: bytes[position] = UInt8(truncatingIfNeeded: random.next())
                case 1: bytes.remove(at: position)
                case 2: bytes.insert(contentsOf: bytes[position...].prefix(20), at: position)
                default: bytes[position] ^= 1 << UInt8(random.next() % 8)
                }
            }
            body.run([UInt8(truncatingIfNeeded: random.next())] + bytes)
        }
    }
}
