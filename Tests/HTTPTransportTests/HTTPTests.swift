import HTTP
import HTTPTransport
import Primitives
import Reactor
import Testing

@Suite struct HTTPTests {
    @Test func getCarriesPathQueryAndHeaders() throws {
        let loop = try Loopback()
        _ = loop.client.start(
            HTTPClientRequest(
                .get, url: loop.url("/a%20b/c?token=x%26y&empty=&flag&t=1"),
                headers: [HTTPHeader("Authorization", "Bearer 1"), HTTPHeader("Origin", "http://console.example")]))
        let request = try #require(loop.nextRequest())
        #expect(request.method == .get)
        #expect(request.path == "/a b/c")
        #expect(
            request.query == [
                QueryItem(name: "token", value: "x&y"), QueryItem(name: "empty", value: ""),
                QueryItem(name: "flag", value: ""), QueryItem(name: "t", value: "1"),
            ])
        #expect(request.headers["authorization"] == "Bearer 1")
        #expect(request.headers["ORIGIN"] == "http://console.example")
        #expect(request.headers["host"] == "127.0.0.1:\(loop.port)")
        #expect(request.peer.address == .v4(0x7F00_0001))
        #expect(request.body.isEmpty)
        loop.server.respond(
            to: request.id,
            HTTPResponse(status: 200, headers: [HTTPHeader("Content-Type", "text/plain")], body: Array("hi".utf8)))
        let response = try #require(loop.nextResponse())
        #expect(response.status == 200)
        #expect(response.headers["content-type"] == "text/plain")
        #expect(response.body == Array("hi".utf8))
    }

    @Test(arguments: [HTTPMethod.post, .put, .patch]) func bodiesArriveWhole(method: HTTPMethod) throws {
        let loop = try Loopback()
        let body = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        _ = loop.client.start(HTTPClientRequest(method, url: loop.url("/upload"), body: body))
        let request = try #require(loop.nextRequest())
        #expect(request.method == method)
        #expect(request.body == body)
        loop.server.respond(to: request.id, HTTPResponse(status: 200, body: body))
        #expect(try #require(loop.nextResponse()).body == body)
    }

    @Test func emptyPostIsARequest() throws {
        let loop = try Loopback()
        _ = loop.client.start(HTTPClientRequest(.post, url: loop.url("/logout")))
        let request = try #require(loop.nextRequest())
        #expect(request.method == .post && request.body.isEmpty)
        loop.server.respond(to: request.id, HTTPResponse(status: 204))
        #expect(try #require(loop.nextResponse()).status == 204)
    }

    @Test func answerMayComeMuchLater() throws {
        let loop = try Loopback { $0.requestTimeout = .seconds(1) }
        _ = loop.client.start(HTTPClientRequest(.get, url: loop.url("/poll")))
        let request = try #require(loop.nextRequest())
        loop.spin(turns: 500)
        #expect(!loop.hasEvents)
        loop.server.respond(to: request.id, HTTPResponse(status: 200, body: Array("late".utf8)))
        #expect(try #require(loop.nextResponse()).body == Array("late".utf8))
    }

    @Test func clientThatGoesAwayIsNoticed() throws {
        let loop = try Loopback()
        let started = loop.client.start(HTTPClientRequest(.get, url: loop.url("/poll")))
        let request = try #require(loop.nextRequest())
        loop.client.cancel(started)
        guard case .requestAborted(request.id)? = loop.nextServerEvent() else {
            Issue.record("no abort")
            return
        }
        loop.server.respond(to: request.id, HTTPResponse(status: 200))
        loop.spin()
        #expect(!loop.hasEvents)
    }

    @Test func bodyAboveTheLimitIsRefused() throws {
        let loop = try Loopback { $0.maximumBodySize = 1000 }
        _ = loop.client.start(HTTPClientRequest(.post, url: loop.url("/"), body: [UInt8](repeating: 1, count: 1001)))
        #expect(try #require(loop.nextResponse()).status == 413)
    }

    @Test func answerAboveTheLimitFails() throws {
        let loop = try Loopback()
        var wanted = HTTPClientRequest(.get, url: loop.url("/"))
        wanted.maximumResponseSize = 10
        _ = loop.client.start(wanted)
        let request = try #require(loop.nextRequest())
        loop.server.respond(to: request.id, HTTPResponse(status: 200, body: [UInt8](repeating: 1, count: 11)))
        guard case .requestFailed(_, .tooLarge)? = loop.nextClientEvent() else {
            Issue.record("not refused")
            return
        }
    }

    @Test func nothingListensThere() throws {
        let loop = try Loopback()
        _ = loop.client.start(HTTPClientRequest(.get, url: "http://127.0.0.1:1/"))
        guard case .requestFailed(_, .cannotConnect)? = loop.nextClientEvent() else {
            Issue.record("not refused")
            return
        }
    }

    @Test func badAddressesFailAtOnce() throws {
        let loop = try Loopback()
        for url in [
            "ftp://a/", "a", "http://", "http://user:pw@h/", "http://h:99999/", "http://[::1/", "http://h/\u{1}",
        ] {
            _ = loop.client.start(HTTPClientRequest(.get, url: url))
            guard case .requestFailed(_, .badURL)? = loop.nextClientEvent() else {
                Issue.record("not refused: \(url)")
                return
            }
        }
    }

    @Test func silentServerTimesOut() throws {
        let loop = try Loopback()
        _ = loop.client.start(HTTPClientRequest(.get, url: loop.url("/"), timeout: .seconds(1)))
        _ = try #require(loop.nextRequest())
        var failure: HTTPFailure?
        while failure == nil, let event = loop.nextClientEvent() {
            if case .requestFailed(_, let found) = event { failure = found }
        }
        #expect(failure == .timedOut)
    }

    @Test func wakingEndsTheWait() throws {
        let loop = try Loopback()
        loop.server.waker.wake()
        guard case .woken? = loop.nextServerEvent() else {
            Issue.record("server not woken")
            return
        }
        loop.clientWake.signal()
        guard case .woken? = loop.nextClientEvent() else {
            Issue.record("client not woken")
            return
        }
    }

    @Test func addressInUseIsNamed() throws {
        let loop = try Loopback()
        let taken = loop.server.addresses[0]
        #expect(throws: HTTPTransportError.self) {
            try HTTPServer(HTTPServerConfiguration(listen: [taken]))
        }
    }

    @Test func listensOnIPv6() throws {
        let loop = try Loopback { $0.listen = [SocketAddress("[::1]:0")!] }
        _ = loop.client.start(HTTPClientRequest(.get, url: "http://[::1]:\(loop.port)/six"))
        let request = try #require(loop.nextRequest())
        #expect(request.peer.address == IPAddress("::1"))
        loop.server.respond(to: request.id, HTTPResponse(status: 200))
        #expect(try #require(loop.nextResponse()).status == 200)
    }
}
