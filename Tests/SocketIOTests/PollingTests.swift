import JSON
import Primitives
import SocketIO
import Testing

/// Long-polling and the upgrade, by the Engine.IO protocol's sections and the reference server's error bodies.
@Suite struct PollingTests {
    private func query(_ sid: String) -> String { "EIO=4&transport=polling&sid=\(sid)" }

    @Test func handshakeErrors() {
        var harness = ServerHarness()
        let cases: [(EngineIORequest.Method, String, String)] = [
            (.get, "EIO=4", "400 {\"code\":0,\"message\":\"Transport unknown\"}"),
            (.get, "EIO=4&transport=abc", "400 {\"code\":0,\"message\":\"Transport unknown\"}"),
            (.get, "EIO=4&transport=polling&sid=nope", "400 {\"code\":1,\"message\":\"Session ID unknown\"}"),
            (.post, "EIO=4&transport=polling&sid=nope", "400 {\"code\":1,\"message\":\"Session ID unknown\"}"),
            (.post, "EIO=4&transport=polling", "400 {\"code\":2,\"message\":\"Bad handshake method\"}"),
            (.other, "EIO=4&transport=polling", "400 {\"code\":2,\"message\":\"Bad handshake method\"}"),
            (.get, "EIO=4&transport=websocket", "400 {\"code\":3,\"message\":\"Bad request\"}"),
            (.get, "transport=polling", "400 {\"code\":5,\"message\":\"Unsupported protocol version\"}"),
            (.get, "EIO=3&transport=polling", "400 {\"code\":5,\"message\":\"Unsupported protocol version\"}"),
            (.get, "EIO=abc&transport=polling", "400 {\"code\":5,\"message\":\"Unsupported protocol version\"}"),
        ]
        for (method, query, answer) in cases {
            let id = harness.request(method, query)
            #expect(harness.actions() == ["respond \(id.rawValue) \(answer)"])
        }
        #expect(harness.server.sessionCount == 0)
        #expect(harness.server.drops.total == UInt64(cases.count))
    }

    @Test func overlappingPostsCloseTheSession() {
        var harness = ServerHarness()
        let sid = harness.polling()
        let poll = harness.request(.get, query(sid))
        let first = harness.announce(query(sid))
        #expect(harness.actions().isEmpty)
        _ = harness.announce(query(sid))
        #expect(harness.actions() == ["respond \(poll.rawValue) 200 1"])
        harness.complete(first, query(sid), "40")
        #expect(harness.actions() == ["respond \(first.rawValue) 400 {\"code\":1,\"message\":\"Session ID unknown\"}"])
        #expect(harness.server.sessionCount == 0)
    }

    @Test func postsInARowAreFineAndAnAbortedOneEndsTheSession() {
        var harness = ServerHarness()
        let sid = harness.polling()
        for body in ["40", "41"] {
            let post = harness.announce(query(sid))
            harness.complete(post, query(sid), body)
            #expect(harness.actions().contains("respond \(post.rawValue) 200 ok"))
        }
        let broken = harness.announce(query(sid))
        harness.server.requestAborted(broken, now: harness.now)
        #expect(harness.server.sessionCount == 0)
        #expect(harness.actions().isEmpty)
    }

