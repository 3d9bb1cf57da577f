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
