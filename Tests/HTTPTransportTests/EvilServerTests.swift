import Crypto
import Glibc
import HTTP
import HTTPTransport
import Primitives
import Testing

/// Whatever a server sends, its client ends the exchange with a reason and serves the next one.
@Suite struct EvilServerTests {
    /// Services the client and the server until the client has an event.
    private func nextEvent(_ client: HTTPClient, _ server: RawServer) -> HTTPClientEvent? {
        for _ in 0..<5000 {
            server.turn()
            client.service(for: .milliseconds(1))
            if let event = client.nextEvent() { return event }
        }
        return nil
    }

    private func webSocketEnd(after bytes: [UInt8]) throws -> WebSocketCloseCode? {
        let server = try #require(
            RawServer { request in
                let proof =
                    request.split(separator: "\r\n").first { $0.hasPrefix("Sec-WebSocket-Key: ") }?.dropFirst(19) ?? ""
                let accept = Base64.encode(
                    Digest.hash(utf8: proof + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11", using: .sha1).span)
                return Array(
                    "HTTP/1.1 101 Go\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: \(accept)\r\n\r\n"
                        .utf8)
                    + bytes
            })
        let client = try HTTPClient(HTTPClientConfiguration())
        let id = client.openWebSocket(url: "ws://127.0.0.1:\(server.port)/")
        guard case .webSocketOpened(id)? = nextEvent(client, server) else { throw Failure("not opened") }
        guard case .webSocketClosed(id, let code)? = nextEvent(client, server) else { return nil }
        return code
    }

    private func header(_ opcode: UInt8, _ count: Int) -> [UInt8] {
        [0x80 | opcode, 127] + stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: count >> $0) }
    }

    @Test func anOverlongMessageIsRefusedByItsHead() throws {
        let message = header(1, 2_000_000) + [UInt8](repeating: 0x61, count: 2_000_000)
        #expect(try webSocketEnd(after: message) == .messageTooBig)
        #expect(try webSocketEnd(after: header(2, 1 << 40)) == .messageTooBig)
    }

    @Test func invalidTextIsRefused() throws {
        var text = [UInt8](repeating: 0x61, count: 200_000)
        text[150_000] = 0xFF
        #expect(try webSocketEnd(after: header(1, text.count) + text) == .invalidPayload)
    }

    @Test func framesOfNoServerAreRefused() throws {
        #expect(try webSocketEnd(after: [0x81, 0x81, 1, 2, 3, 4, 0x60]) == .protocolError)
        #expect(try webSocketEnd(after: [0xF1, 0x00]) == .protocolError)
        #expect(try webSocketEnd(after: [0x8F, 0x00]) == .protocolError)
    }

    private func outcome(_ answer: String) throws -> Result<HTTPResponse, HTTPFailure>? {
        let server = try #require(RawServer { _ in Array(answer.utf8) })
        let client = try HTTPClient(HTTPClientConfiguration())
        _ = client.start(HTTPClientRequest(.get, url: "http://127.0.0.1:\(server.port)/", timeout: .seconds(3)))
        switch nextEvent(client, server) {
        case .response(_, let response)?: return .success(response)
        case .requestFailed(_, let failure)?: return .failure(failure)
        default: return nil
        }
    }

    @Test func interimAnswersAreSkipped() throws {
        let found = try outcome(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
        )
        #expect(try found?.get().status == 200)
        #expect(try found?.get().body == Array("hi".utf8))
    }

    @Test(arguments: [
        "SSH-2.0-OpenSSH_9.2\r\n\r\n", "\u{15}\u{3}\u{3}\u{0}\u{2}\u{2}\u{50}", "HTTP/1.1 200 OK\n\nhi",
        "HTTP/1.1 abc\r\n\r\n",
        "HTTP/1.1 101 Go\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 200 OK\r\nX: \(String(repeating: "x", count: 20_000))\r\n\r\n",
    ])
    func whatIsNoAnswerIsNamed(answer: String) throws {
        guard case .failure(.badResponse(let reason))? = try outcome(answer) else { throw Failure("not refused") }
        #expect(!reason.isEmpty)
    }

    @Test func anEndlessAnswerEndsAtItsLimit() throws {
        let found = try outcome("HTTP/1.1 200 OK\r\n\r\n" + String(repeating: "x", count: 1_200_000))
        #expect(found == .failure(.tooLarge))
    }

    /// RFC 6066 section 3: the server is told the host's name, so that one with several certificates shows the right one;
    /// literal addresses must not be in it.
    @Test(arguments: [("localhost", true), ("127.0.0.1", false)])
    func theHostIsNamedInTheHello(host: String, isNamed: Bool) throws {
        let server = try #require(RawServer { _ in [] })
        let client = try HTTPClient(HTTPClientConfiguration())
        _ = client.start(HTTPClientRequest(.get, url: "https://\(host):\(server.port)/"))
        for _ in 0..<5000 where server.heard.count < 5 || server.heard.count < 5 + Int(server.heard[4]) {
            server.turn()
            client.service(for: .milliseconds(1))
        }
        #expect(server.heard.prefix(2) == [22, 3], "a handshake record")
        // Extension 0: its length, the list's, a host name, its length.
        let name = Array(host.utf8)
        let count = UInt8(name.count)
        let field = [0, 0, 0, count + 5, 0, count + 3, 0, 0, count] + name
        let isThere = server.heard.indices.contains { server.heard[$0...].starts(with: field) }
        #expect(isThere == isNamed)
        #expect(server.heard.indices.contains { server.heard[$0...].starts(with: name) } == isNamed)
    }

    /// Two clients of one process begin at once, and names do not hold them up.
    @Test func clientsDoNotDisturbEachOther() throws {
        let loop = try Loopback()
        let other = try HTTPClient(HTTPClientConfiguration())
        _ = other.start(HTTPClientRequest(.get, url: loop.url("/other", host: "localhost")))
        _ = loop.client.start(HTTPClientRequest(.get, url: loop.url("/own", host: "localhost")))
        var paths: Set<String> = []
        for _ in 0..<5000 where paths.count < 2 {
            other.service(for: .zero)
            loop.client.service(for: .milliseconds(1))
            loop.server.service(for: .zero)
            while let event = loop.server.nextEvent() {
                if case .request(let request) = event { paths.insert(request.path) }
            }
        }
        #expect(paths == ["/own", "/other"])
    }
}

