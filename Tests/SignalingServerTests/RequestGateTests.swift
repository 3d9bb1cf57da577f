import HTTP
import HTTPTransport
import Primitives
import Testing

@testable import SignalingServer

@Suite struct RequestGateTests {
    private let proxy = IPAddress("198.51.100.9")!

    private func gate(requestsPerAddress: Int = 1) -> RequestGate {
        RequestGate(
            proxies: ProxyTrust(trusted: [proxy]), metricsReaders: [IPAddress("127.0.0.1")!],
            requestsPerAddress: requestsPerAddress)
    }

    private func word(_ admission: RequestGate.Admission) -> String {
        if case .answered(let response) = admission { "\(response.status)" } else { "\(admission)" }
    }

    @Test func everyPathHasItsPart() {
        var gate = gate()
        func admitted(_ method: HTTPMethod, _ path: String) -> String {
            word(gate.admit(request(method, path, from: "127.0.0.1:1"), now: .zero))
        }
        #expect(admitted(.get, "/socket.io/") == "engine")
        #expect(admitted(.post, "/socket.io") == "engine")
        #expect(admitted(.options, "/socket.io/") == "204")
        #expect(admitted(.options, "/api/me") == "204")
        #expect(admitted(.put, "/api/me") == "api")
        #expect(admitted(.head, "/healthz") == "health")
        #expect(admitted(.get, "/readyz") == "readiness")
        #expect(admitted(.get, "/metrics") == "metrics")
        #expect(admitted(.get, "/app.js") == "file")
        #expect(admitted(.post, "/app.js") == "405")
        #expect(admitted(.options, "/app.js") == "405")
    }

    /// Ten times as many at once as in a second; those of Socket.IO are not counted, and another network has its own.
    @Test func anAddressHasItsBudget() {
        var gate = gate()
        let bad = request(.get, "/healthz")
        for _ in 0..<10 { #expect(gate.admit(bad, now: .zero) == .health) }
        guard case .answered(let refusal) = gate.admit(bad, now: .zero) else { preconditionFailure("let in") }
        #expect(refusal.status == 429 && refusal.headers["retry-after"] == "1")
        #expect(gate.admit(request(.get, "/socket.io/"), now: .zero) == .engine)
        #expect(gate.admit(request(.get, "/healthz", from: "192.0.2.2:5000"), now: .zero) == .health)
        #expect(gate.admit(bad, now: .zero + .seconds(1)) == .health)
        #expect(word(gate.admit(bad, now: .zero + .seconds(1))) == "429")
    }

    @Test func clientsOfATrustedProxyHaveBudgetsOfTheirOwn() {
        var gate = gate()
        func ask(for client: String) -> String {
            let headers = ["X-Forwarded-For": client]
            return word(gate.admit(request(.get, "/healthz", headers: headers, from: "198.51.100.9:1"), now: .zero))
        }
        for _ in 0..<10 { #expect(ask(for: "192.0.2.1") == "health") }
        #expect(ask(for: "192.0.2.1") == "429")
        #expect(ask(for: "192.0.2.2") == "health")
    }

    @Test func metricsAreForTheirReadersOnly() {
        var gate = gate(requestsPerAddress: 10)
        func ask(from peer: String, for client: String? = nil) -> String {
            let headers = client.map { ["X-Forwarded-For": $0] } ?? [:]
            return word(gate.admit(request(.get, "/metrics", headers: headers, from: peer), now: .zero))
        }
        #expect(ask(from: "127.0.0.1:1") == "metrics")
        #expect(ask(from: "192.0.2.1:1") == "404")
        // Behind a trusted proxy the client counts; one that names nobody speaks for nobody.
        #expect(ask(from: "198.51.100.9:1", for: "127.0.0.1") == "metrics")
        #expect(ask(from: "198.51.100.9:1", for: "192.0.2.1") == "404")
        #expect(ask(from: "198.51.100.9:1") == "404")
        // A proxy on this machine that is not trusted may pass on anybody's request.
        #expect(ask(from: "127.0.0.1:1", for: "127.0.0.1") == "404")
    }

    @Test func aProxyThatIsNotTrustedIsNamedOnce() {
        var gate = gate()
        let forwarded = ["X-Forwarded-For": "192.0.2.1"]
        #expect(gate.proxyToName(request(.get, "/")) == nil)
        #expect(gate.proxyToName(request(.get, "/", headers: forwarded, from: "198.51.100.9:1")) == nil)
        #expect(gate.proxyToName(request(.get, "/", headers: forwarded, from: "192.0.2.7:1")) == IPAddress("192.0.2.7"))
        #expect(gate.proxyToName(request(.get, "/", headers: forwarded, from: "192.0.2.8:1")) == nil)
    }
}

@Suite struct ProxyTrustTests {
    private let trust = ProxyTrust(trusted: [IPAddress("198.51.100.9")!, IPAddress("198.51.100.8")!])

    private func client(_ peer: String, _ lines: String...) -> String {
        trust.clientAddress(SocketAddress(peer)!, lines.map { HTTPHeader("X-Forwarded-For", $0) }).description
    }

    @Test func onlyTrustedProxiesSayWhereARequestComesFrom() {
        #expect(client("192.0.2.1:5000", "203.0.113.1") == "192.0.2.1:5000")
        #expect(client("198.51.100.9:5000", "203.0.113.1") == "203.0.113.1:0")
        // What stands before the last stranger is a client's own word.
        #expect(client("198.51.100.9:5000", "10.0.0.1, 203.0.113.1, 198.51.100.8") == "203.0.113.1:0")
        #expect(client("198.51.100.9:5000", "10.0.0.1", "203.0.113.1") == "203.0.113.1:0")
    }

    @Test func aProxyThatNamesNobodyStandsForItself() {
        #expect(client("198.51.100.9:5000") == "198.51.100.9:5000")
        #expect(client("198.51.100.9:5000", "203.0.113.1, unknown") == "198.51.100.9:5000")
        #expect(client("198.51.100.9:5000", "198.51.100.8") == "198.51.100.9:5000")
    }
}

@Suite struct CrossOriginsTests {
    private func origin(_ origins: inout CrossOrigins, _ id: UInt64) -> String? {
        origins.headers(for: RequestID(rawValue: id))["access-control-allow-origin"]
    }

    @Test func anAllowedOriginMayReadTheAnswerOnce() {
        var origins = CrossOrigins(allowed: ["https://console.example"])
        let header = ["Origin": "https://console.example"]
        origins.arrived(request(.get, "/api/me", id: 1, headers: header))
        origins.arrived(request(.get, "/socket.io/", id: 2, headers: header))
        origins.arrived(request(.get, "/healthz", id: 3, headers: header))
        origins.arrived(request(.get, "/api/me", id: 4, headers: ["Origin": "https://elsewhere.example"]))
        origins.arrived(request(.get, "/api/me", id: 5))
        origins.arrived(request(.get, "/api/me", id: 6, headers: header))
        origins.aborted(RequestID(rawValue: 6))
        #expect(origin(&origins, 1) == "https://console.example")
        #expect(origin(&origins, 1) == nil)
        #expect(origin(&origins, 2) == "https://console.example")
        for id in 3...6 as ClosedRange<UInt64> { #expect(origin(&origins, id) == nil) }
    }

    @Test func aStarAllowsEveryOriginByItsName() {
        var origins = CrossOrigins(allowed: ["*"])
        origins.arrived(request(.get, "/api/me", id: 1, headers: ["Origin": "https://elsewhere.example"]))
        #expect(origin(&origins, 1) == "https://elsewhere.example")
    }
}
