import Crypto
import Glibc
import Primitives
import Testing

/// Against a real server: `openssl s_server`, which sends every line back reversed.
@Suite struct TLSConnectionTests {
    @Test(arguments: ["turn.example", "127.0.0.1"])
    func aNameOrAnAddressThatTheCertificateIsMadeFor(name: String) throws {
        let server = try EchoServer()
        defer { server.end() }
        var client = try TLSConnection(context: TLSClientContext(authorities: server.authority), serverName: name)
        #expect(client.phase == .handshaking)
        let connection = try server.connect()
        #expect(connection.run(&client) { $0.phase == .open })
        client.write(Array("never blocks\n".utf8).span)
        var answer: [UInt8] = []
        #expect(
            connection.run(&client) { client in
                client.read(into: &answer)
                return answer.count >= 13
            })
        #expect(String(decoding: answer, as: UTF8.self) == "skcolb reven\n")
        client.close()
        // One direction has ended.
        #expect(!client.isWritable && client.phase == .open)
    }

    @Test func aCertificateOfSomebodyElse() throws {
        let server = try EchoServer()
        defer { server.end() }
        var client = try TLSConnection(
            context: TLSClientContext(authorities: server.authority), serverName: "other.example")
        #expect(try server.connect().run(&client) { isFailed($0, "hostname mismatch") })
        var nothing: [UInt8] = []
        client.write(Array("lost".utf8).span)
        client.read(into: &nothing)
        #expect(nothing.isEmpty)
    }

    @Test func anAuthorityThatIsNotTrusted() throws {
        let server = try EchoServer()
        defer { server.end() }
        var client = try TLSConnection(context: TLSClientContext(authorities: nil), serverName: "turn.example")
        #expect(try server.connect().run(&client) { isFailed($0, "unable to get local issuer certificate") })
    }

    @Test func authoritiesThatCannotBeRead() {
        #expect(throws: CryptoError.self) { try TLSClientContext(authorities: "/nowhere/ca.pem") }
    }

    @Test func whatIsNotTLSEndsIt() throws {
        var client = try TLSConnection(context: TLSClientContext(authorities: nil), serverName: "turn.example")
        client.receive(Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8).span)
        guard case .failed = client.phase else {
            Issue.record("\(client.phase)")
            return
        }
    }

    private func isFailed(_ client: borrowing TLSConnection, _ reason: String) -> Bool {
        guard case .failed(let error) = client.phase else { return false }
        return error.description.lowercased().contains(reason)
    }
}

/// `openssl s_server` on a port of its own, with a certificate for turn.example and 127.0.0.1.
private struct EchoServer {
    let directory: String
    let port: UInt16
    var authority: String { directory + "/ca.pem" }

    init() throws {
        let port = UInt16.random(in: 20_000...30_000)
        let directory = "/tmp/tls-\(getpid())-\(port)"
        self.port = port
        self.directory = directory
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
        // The server's input is a pipe that stays open, and it ends with the test in any case.
        let command = """
            mkdir \(directory) && cd \(directory) \
            && openssl req -x509 \(key) -keyout ca.key -out ca.pem -days 2 -subj /CN=Authority \
            && openssl req \(key) -keyout s.key -out s.csr -subj /CN=turn -addext \
            subjectAltName=DNS:turn.example,IP:127.0.0.1 \
            && openssl x509 -req -in s.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
            -copy_extensions copy -out s.pem \
            && { timeout 30 openssl s_server -accept 127.0.0.1:\(port) -cert s.pem -key s.key -rev -quiet & } \
            && echo $! > pid
            """
        let status = system("{ \(command); } >/dev/null 2>&1")
        try #require(status == 0, "openssl is needed (Scripts/setup build)")
    }

    struct NotListening: Error {}

    func end() { _ = system("kill $(cat \(directory)/pid) 2>/dev/null; rm -r \(directory)") }

    func connect() throws -> Connection {
        for _ in 0..<100 {
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            let result = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            if result == 0 { return Connection(descriptor) }
            close(descriptor)
            usleep(50_000)
        }
        throw NotListening()
    }

    final class Connection {
        private let descriptor: Int32
        init(_ descriptor: Int32) { self.descriptor = descriptor }
        deinit { close(descriptor) }

        /// Carries bytes both ways until the condition holds; false after five seconds of silence.
        func run(_ client: inout TLSConnection, until condition: (inout TLSConnection) -> Bool) -> Bool {
            var buffer = [UInt8](repeating: 0, count: 4096)
            for _ in 0..<100 {
                var outgoing: [UInt8] = []
                client.takeOutgoing(into: &outgoing)
                if !outgoing.isEmpty { _ = send(descriptor, outgoing, outgoing.count, Int32(MSG_NOSIGNAL)) }
                if condition(&client) { return true }
                var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
                guard poll(&entry, 1, 5000) == 1 else { return false }
                let count = recv(descriptor, &buffer, buffer.count, 0)
                guard count > 0 else { return condition(&client) }
                client.receive(buffer.span.extracting(0..<count))
            }
            return false
        }
    }
}