/// Accepts one connection after the other and answers each request with bytes.
private final class RawServer {
    /// What has been heard of a request that is not whole.
    var heard: [UInt8] { request }
    let port: UInt16
    private let listener: Int32
    private let answer: (String) -> [UInt8]
    private var connection: Int32?
    private var request: [UInt8] = []
    private var output: ArraySlice<UInt8> = []

    init?(_ answer: @escaping (String) -> [UInt8]) {
        self.answer = answer
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let found = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { system in
                bind(listener, system, size) == 0 && listen(listener, 8) == 0
                    && getsockname(listener, system, &size) == 0
            }
        }
        self.listener = listener
        port = UInt16(bigEndian: address.sin_port)
        guard found else { return nil }
        _ = fcntl(listener, F_SETFL, O_NONBLOCK)
    }

    deinit {
        if let connection { close(connection) }
        close(listener)
    }

    func turn() {
        guard let connection else {
            let accepted = accept(listener, nil, nil)
            guard accepted >= 0 else { return }
            _ = fcntl(accepted, F_SETFL, O_NONBLOCK)
            self.connection = accepted
            return
        }
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = recv(connection, &buffer, buffer.count, 0)
        if count > 0 {
            request += buffer[..<count]
            let text = String(decoding: request, as: UTF8.self)
            if text.hasSuffix("\r\n\r\n") {
                output += answer(text)
                request = []
            }
        }
        while !output.isEmpty {
            let sent = output.withUnsafeBytes { send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard sent > 0 else { return }
            output = output.dropFirst(sent)
        }
    }
}
