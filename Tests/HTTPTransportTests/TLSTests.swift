import HTTP
import HTTPTransport
import Primitives
import Testing

@Suite struct TLSTests {
    private func loop(
        _ authority: Authority, subjectAlternativeName: String = "DNS:localhost,IP:127.0.0.1", from: Int = -1,
        to: Int = 30, trusting caFile: String? = nil
    ) throws -> Loopback {
        let (certificate, key) = try authority.certificate(
            "server", subjectAlternativeName: subjectAlternativeName, from: from, to: to)
        return try Loopback {
            $0.tls = .init(certificateFile: certificate, privateKeyFile: key)
        } client: {
            $0.caFile = caFile ?? authority.caFile
        }
    }

    private func failure(_ loop: Loopback, host: String = "127.0.0.1") -> HTTPFailure? {
        _ = loop.client.start(HTTPClientRequest(.get, url: loop.url("/", scheme: "https", host: host)))
        if case .requestFailed(_, let failure)? = loop.nextClientEvent() { return failure }
        return nil
    }

    @Test func requestsAndWebSocketsOverTLS() throws {
        let authority = try Authority()
        defer { authority.remove() }
        let loop = try loop(authority)
        for host in ["localhost", "127.0.0.1"] {
            let body = [UInt8](repeating: 7, count: 50_000)
            _ = loop.client.start(
                HTTPClientRequest(.post, url: loop.url("/api", scheme: "https", host: host), body: body))
            let request = try #require(loop.nextRequest())
            #expect(request.body == body)
            loop.server.respond(to: request.id, HTTPResponse(status: 200, body: body))
            #expect(try #require(loop.nextResponse()).body == body)
        }
        let client = loop.client.openWebSocket(url: loop.url("/socket.io/", scheme: "wss", host: "localhost"))
        guard case .webSocketOpened(let server, _)? = loop.nextServerEvent() else { throw Failure("not opened") }
        guard case .webSocketOpened(client)? = loop.nextClientEvent() else { throw Failure("not opened") }
        let large = WebSocketMessage.binary([UInt8](repeating: 3, count: 100_000))
        loop.server.send(large, on: server)
        guard case .message(client, large)? = loop.nextClientEvent() else { throw Failure("no message") }
        loop.client.send(large, on: client)
        guard case .message(server, large)? = loop.nextServerEvent() else { throw Failure("no message") }
    }

    /// RFC 6797 section 7.2: the order to use TLS alone is given over TLS alone, with every answer that is given.
    @Test func onlyOverTLSIsTLSAskedForEverMore() throws {
        let authority = try Authority()
        defer { authority.remove() }
        let secure = try loop(authority)
        let plain = try Loopback()
        func header(_ loop: Loopback, _ scheme: String, _ path: String) throws -> String? {
            _ = loop.client.start(HTTPClientRequest(.get, url: loop.url(path, scheme: scheme)))
            let answer = loop.until { () -> HTTPClientEvent? in
                while let event = loop.takeServerEvent() {
                    guard case .request(let request) = event else { continue }
                    loop.server.respond(to: request.id, HTTPResponse(status: 200))
                }
                return loop.takeClientEvent()
            }
            guard case .response(_, let response)? = answer else { throw Failure("no answer") }
            return response.headers["strict-transport-security"]
        }
        #expect(try header(secure, "https", "/") == "max-age=31536000")
        #expect(try header(plain, "http", "/") == nil)
        // What the application does not see is answered with it too.
        #expect(try header(secure, "https", "/%FF") == "max-age=31536000")
        #expect(try header(plain, "http", "/%FF") == nil)
    }

    /// Two clients of one process, with authorities of their own, at once: neither takes the other's.
    @Test func clientsDoNotDisturbEachOther() throws {
        let (authority, other) = (try Authority(), try Authority())
        defer {
            authority.remove()
            other.remove()
        }
        let loop = try loop(authority)
        func client(trusting caFile: String) throws -> HTTPClient {
            var configuration = HTTPClientConfiguration()
            configuration.caFile = caFile
            return try HTTPClient(configuration)
        }
        let second = try client(trusting: authority.caFile)
        let distrustful = try client(trusting: other.caFile)
        let url = loop.url("/", scheme: "https", host: "localhost")
        var (served, refused) = (0, 0)
        for _ in 0..<3 {
            _ = loop.client.start(HTTPClientRequest(.get, url: url))
            _ = distrustful.start(HTTPClientRequest(.get, url: url))
            _ = second.start(HTTPClientRequest(.get, url: url))
        }
        _ = loop.until { () -> Bool? in
            second.service(for: .zero)
            distrustful.service(for: .zero)
            while let event = loop.takeServerEvent() {
                guard case .request(let request) = event else { continue }
                loop.server.respond(to: request.id, HTTPResponse(status: 200))
            }
            while let event = second.nextEvent() { if case .response = event { served += 1 } }
            while let event = loop.takeClientEvent() { if case .response = event { served += 1 } }
            while let event = distrustful.nextEvent() {
                if case .requestFailed(_, .tls(.notTrusted)) = event { refused += 1 }
            }
            return served == 6 && refused == 3 ? true : nil
        }
        #expect(served == 6 && refused == 3)
    }

