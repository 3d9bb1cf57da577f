import Primitives
import Reactor
import Signaling
import Synchronization
import Testing

@testable import PeerIO

@Suite struct ICEServerTests {
    @Test(arguments: [
        ("stun:stun.example", ICEServerURL.Scheme.stun, "stun.example", UInt16(3478), TransportProtocol.udp),
        ("STUN:stun.example:19302", .stun, "stun.example", 19302, .udp),
        ("turn:turn.example", .turn, "turn.example", 3478, .udp),
        ("turn:turn.example?transport=udp", .turn, "turn.example", 3478, .udp),
        ("turn:turn.example:80?transport=tcp", .turn, "turn.example", 80, .tcp),
        ("turns:turn.example", .turns, "turn.example", 5349, .tls),
        ("turns:turn.example:443?transport=tcp", .turns, "turn.example", 443, .tls),
        ("turn:[2001:db8::1]:3479", .turn, "2001:db8::1", 3479, .udp),
        ("turn:[2001:db8::1]", .turn, "2001:db8::1", 3478, .udp),
        ("turns:[2001:db8::1]:443?transport=tcp", .turns, "2001:db8::1", 443, .tls),
        ("turn:2001:db8::1", .turn, "2001:db8::1", 3478, .udp),
        ("stun:::1", .stun, "::1", 3478, .udp), ("turn:[::1]:", .turn, "::1", 3478, .udp),
        ("turn:[::ffff:192.0.2.1]:3479", .turn, "::ffff:192.0.2.1", 3479, .udp),
        ("turn:192.0.2.1:3479", .turn, "192.0.2.1", 3479, .udp),
        ("turn:192.0.2.1", .turn, "192.0.2.1", 3478, .udp),
        ("turn:turn.example:", .turn, "turn.example", 3478, .udp),
        (" stun:stun.example\t", .stun, "stun.example", 3478, .udp),
    ])
    func whatAnAddressSays(
        text: String, scheme: ICEServerURL.Scheme, host: String, port: UInt16, transport: TransportProtocol
    ) throws {
        let url = try #require(ICEServerURL(text))
        #expect(url.scheme == scheme)
        #expect(url.host == host)
        #expect(url.port == port)
        #expect(url.transport == transport)
    }

    @Test(arguments: [
        "", "stun", "stun:", "http:x", "turn:x:0", "turn:x:99999", "turn:x?transport=sctp", "turns:x?transport=udp",
        "stun:x?transport=tcp", "turn:[::1", "turn:[::1]x", "turn::3478",
        "turn:[192.0.2.1]:3478", "turn:[turn.example]", "turn:2001:db8::1:99999", "turn:a:b:1", "turn:x:+5",
        "turn:x: 5",
        "turn:[]:1",
    ])
    func whatIsRefused(text: String) { #expect(ICEServerURL(text) == nil) }

    /// Answers in their order, as text.
    private final class Answers: Sendable {
        private let texts = Mutex<[String]>([])
        let wake: WakeFD
        init() throws { wake = try WakeFD() }
        func add(_ answer: ResolverThread.Answer) {
            texts.withLock {
                switch answer {
                case .server(let id, let server):
                    $0.append("\(id) \(server.host) \(server.address) \(server.transport)")
                case .finished(let id): $0.append("\(id) finished")
                }
            }
            wake.signal()
        }
        func wait(until condition: ([String]) -> Bool) -> [String] {
            for _ in 0..<200 {
                let now = texts.withLock { $0 }
                if condition(now) { return now }
                wake.clear()
                Pause.wait(for: wake, atMost: .milliseconds(100))
            }
            return texts.withLock { $0 }
        }
    }

    @Test func literalsWaitForNoName() throws {
        let answers = try Answers()
        let resolver = try ResolverThread { answers.add($0) }
        try resolver.start()
        defer { resolver.stop() }
        resolver.ask(
            .init(
                sessionId: "A",
                servers: [
                    ICEServer(
                        urls: ["turn:localhost:3478?transport=tcp", "turns:192.0.2.1:443"], username: "u",
                        credential: "p"),
                    ICEServer(urls: ["stun:[2001:db8::5]", "nonsense"]),
                    ICEServer(urls: ["turn:192.0.2.9"]),
                ]))
        resolver.ask(.init(sessionId: "B", servers: []))
        let all = answers.wait { $0.contains("A finished") && $0.contains("B finished") }
        let first = try #require(all.firstIndex(of: "A 192.0.2.1 192.0.2.1:443 tls"))
        let second = try #require(all.firstIndex(of: "A 2001:db8::5 [2001:db8::5]:3478 udp"))
        let named = try #require(
            all.firstIndex { $0.hasPrefix("A localhost 127.0.0.1:3478 tcp") || $0.hasPrefix("A localhost [::1]") })
        #expect(max(first, second) < named)
        #expect(all.last { $0.hasPrefix("A") } == "A finished")
        #expect(!all.contains { $0.contains("192.0.2.9") }, "a relay without credentials")
    }
}