    @Test func sessionsAreLimitedAltogetherAndByAddress() {
        var harness = ServerHarness {
            $0.maximumSessions = 4
            $0.maximumSessionsPerAddress = 2
        }
        func open(_ address: String) -> String {
            let id = harness.request(.get, "EIO=4&transport=polling", from: SocketAddress("\(address):5")!)
            return harness.actions() == ["respond \(id.rawValue) 403 {\"code\":4,\"message\":\"Too many connections\"}"]
                ? "refused" : "opened"
        }
        #expect(
            ["192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2"].map(open) == ["opened", "opened", "refused", "opened"])
        #expect(["[2001:db8::1]", "[2001:db8::2]"].map(open) == ["opened", "refused"], "four are all")
        let id = harness.openWebSocket()
        #expect(harness.actions() == ["close \(id.rawValue)"])
        // Places become free again.
        harness.advance(.seconds(60))
        _ = harness.actions()
        #expect(harness.server.sessionCount == 0)
        #expect(["192.0.2.1", "192.0.2.1", "192.0.2.1"].map(open) == ["opened", "opened", "refused"])
    }

    @Test func webSocketsWithBadParametersAreClosed() {
        var harness = ServerHarness()
        for query in [
            "", "EIO=4", "transport=websocket", "EIO=abc&transport=websocket", "EIO=4&transport=abc",
            "EIO=4&transport=polling", "EIO=4&transport=websocket&sid=nope",
        ] {
            let id = harness.openWebSocket(query)
            #expect(harness.actions() == ["close \(id.rawValue)"])
        }
    }

    @Test func messagesBothWays() throws {
        var harness = ServerHarness()
        let sid = harness.polling()
        let post = harness.request(.post, query(sid), "40")
        #expect(harness.actions() == ["respond \(post.rawValue) 200 ok"])
        guard case .connecting(let socket, let request)? = harness.events().first else { throw Failure("no CONNECT") }
        harness.server.accept(socket, now: harness.now)
        #expect(harness.actions().isEmpty)
        // What waited comes at once, in one body; what comes later ends the poll.
        harness.server.emit("a", [.binary([1, 2, 3, 4])], to: socket, now: harness.now)
        let first = harness.request(.get, query(sid))
        #expect(
            harness.actions() == [
                "respond \(first.rawValue) 200 40{\"sid\":\"\(request.sid)\"}\u{1E}451-[\"a\",{\"_placeholder\":true,\"num\":0}]\u{1E}bAQIDBA=="
            ])
        let second = harness.request(.get, query(sid))
        #expect(harness.actions().isEmpty)
        harness.server.emit("b", [], to: socket, now: harness.now)
        #expect(harness.actions() == ["respond \(second.rawValue) 200 42[\"b\"]"])
        let several = harness.request(
            .post, query(sid), "42[\"x\"]\u{1E}451-[\"y\",{\"_placeholder\":true,\"num\":0}]\u{1E}bAQI=")
        #expect(harness.actions() == ["respond \(several.rawValue) 200 ok"])
        #expect(
            harness.events() == [
                .event(socket, SocketIOEvent(name: "x", arguments: [])),
                .event(socket, SocketIOEvent(name: "y", arguments: [.binary([1, 2])])),
            ])
    }

    @Test func heartbeatOverPolling() {
        var harness = ServerHarness()
        let sid = harness.polling()
        let poll = harness.request(.get, query(sid))
        harness.server.handleTimeout(now: harness.now)
        _ = harness.request(.post, query(sid), "40")
        _ = harness.actions()
        harness.advance(.seconds(25))
        #expect(harness.actions() == ["respond \(poll.rawValue) 200 2"])
        _ = harness.request(.post, query(sid), "3")
        harness.advance(.seconds(44))
        #expect(harness.server.sessionCount == 1)
        harness.advance(.seconds(1))
        #expect(harness.server.sessionCount == 0)
    }

    @Test func twoPollsCloseTheSession() {
        var harness = ServerHarness()
        let sid = harness.polling()
        let first = harness.request(.get, query(sid))
        let second = harness.request(.get, query(sid))
        #expect(
            harness.actions() == [
                "respond \(second.rawValue) 400 {\"code\":3,\"message\":\"Bad request\"}",
                "respond \(first.rawValue) 200 1",
            ])
        #expect(harness.server.sessionCount == 0)
        let third = harness.request(.get, query(sid))
        #expect(harness.actions() == ["respond \(third.rawValue) 400 {\"code\":1,\"message\":\"Session ID unknown\"}"])
    }

    @Test func cancelledPollClosesTheSession() {
        var harness = ServerHarness()
        let sid = harness.polling()
        let poll = harness.request(.get, query(sid))
        harness.server.requestAborted(poll, now: harness.now)
        #expect(harness.actions().isEmpty)
        #expect(harness.server.sessionCount == 0)
    }

    @Test func clientCloses() {
        var harness = ServerHarness()
        let sid = harness.polling()
        let poll = harness.request(.get, query(sid))
        let post = harness.request(.post, query(sid), "1")
        #expect(harness.actions() == ["respond \(post.rawValue) 200 ok", "respond \(poll.rawValue) 200 6"])
        #expect(harness.server.sessionCount == 0)
    }

    @Test(arguments: ["abc", "", "4a\u{1E}", "bA*=="]) func badBodyClosesTheSession(body: String) {
        var harness = ServerHarness()
        let sid = harness.polling()
        let post = harness.request(.post, query(sid), body)
        #expect(harness.actions() == ["respond \(post.rawValue) 400 {\"code\":3,\"message\":\"Bad request\"}"])
        #expect(harness.server.sessionCount == 0)
    }

    @Test func binaryBodyIsRefused() {
        var harness = ServerHarness()
        let sid = harness.polling()
        let post = harness.request(.post, query(sid), "4a", type: "application/octet-stream")
        #expect(harness.actions().first?.hasPrefix("respond \(post.rawValue) 400") == true)
        #expect(harness.server.sessionCount == 0)
    }

    // CVE-2020-36048: a large body was kept in memory.
    @Test func largeBodyIsRefused() {
        var harness = ServerHarness { $0.maximumPayload = 100 }
        let sid = harness.polling()
        let post = harness.request(.post, query(sid), String(repeating: "4", count: 101))
        #expect(harness.actions() == ["respond \(post.rawValue) 413 "])
        #expect(harness.server.sessionCount == 0)
    }

    @Test func bodiesRespectTheAnnouncedSize() {
        var harness = ServerHarness { $0.maximumPayload = 1000 }
        let sid = harness.polling()
        _ = harness.request(.post, query(sid), "40")
        guard case .connecting(let socket, _)? = harness.events().first else { return }
        harness.server.accept(socket, now: harness.now)
        for _ in 0..<10 {
            harness.server.emit("x", [.string(String(repeating: "y", count: 290))], to: socket, now: harness.now)
        }
        _ = harness.actions()
        var messages = 0
        while messages < 11 {
            _ = harness.request(.get, query(sid))
            let body = harness.actions().first ?? ""
            #expect(body.utf8.count < 1000 + 20)
            messages += body.split(separator: "\u{1E}").count
        }
        #expect(messages == 11)
    }

    @Test func clientThatDoesNotPollIsClosed() {
        var harness = ServerHarness { $0.maximumPollingBacklog = 10_000 }
        let sid = harness.polling()
        _ = harness.request(.post, query(sid), "40")
        guard case .connecting(let socket, _)? = harness.events().first else { return }
        harness.server.accept(socket, now: harness.now)
        for _ in 0..<11 {
            harness.server.emit("x", [.string(String(repeating: "y", count: 1000))], to: socket, now: harness.now)
        }
        #expect(harness.events() == [.disconnected(socket, .tooSlow)])
    }

    // MARK: Upgrade

    @Test func upgradeKeepsOrder() throws {
        var harness = ServerHarness()
        let sid = harness.polling()
        _ = harness.request(.post, query(sid), "40")
        guard case .connecting(let socket, _)? = harness.events().first else { throw Failure("no CONNECT") }
        harness.server.accept(socket, now: harness.now)
        _ = harness.request(.get, query(sid))
        _ = harness.actions()
        let poll = harness.request(.get, query(sid))
        let upgrade = harness.openWebSocket("EIO=4&transport=websocket&sid=\(sid)")
        #expect(harness.actions().isEmpty)
        harness.receive("2probe", on: upgrade)
        #expect(harness.actions() == ["send \(upgrade.rawValue) 3probe", "respond \(poll.rawValue) 200 6"])
        // Until the client has upgraded, polls still carry what there is, or a noop.
        harness.server.emit("one", [], to: socket, now: harness.now)
        let last = harness.request(.get, query(sid))
        #expect(harness.actions() == ["respond \(last.rawValue) 200 42[\"one\"]"])
        let noop = harness.request(.get, query(sid))
        #expect(harness.actions() == ["respond \(noop.rawValue) 200 6"])
        harness.server.emit("two", [], to: socket, now: harness.now)
        harness.receive("5", on: upgrade)
        harness.server.emit("three", [], to: socket, now: harness.now)
        #expect(
            harness.actions() == ["send \(upgrade.rawValue) 42[\"two\"]", "send \(upgrade.rawValue) 42[\"three\"]"])
        harness.receive("42[\"back\"]", on: upgrade)
        #expect(harness.events() == [.event(socket, SocketIOEvent(name: "back", arguments: []))])
        for method in [EngineIORequest.Method.get, .post] {
            let id = harness.request(method, query(sid), "4x")
            #expect(harness.actions() == ["respond \(id.rawValue) 400 {\"code\":3,\"message\":\"Bad request\"}"])
        }
        harness.advance(.seconds(11))
        #expect(harness.server.sessionCount == 1)
        harness.server.webSocketClosed(upgrade, now: harness.now)
        #expect(harness.events() == [.disconnected(socket, .transportClosed)])
    }

    @Test func upgradeThatIsNotFinishedInTime() {
        var harness = ServerHarness()
        let sid = harness.polling()
        let upgrade = harness.openWebSocket("EIO=4&transport=websocket&sid=\(sid)")
        harness.receive("2probe", on: upgrade)
        _ = harness.actions()
        harness.advance(.seconds(10))
        #expect(harness.actions() == ["close \(upgrade.rawValue)"])
        #expect(harness.server.sessionCount == 1)
        // The next attempt is a new one.
        let again = harness.openWebSocket("EIO=4&transport=websocket&sid=\(sid)")
        harness.receive("2probe", on: again)
        #expect(harness.actions() == ["send \(again.rawValue) 3probe"])
    }

    @Test func secondWebSocketIsClosed() {
        var harness = ServerHarness()
        let sid = harness.polling()
        let first = harness.openWebSocket("EIO=4&transport=websocket&sid=\(sid)")
        let second = harness.openWebSocket("EIO=4&transport=websocket&sid=\(sid)")
        #expect(harness.actions() == ["close \(second.rawValue)"])
        harness.receive("2probe", on: first)
        harness.receive("5", on: first)
        _ = harness.actions()
        let third = harness.openWebSocket("EIO=4&transport=websocket&sid=\(sid)")
        #expect(harness.actions() == ["close \(third.rawValue)"])
        #expect(harness.server.sessionCount == 1)
    }

    @Test(arguments: ["5", "4hello", "2", "2other", "3probe", "x", ""]) func badProbes(text: String) {
        var harness = ServerHarness()
        let sid = harness.polling()
        let upgrade = harness.openWebSocket("EIO=4&transport=websocket&sid=\(sid)")
        harness.receive(WebSocketMessage(stringLiteral: text), on: upgrade)
        #expect(harness.actions() == ["close \(upgrade.rawValue)"])
        #expect(harness.server.sessionCount == 1)
    }

    @Test func probeThatDisconnectsLeavesPolling() {
        var harness = ServerHarness()
        let sid = harness.polling()
        let upgrade = harness.openWebSocket("EIO=4&transport=websocket&sid=\(sid)")
        harness.server.webSocketClosed(upgrade, now: harness.now)
        #expect(harness.server.sessionCount == 1)
        let poll = harness.request(.get, query(sid))
        harness.advance(.seconds(25))
        #expect(harness.actions() == ["respond \(poll.rawValue) 200 2"])
    }

    @Test func closingTheSessionClosesTheProbe() {
        var harness = ServerHarness()
        let sid = harness.polling()
        let upgrade = harness.openWebSocket("EIO=4&transport=websocket&sid=\(sid)")
        _ = harness.request(.post, query(sid), "1")
        #expect(harness.actions().contains("close \(upgrade.rawValue)"))
        #expect(harness.server.sessionCount == 0)
    }
}