    @Test func theChainIsShownAlsoWhenItIsRefused() throws {
        let authority = try Authority()
        defer { authority.remove() }
        let good = try loop(authority, to: 30)
        _ = good.client.start(HTTPClientRequest(.get, url: good.url("/", scheme: "https")))
        let request = try #require(good.nextRequest())
        good.server.respond(to: request.id, HTTPResponse(status: 200))
        _ = good.nextResponse()
        #expect(good.client.lastCertificates.map(\.subject) == ["server", "Test-CA"])
        #expect(good.client.lastCertificates.map(\.issuer) == ["Test-CA", "Test-CA"])
        let expired = try loop(authority, from: -10, to: -2)
        #expect(failure(expired) == .tls(.expired))
        let own = try #require(expired.client.lastCertificates.first)
        #expect(own.validTo - own.validFrom == .seconds(8 * 86_400))
    }

    @Test func unknownAuthority() throws {
        let authority = try Authority()
        let other = try Authority()
        defer {
            authority.remove()
            other.remove()
        }
        #expect(failure(try loop(authority, trusting: other.caFile)) == .tls(.notTrusted))
    }

    @Test func selfSigned() throws {
        let authority = try Authority()
        let other = try Authority()
        defer {
            authority.remove()
            other.remove()
        }
        let loop = try Loopback {
            $0.tls = .init(certificateFile: authority.caFile, privateKeyFile: authority.directory + "/ca.key")
        } client: {
            $0.caFile = other.caFile
        }
        #expect(failure(loop) == .tls(.selfSigned))
    }

    @Test func otherHost() throws {
        let authority = try Authority()
        defer { authority.remove() }
        let loop = try loop(authority, subjectAlternativeName: "DNS:elsewhere.example")
        #expect(failure(loop, host: "localhost") == .tls(.hostNameMismatch))
    }

    @Test func otherAddress() throws {
        let authority = try Authority()
        defer { authority.remove() }
        let loop = try loop(authority, subjectAlternativeName: "DNS:localhost,IP:192.0.2.1")
        #expect(failure(loop, host: "127.0.0.1") == .tls(.hostNameMismatch))
    }

    @Test func expired() throws {
        let authority = try Authority()
        defer { authority.remove() }
        #expect(failure(try loop(authority, from: -20, to: -10)) == .tls(.expired))
    }

    @Test func notYetValid() throws {
        let authority = try Authority()
        defer { authority.remove() }
        let found = failure(try loop(authority, from: 10, to: 20))
        #expect(found == .tls(.notYetValid))
        #expect(found?.description.contains("clock") == true)
    }

    @Test func webSocketNamesTheReasonToo() throws {
        let authority = try Authority()
        defer { authority.remove() }
        let loop = try loop(authority, from: -20, to: -10)
        let client = loop.client.openWebSocket(url: loop.url("/socket.io/", scheme: "wss"))
        guard case .webSocketFailed(client, .tls(.expired))? = loop.nextClientEvent() else {
            throw Failure("no reason")
        }
    }

    @Test func certificatesAreReadAgain() throws {
        let authority = try Authority()
        defer { authority.remove() }
        let (certificate, key) = try authority.certificate(
            "old", subjectAlternativeName: "DNS:localhost", from: -20, to: -10)
        let loop = try Loopback {
            $0.tls = .init(certificateFile: certificate, privateKeyFile: key)
        } client: {
            $0.caFile = authority.caFile
        }
        #expect(failure(loop, host: "localhost") == .tls(.expired))
        let (renewed, renewedKey) = try authority.certificate("new", subjectAlternativeName: "DNS:localhost")
        try authority.copy(renewed, over: certificate)
        try authority.copy(renewedKey, over: key)
        try loop.server.reloadCertificates()
        _ = loop.client.start(HTTPClientRequest(.get, url: loop.url("/", scheme: "https", host: "localhost")))
        _ = try #require(loop.nextRequest())
    }

    @Test func missingFilesAreNamed() throws {
        #expect(throws: HTTPTransportError.self) {
            _ = try Loopback { $0.tls = .init(certificateFile: "/nonexistent.pem", privateKeyFile: "/nonexistent.key") }
        }
        #expect(throws: HTTPTransportError.self) { _ = try Loopback(client: { $0.caFile = "/nonexistent.pem" }) }
    }

    @Test func plainClientOnTLSPort() throws {
        let authority = try Authority()
        defer { authority.remove() }
        let loop = try loop(authority)
        _ = loop.client.start(HTTPClientRequest(.get, url: loop.url("/")))
        guard case .requestFailed? = loop.nextClientEvent() else { throw Failure("not refused") }
        #expect(loop.until { loop.server.connectionCount == 0 ? true : nil } == true)
    }
}
