import Configuration
import Database
import Foundation
import HTTP
import HTTPTransport
import JSON
import Primitives
import Reactor
import Records
import SessionRules
import Signaling
import SocketIO
import TestSupport
import Testing

@testable import RecordsSQLite
@testable import SignalingServer

/// The real server over real sockets.
@Suite(.serialized) struct ServerTests {
    private let file = TemporaryFile()

    private func fresh(_ id: String, _ role: Role = .kiosk, _ organization: String = "west") -> Account {
        let now = SystemWallClock.now()
        return Account(
            id: id, role: role, organization: organization, displayName: "The \(id)", createdAt: now,
            tokensValidFrom: now, generation: 7)
    }

    private func start(_ configure: (inout ServerConfiguration) -> Void = { _ in }) throws -> RunningServer {
        try addAccounts(
            file, [fresh("K1"), fresh("M1", .monitor), fresh("A1", .admin), fresh("M9", .monitor, "east")])
        return try RunningServer(file, configure)
    }

    @Test func aMonitorWatchesAKioskAndACrewSignsOn() throws {
        let server = try start {
            $0.ice.stun = ["stun:s:3478"]
            $0.ice.turn = ["turn:t:3478"]
            $0.ice.sharedSecret = Redacted("secret")
        }
        defer { server.stop() }
        let client = try TestClient(server.address)
        let kiosk = try client.join("K1")
        let registered = try #require(kiosk.hear("kiosk-registered"))
        #expect(registered["kioskId"] == "K1" && registered["heartbeatInterval"] == 30_000)
        #expect(registered["iceServers"]?[1]?["username"]?.string?.hasSuffix(":K1") == true)
        let token = try client.logIn("K1").token.unredacted
        let listed = try client.request(.get, "/api/ice-servers", token: token).json
        #expect(try ICEServerList(json: listed).servers.map(\.urls) == [["stun:s:3478"], ["turn:t:3478"]])
        #expect(listed["iceServers"]?[1]?["username"]?.string?.hasSuffix(":K1") == true)
        #expect(try client.request(.get, "/api/ice-servers").status == 401)
        let monitor = try client.join("M1")
        #expect(monitor.hear("kiosk-list")?["kiosks"]?[0]?["online"] == true)
        let session = try #require(monitor.call("start-monitoring", ["kioskId": "K1"])?["sessionId"]?.string)
        #expect(kiosk.hear("monitoring-started")?["sessionId"]?.string == session)
        #expect(monitor.hear("monitoring-started")?["kioskId"] == "K1")
        #expect(monitor.call("offer", ["targetId": "K1", "offer": ["type": "offer", "sdp": "v=0"]])?["ok"] == true)
        #expect(kiosk.hear("offer")?["offer"]?["sdp"] == "v=0")
        #expect(kiosk.call("answer", ["targetId": "M1", "answer": ["type": "answer", "sdp": "v=1"]])?["ok"] == true)
        #expect(monitor.hear("answer")?["fromId"] == "K1")
        let crew: JSONValue = ["eventId": "e1", "crewId": "4711", "name": "Ada", "occurredAt": "2026-01-01T00:00:00Z"]
        #expect(kiosk.call("crew-sign-on", crew)?["ok"] == true)
        #expect(kiosk.call("crew-sign-on", crew)?["ok"] == true)
        #expect(
            kiosk.call("crew-sign-off", ["eventId": "e2", "crewId": "4711", "occurredAt": "2026-01-01T00:00:01Z"])?[
                "ok"] == true)
        #expect(monitor.hear("crew-sign-on")?["kioskId"] == "K1")
        #expect(monitor.hear("crew-sign-off")?["eventId"] == "e2")
        #expect(!monitor.heard.contains { $0.name == "crew-sign-on" }, "an event is told once")
        #expect(monitor.call("stop-monitoring", ["kioskId": "K1"])?["ok"] == true)
        #expect(kiosk.hear("monitoring-stopped")?["reason"] == "stopped-by-monitor")
    }

    @Test func whoHasNoGoodTokenIsToldWhy() throws {
        let server = try start()
        defer { server.stop() }
        let client = try TestClient(server.address)
        #expect(client.connect(nil).refusal?.data?["code"] == "token-missing")
        #expect(client.connect("x").refusal?.data?["code"] == "token-invalid")
        let token = try client.logIn("K1").token.unredacted
        #expect(client.connect(token).sid != nil)
        #expect(try client.request(.post, "/api/auth/logout", token: token).status == 204)
        #expect(client.connect(token).refusal?.data?["code"] == "token-invalid")
        #expect(try client.request(.get, "/api/me", token: token).errorCode == "token-invalid")
    }

    @Test func aDisabledAccountIsGoneWithinASecond() throws {
        let server = try start()
        defer { server.stop() }
        let client = try TestClient(server.address)
        let kiosk = try client.join("K1")
        let monitor = try client.join("M1")
        _ = monitor.call("start-monitoring", ["kioskId": "K1"])
        // As the command line does: another process's connection.
        var records = try SQLiteRecords(file.path, .existing, now: SystemWallClock.now())
        try records.perform(
            .change(id: "K1", displayName: nil, password: nil, isDisabled: true), by: "cli", now: SystemWallClock.now())
        let begun = MonotonicClock.now()
        #expect(kiosk.waitForEnd())
        #expect(MonotonicClock.now() - begun < .seconds(5))
        #expect(monitor.hear("monitoring-stopped")?["reason"] == "ended-by-admin")
        let login = try client.request(.post, "/api/auth/login", ["username": "K1", "password": "password of K1"])
        #expect(login.status == 401 && login.errorCode == "account-disabled")
    }

    @Test func aRestartIsNoMoreThanAReconnect() throws {
        var server = try start()
        var client = try TestClient(server.address)
        var kiosk = try client.join("K1")
        var monitor = try client.join("M1")
        let session = try #require(monitor.call("start-monitoring", ["kioskId": "K1"])?["sessionId"]?.string)
        _ = monitor.call("offer", ["targetId": "K1", "offer": ["type": "offer", "sdp": "v=0"]])
        _ = kiosk.call("answer", ["targetId": "M1", "answer": ["type": "answer", "sdp": "v=1"]])
        server.stop()
        #expect(kiosk.waitForEnd() && monitor.waitForEnd(), "clients are told")
        #expect(!kiosk.heard.contains { $0.name == "monitoring-stopped" })

        server = try RunningServer(file)
        client = try TestClient(server.address)
        kiosk = try client.join("K1", sessions: [session])
        monitor = try client.join("M1", sessions: [session])
        #expect(monitor.hear("kiosk-list")?["kiosks"]?[0]?["monitoredBy"] == "M1")
        #expect(kiosk.call("restart-request", ["targetId": "M1", "sessionId": .string(session)])?["ok"] == true)
        #expect(monitor.hear("restart-request")?["sessionId"]?.string == session)
        server.stop()
        var records = try SQLiteRecords(file.path, .existing, now: SystemWallClock.now())
        #expect(try records.beginning(now: SystemWallClock.now()).openSessions.map(\.id) == [session])
        guard case .whole = try records.verifyAudit() else {
            Issue.record("the audit is broken")
            return
        }
        #expect(try records.accounts().first { $0.id == "K1" }?.lastSeenAt != nil)
    }

    @Test func aStopThatEndsSessionsTellsBothSides() throws {
        let server = try start { $0.shutdown.endSessions = true }
        let client = try TestClient(server.address)
        let kiosk = try client.join("K1")
        let monitor = try client.join("M1")
        _ = monitor.call("start-monitoring", ["kioskId": "K1"])
        server.stop()
        #expect(kiosk.hear("monitoring-stopped")?["reason"] == "server-shutdown")
        #expect(monitor.hear("monitoring-stopped")?["reason"] == "server-shutdown")
    }

    @Test func refreshTokensRotate() throws {
        let server = try start()
        defer { server.stop() }
        let client = try TestClient(server.address)
        let first = try client.logIn("K1")
        func refresh(_ token: Redacted<String>) throws -> HTTPResponse {
            try client.request(.post, "/api/auth/refresh", RefreshRequest(refreshToken: token).json)
        }
        let second = try LoginAnswer(json: try refresh(first.refreshToken).json)
        #expect(second.user == first.user && second.refreshToken != first.refreshToken)
        // The answer was lost: once more with the same token.
        let third = try LoginAnswer(json: try refresh(first.refreshToken).json)
        #expect(third.refreshToken != second.refreshToken)
        let socket = client.connect(third.token.unredacted)
        #expect(socket.sid != nil)
        let fourth = try LoginAnswer(json: try refresh(third.refreshToken).json)
        #expect(try refresh(first.refreshToken).errorCode == "token-invalid")
        #expect(socket.waitForEnd(), "a stolen family's sockets go")
        #expect(try refresh(fourth.refreshToken).errorCode == "token-invalid")
        #expect(try refresh(Redacted("nonsense")).status == 401)
    }

    @Test func guessingIsSlowedDown() throws {
        let server = try start()
        defer { server.stop() }
        let client = try TestClient(server.address)
        var answers: [HTTPResponse] = []
        for name in ["K1", "nobody"] {
            for _ in 0..<6 {
                answers.append(
                    try client.request(.post, "/api/auth/login", ["username": .string(name), "password": "wrong"]))
            }
        }
        #expect(answers.map(\.status) == [401, 401, 401, 401, 401, 429, 401, 401, 401, 401, 401, 429])
        #expect(answers[0].body == answers[6].body, "a wrong password and an unknown name look the same")
        #expect(answers[5].headers["retry-after"] == "1")
        #expect(answers[5].errorCode == "throttled")
    }

    @Test func requestsOfOneAddressAreCounted() throws {
        let server = try start { $0.limits.requestsPerAddress = 1 }
        defer { server.stop() }
        let client = try TestClient(server.address)
        var answers: [HTTPResponse] = []
        for _ in 0..<12 { answers.append(try client.request(.get, "/healthz")) }
        #expect(answers.prefix(10).allSatisfy { $0.status == 200 })
        let last = try #require(answers.last)
        #expect(last.status == 429 && last.errorCode == "throttled" && last.headers["retry-after"] == "1")
    }

    @Test func whatIsTooLargeForAStrangerIsRefusedByItsHead() throws {
        let server = try start()
        defer { server.stop() }
        func status(_ path: String, _ bytes: Int) -> Int {
            RawHTTP.exchange(server.address, "POST", path, length: bytes).status
        }
        #expect(status("/api/auth/login", 65 * 1024) == 413)
        #expect(status("/", 2048) == 413)
        let client = try TestClient(server.address)
        let opened = try client.request(.get, "/socket.io/?EIO=4&transport=polling").body
        let sid = try #require(JSONValue(parsing: Array(opened.dropFirst()))["sid"]?.string)
        #expect(status("/socket.io/?EIO=4&transport=polling&sid=\(sid)", 17 * 1024) == 413)

        // On a WebSocket the frame's head is enough.
        let socket = client.connect("x")
        #expect(socket.refusal?.data?["code"] == "token-invalid")
        let second = client.connect(String(repeating: "x", count: 9 * 1024))
        #expect(second.refusal == nil && second.waitForEnd())
        let member = try client.join("K1")
        #expect(
            member.call("heartbeat-ping", ["padding": .string(String(repeating: "x", count: 9 * 1024))])?["ok"] == true)
    }

    @Test func oneServerServesOneDatabase() throws {
        let server = try start()
        #expect(throws: RecordsLock.Failure.self) { _ = try RunningServer(file) }
        server.stop()
        let second = try RunningServer(file)
        second.stop()
    }

    @Test func withLittleSpaceTheServerIsNotReady() throws {
        let server = try start { $0.limits.freeSpace = ConfiguredSize(bytes: Int.max) }
        defer { server.stop() }
        let client = try TestClient(server.address)
        let answer = client.until {
            (try? client.request(.get, "/readyz")).flatMap {
                $0.status == 503 ? String(decoding: $0.body, as: UTF8.self) : nil
            }
        }
        #expect(answer == "not ready: little space is left for the records\n")
    }

    @Test func listsDoNotWaitForTheRecordsNorTheseForThem() throws {
        let server = try start()
        defer { server.stop() }
        let client = try TestClient(server.address)
        let admin = try client.logIn("A1").token.unredacted
        var other = try Database(.file(file.path))
        _ = try other.begin()
        defer { other.rollBack() }
        for path in ["/api/crew-events", "/api/sessions", "/api/audit", "/api/accounts"] {
            #expect(try client.request(.get, path, token: admin).status == 200, "\(path)")
        }
    }

    @Test func guessesOfADayAreFewLinesOfAudit() throws {
        let server = try start()
        let client = try TestClient(server.address)
        for _ in 0..<4 {
            _ = try client.request(.post, "/api/auth/login", ["username": "K1", "password": "wrong"])
        }
        server.stop()
        var records = try Store(.file(file.path), now: SystemWallClock.now())
        let query = ListReader(.audit(AuditFilter()), organization: "west", limit: 10).query
        guard case .audit(let audit, _) = try records.rows(query) else {
            Issue.record("no lines")
            return
        }
        let lines = audit.filter { $0.kind == "login-refused" }
        #expect(lines.count == 2 && lines.allSatisfy { $0.actor == "K1" })
        #expect(lines.contains { $0.details.contains("\"count\":3") })
    }

    @Test func aRemovedAccountsTokensAreNotItsSuccessors() throws {
        let server = try start()
        defer { server.stop() }
        let client = try TestClient(server.address)
        let admin = try client.logIn("A1").token.unredacted
        let login = try client.logIn("K1")
        #expect(try client.request(.delete, "/api/accounts/K1", token: admin).status == 204)
        let again: JSONValue = ["id": "K1", "role": "kiosk", "password": "password of K1"]
        #expect(try client.request(.post, "/api/accounts", again, token: admin).status == 201)
        #expect(client.connect(login.token.unredacted).refusal?.data?["code"] == "token-invalid")
        let refreshed = try client.request(
            .post, "/api/auth/refresh", RefreshRequest(refreshToken: login.refreshToken).json)
        #expect(refreshed.errorCode == "token-invalid")
        #expect(client.connect(try client.logIn("K1").token.unredacted).sid != nil)
    }

    @Test func readinessIsThatOfTheRecords() throws {
        let server = try start()
        defer { server.stop() }
        let client = try TestClient(server.address)
        func becomes(_ status: Int) -> Bool {
            client.until { (try? client.request(.get, "/readyz"))?.status == status ? true : nil } == true
        }
        #expect(becomes(200))
        var other = try Database(.file(file.path))
        _ = try other.begin()
        #expect(becomes(503))
        other.rollBack()
        #expect(becomes(200))
    }

    @Test func theConsoleIsServedWhole() throws {
        let server = try start()
        defer { server.stop() }
        let client = try TestClient(server.address)
        let folder = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../Sources/ConsolePage/Page").standardized
        let names = try FileManager.default.subpathsOfDirectory(atPath: folder.path()).filter { $0.contains(".") }
        #expect(Set(names) == Set(ConsoleFiles.paths))
        for name in names {
            let response = try client.request(.get, "/\(name)")
            #expect(response.status == 200)
            #expect(response.body == (try Array(Data(contentsOf: folder.appending(path: name)))))
            let headers = RawHTTP.exchange(server.address, "GET", "/\(name)").headers
            #expect(headers["content-security-policy"]?.contains("default-src 'none'") == true)
            #expect(headers["x-content-type-options"] == "nosniff")
            let tag = try #require(response.headers["etag"])
            let again = try client.request(.get, "/\(name)", headers: [HTTPHeader("If-None-Match", tag)])
            #expect(again.status == 304 && again.body.isEmpty)
        }
        #expect(try client.request(.get, "/").headers["content-type"] == "text/html; charset=utf-8")
        for path in ["/../etc/passwd", "/index.html/", "/%2e%2e/x", "/nothing", "/api", "/apix"] {
            #expect(try client.request(.get, path).status == 404, "\(path)")
        }
        #expect(try client.request(.post, "/", ["a": 1]).status == 405)
    }

    @Test func theConsoleIsCompressedForWhoReadsIt() throws {
        let server = try start()
        defer { server.stop() }
        let client = try TestClient(server.address)
        var sum = 0
        for name in ConsoleFiles.paths {
            let plain = try client.request(.get, "/\(name)")
            #expect(plain.headers["content-encoding"] == nil && plain.headers["vary"] == "Accept-Encoding")
            let asked = [HTTPHeader("Accept-Encoding", "gzip, deflate, br")]
            let coded = try client.request(.get, "/\(name)", headers: asked)
            sum += coded.body.count
            if coded.headers["content-encoding"] != nil {
                #expect(coded.headers["content-encoding"] == "gzip")
                #expect(Gunzip.decompressed(coded.body, limit: plain.body.count) == plain.body)
                #expect(coded.headers["etag"] != plain.headers["etag"])
            } else {
                #expect(coded.body == plain.body)
            }
            let tag = try #require(coded.headers["etag"])
            let again = try client.request(.get, "/\(name)", headers: asked + [HTTPHeader("If-None-Match", tag)])
            #expect(again.status == 304 && again.body.isEmpty)
            // The tag of one coding does not stand for another.
            if coded.headers["content-encoding"] != nil {
                let other = try client.request(.get, "/\(name)", headers: [HTTPHeader("If-None-Match", tag)])
                #expect(other.status == 200)
            }
        }
        #expect(sum < 200_000, "the whole page is \(sum) bytes")
    }

    @Test func healthAndMetrics() throws {
        let server = try start()
        defer { server.stop() }
        let client = try TestClient(server.address)
        _ = try client.join("K1")
        #expect(try client.request(.get, "/healthz").status == 200)
        #expect(try client.request(.get, "/readyz").status == 200)
        let text = String(decoding: try client.request(.get, "/metrics").body, as: UTF8.self)
        for line in [
            #"kiosk_signaling_sockets{role="kiosk"} 1"#, "kiosk_signaling_kiosks_online 1",
            #"kiosk_signaling_events_total{event="register-kiosk"} 1"#,
            #"kiosk_signaling_logins_total{result="succeeded"} 1"#, "kiosk_signaling_store_seconds_count ",
            #"kiosk_signaling_loop_seconds_bucket{le="+Inf"} "#,
        ] {
            #expect(text.contains(line), "\(line)")
        }
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            #expect(line.wholeMatch(of: /[a-z_]+(\{[a-z]+="[^"]*"\})? [0-9.e+-]+/) != nil, "\(line)")
        }
        let behind = try RunningServer(TemporaryFile()) {
            $0.proxy.trusted = [IPAddress("127.0.0.1")!]
            $0.metrics.allow = [IPAddress("127.0.0.1")!, IPAddress("198.51.100.7")!]
        }
        defer { behind.stop() }
        for (forwarded, status) in [
            (nil, 404), ("198.51.100.8", 404), ("127.0.0.1", 404), ("somewhere", 404), ("198.51.100.7", 200),
            ("198.51.100.7:4711", 200), ("\"[::ffff:198.51.100.7]:4711\"", 200), ("198.51.100.8:4711", 404),
            ("198.51.100.8, 198.51.100.7", 200), ("198.51.100.7, 127.0.0.1", 200), ("198.51.100.7, 198.51.100.8", 404),
        ] as [(String?, Int)] {
            let headers = forwarded.map { ["X-Forwarded-For: \($0)"] } ?? []
            #expect(
                RawHTTP.exchange(behind.address, "GET", "/metrics", headers: headers).status == status,
                "\(forwarded ?? "-")"
            )
        }
        // Forwarded by somebody whose word is not taken: whose request it is nobody knows.
        let untold = try RunningServer(TemporaryFile())
        defer { untold.stop() }
        #expect(RawHTTP.exchange(untold.address, "GET", "/metrics").status == 200)
        for header in ["X-Forwarded-For: 198.51.100.7", "Forwarded: for=198.51.100.7", "X-Real-IP: 198.51.100.7"] {
            #expect(RawHTTP.exchange(untold.address, "GET", "/metrics", headers: [header]).status == 404)
        }
        // A proxy's own line stands behind the one that its client wrote.
        let lines = ["X-Forwarded-For: 198.51.100.7", "X-Forwarded-For: 198.51.100.8"]
        #expect(RawHTTP.exchange(behind.address, "GET", "/metrics", headers: lines).status == 404)
        let closed = try RunningServer(TemporaryFile()) { $0.metrics.allow = [] }
        defer { closed.stop() }
        #expect(try TestClient(closed.address).request(.get, "/metrics").status == 404)
    }

    @Test func crossOriginRequestsNeedAnAllowedOrigin() throws {
        let server = try start { $0.cors.origins = ["https://good.example"] }
        defer { server.stop() }
        func allowed(_ origin: String, _ path: String) -> String? {
            RawHTTP.exchange(server.address, "OPTIONS", path, headers: ["Origin: \(origin)"])
                .headers["access-control-allow-origin"]
        }
        for path in ["/api/auth/login", "/socket.io/"] {
            #expect(allowed("https://good.example", path) == "https://good.example")
            #expect(allowed("https://evil.example", path) == nil)
        }
        #expect(allowed("https://good.example", "/") == nil)
    }

    // MARK: The API

    @Test func theApiShowsAnOrganizationItsOwn() throws {
        let server = try start()
        defer { server.stop() }
        let client = try TestClient(server.address)
        let kiosk = try client.join("K1")
        let monitor = try client.join("M1")
        let session = try #require(monitor.call("start-monitoring", ["kioskId": "K1"])?["sessionId"]?.string)
        for index in 0..<3 {
            _ = kiosk.call(
                "crew-sign-on",
                [
                    "eventId": .string("e\(index)"), "crewId": "=1", "name": "A, \"B\"",
                    "occurredAt": "2026-01-01T00:00:00Z",
                ])
        }
        let admin = try client.logIn("A1").token.unredacted
        let stranger = try client.logIn("M9").token.unredacted
        func get(_ path: String, _ token: String) throws -> JSONValue {
            try client.request(.get, path, token: token).json
        }

        #expect(try get("/api/me", admin)["role"] == "admin")
        #expect(try get("/api/me", admin)["protocol"] == 1)
        #expect(try get("/api/kiosks", admin)["items"]?[0]?["monitoredBy"] == "M1")
        #expect(try get("/api/kiosks", stranger)["items"]?.array?.isEmpty == true)
        #expect(try get("/api/sessions?state=open", admin)["items"]?[0]?["sessionId"]?.string == session)
        #expect(try get("/api/sessions", stranger)["items"]?.array?.isEmpty == true)
        #expect(try client.request(.get, "/api/sessions/\(session)", token: stranger).status == 404)
        #expect(try client.request(.delete, "/api/sessions/\(session)", token: stranger).status == 404)

        let page = try get("/api/crew-events?limit=2&kioskId=K1", stranger)
        #expect(page["items"]?.array?.isEmpty == true)
        let first = try get("/api/crew-events?limit=2", admin)
        #expect(first["items"]?.array?.compactMap { $0["eventId"]?.string } == ["e2", "e1"])
        let next = try #require(first["next"]?.string)
        let second = try get("/api/crew-events?limit=2&cursor=\(next)", admin)
        #expect(second["items"]?.array?.compactMap { $0["eventId"]?.string } == ["e0"])
        #expect(second["next"] == .null)
        let csv = try client.request(.get, "/api/crew-events?format=csv", token: admin)
        #expect(csv.headers["content-disposition"] == "attachment; filename=\"crew-events.csv\"")
        let lines = String(decoding: csv.body, as: UTF8.self).split(separator: "\r\n")
        #expect(lines.count == 4)
        #expect(lines[1].hasPrefix(#"crew-sign-on,e2,K1,'=1,"A, ""B""",,,2026-01-01T00:00:00Z,"#))

        #expect(try client.request(.delete, "/api/sessions/\(session)", token: admin).status == 204)
        #expect(kiosk.hear("monitoring-stopped")?["reason"] == "ended-by-admin")
        // Lists are read over a connection of their own: what was decided is in them once it is written.
        var audit = try get("/api/audit?limit=1", admin)["items"]?[0]
        for _ in 0..<100 where audit?["kind"] != "monitoring-stopped" {
            usleep(50_000)
            audit = try get("/api/audit?limit=1", admin)["items"]?[0]
        }
        #expect(audit?["kind"] == "monitoring-stopped" && audit?["actor"] == "A1")
        #expect(audit?["details"]?["reason"] == "ended-by-admin")
        #expect(try client.request(.get, "/api/audit", token: stranger).status == 403)
    }

    /// Answers that nobody takes hold a page each of a few, and a crew event is answered between two pages.
    @Test func exportsThatAreNotTakenHoldNothingUp() throws {
        let server = try start()
        defer { server.stop() }
        var store = try Store(.file(file.path), now: SystemWallClock.now())
        try store.write { database throws(DatabaseError) in
            for number in 0..<10_000 {
                let event = CrewEvent(
                    kind: .signOn, eventId: "e\(number)", crewId: "c", name: String(repeating: "n", count: 100),
                    role: nil, train: nil, occurredAt: "2026-01-01T00:00:00Z")
                _ = try CrewTable.insert(
                    CrewRecord(
                        organization: "west", kioskId: "K1", event: event, receivedAt: SystemWallClock.now()),
                    in: &database)
            }
        }
        let client = try TestClient(server.address)
        let token = try client.logIn("M1").token.unredacted
        let kiosk = try client.join("K1")
        let path = "/api/crew-events?format=csv&limit=10000"
        let unread = (0..<60).map { _ in
            RawHTTP.ask(server.address, "GET", path, headers: ["Authorization: Bearer \(token)"])
        }
        #expect(
            kiosk.call(
                "crew-sign-on", ["eventId": "now", "crewId": "c", "occurredAt": "2026-01-01T00:00:00Z"])?["ok"] == true)
        func metric(_ name: String) throws -> Int {
            let text = String(decoding: try client.request(.get, "/metrics").body, as: UTF8.self)
            return try #require(
                text.split(separator: "\n").first { $0.hasPrefix(name + " ") }.flatMap {
                    Int($0.split(separator: " ")[1])
                })
        }
        // Four are on their way, sixteen wait, the others have been refused.
        #expect(
            client.until { (try? metric(#"kiosk_signaling_http_responses_total{status="429"}"#)) == 40 ? true : nil }
                == true)
        #expect(try metric("kiosk_signaling_held_bytes") < 1_000_000)
        #expect(try client.request(.get, path, token: token).status == 429)
        // Another account is served; this one too as soon as its clients have gone.
        let admin = try client.logIn("A1").token.unredacted
        let csv = try client.request(.get, path, token: admin)
        #expect(csv.status == 200 && csv.headers["transfer-encoding"] == "chunked")
        #expect(csv.body.count { $0 == 0x0A } == 10_001)
        for one in unread { one.close() }
        let again = client.until {
            (try? client.request(.get, path, token: token)).flatMap { $0.status == 200 ? $0 : nil }
        }
        #expect(again?.body == csv.body)
    }

    /// What a polling client has not taken is its account's. One that polls late loses nothing; one that lets more wait than
    /// an account may hold is gone.
    @Test func aSlowPollingClientUnderTheLimitGoesOn() throws {
        let server = try start {
            $0.limits.memoryPerAccount = ConfiguredSize(bytes: 1 << 20)
            $0.limits.messagesPerSecond = 10_000
        }
        defer { server.stop() }
        let client = try TestClient(server.address)
        let kiosk = try client.join("K1")
        let token = try client.logIn("M1").token.unredacted
        var sid = ""
        func exchange(_ body: String? = nil) throws -> (status: Int, packets: [String]) {
            let path = "/socket.io/?EIO=4&transport=polling" + (sid.isEmpty ? "" : "&sid=\(sid)")
            let answer = try client.request(body == nil ? .get : .post, path, text: body ?? "")
            return (answer.status, String(decoding: answer.body, as: UTF8.self).components(separatedBy: "\u{1E}"))
        }
        func hear(_ prefix: String) throws -> String {
            while true {
                let (status, packets) = try exchange()
                #expect(status == 200)
                guard status == 200 else { throw CocoaError(.fileReadUnknown) }
                if let found = packets.first(where: { $0.hasPrefix(prefix) }) { return found }
            }
        }
        sid = try #require(try JSONValue(parsing: Array(try hear("0").utf8.dropFirst()))["sid"]?.string)
        _ = try exchange("40{\"token\":\"\(token)\"}")
        _ = try hear("40{")
        _ = try exchange("421[\"register-monitor\",{\"sessions\":[]}]")
        _ = try hear("431[")
        _ = try exchange("422[\"start-monitoring\",{\"kioskId\":\"K1\"}]")
        let started = try JSONValue(parsing: Array(try hear("432[").utf8.dropFirst(3)))
        let session = try #require(started[0]?["sessionId"])
        let sdp = "v=0\r\na=" + String(repeating: "x", count: 20_000) + "\r\n"
        func speak(_ count: Int) {
            for _ in 0..<count {
                _ = kiosk.call(
                    "answer",
                    [
                        "targetId": "M1", "sessionId": session, "answer": ["type": "answer", "sdp": .string(sdp)],
                    ])
            }
        }
        speak(30)
        var seen = 0
        while seen < 30 { seen += try exchange().packets.count { $0.hasPrefix("42[\"answer\"") } }
        #expect(seen == 30)
        speak(150)
        #expect(try exchange().status == 400)
        let text = String(decoding: try client.request(.get, "/metrics").body, as: UTF8.self)
        #expect(text.contains("kiosk_signaling_evictions_total 1\n"))
        #expect(kiosk.disconnected == nil)
    }

    /// What a kiosk says of itself when it registers is where an administrator looks for it, and stays when it has gone.
    @Test func accountsShowWhatKiosksRun() throws {
        let server = try start()
        defer { server.stop() }
        let client = try TestClient(server.address)
        let kiosk = client.connect(try client.logIn("K1").token.unredacted)
        #expect(kiosk.call("register-kiosk", ["version": "1.2.3", "hostname": "kiosk-7"])?["ok"] == true)
        let admin = try client.logIn("A1").token.unredacted
        func isShown() -> Bool? {
            guard let list = try? client.request(.get, "/api/accounts", token: admin).json,
                let one = try? client.request(.get, "/api/accounts/K1", token: admin).json
            else { return nil }
            let entry = list["items"]?.array?.first { $0["id"] == "K1" }
            let isRight = [entry, one].allSatisfy { $0?["version"] == "1.2.3" && $0?["hostname"] == "kiosk-7" }
            return isRight ? true : nil
        }
        #expect(client.until(isShown) == true)
        let monitor = try client.request(.get, "/api/accounts/M1", token: admin).json
        #expect(monitor["version"] == .null && monitor["hostname"] == .null)
    }

    /// Over the process's limit the newest stranger goes first, and who is known stays.
    @Test func theNewestStrangerGoesFirst() throws {
        let server = try start {
            $0.limits.memory = ConfiguredSize(bytes: 1 << 20)
            $0.limits.memoryPerAccount = ConfiguredSize(bytes: 1 << 20)
            $0.limits.memoryPerAddress = ConfiguredSize(bytes: 1 << 30)
            $0.limits.requestsPerAddress = 10_000
        }
        defer { server.stop() }
        let client = try TestClient(server.address)
        let kiosk = try client.join("K1")
        let monitor = try client.join("M1")
        func metric(_ name: String) -> Int? {
            guard let page = try? client.request(.get, "/metrics").body else { return nil }
            let lines = String(decoding: page, as: UTF8.self).split(separator: "\n")
            return lines.first { $0.hasPrefix(name + " ") }.flatMap { Int($0.split(separator: " ")[1]) }
        }
        // Log-ins that are never complete, 60 kB each, of 100 strangers one after the other: seventeen have room.
        let part = [UInt8](repeating: 0x20, count: 60_000)
        let strangers = (0..<100).map { _ in
            let one = RawHTTP.ask(server.address, "POST", "/api/auth/login", length: 60_010, body: part)
            _ = client.until { one.isTaken ? true : nil }
            return one
        }
        // It is looked at again for each further quarter of a megabyte.
        #expect(client.until { (metric("kiosk_signaling_evictions_total") ?? 0) >= 75 ? true : nil } == true)
        #expect(client.until { (metric("kiosk_signaling_held_bytes") ?? .max) < 3 << 19 ? true : nil } == true)
        // Who was there first is answered.
        for first in strangers.prefix(10) {
            first.send([UInt8](repeating: 0x20, count: 10))
            #expect(first.status() == 400)
        }
        let crew: JSONValue = ["eventId": "e", "crewId": "c", "occurredAt": "2026-01-01T00:00:00Z"]
        #expect(kiosk.call("crew-sign-on", crew)?["ok"] == true && monitor.hear("crew-sign-on") != nil)
        #expect(kiosk.disconnected == nil && monitor.disconnected == nil)
    }

    @Test func administratorsKeepTheAccountsOfTheirOrganization() throws {
        let server = try start()
        defer { server.stop() }
        let client = try TestClient(server.address)
        let admin = try client.logIn("A1").token.unredacted
        func send(_ method: HTTPMethod, _ path: String, _ json: JSONValue? = nil) throws -> HTTPResponse {
            try client.request(method, path, json, token: admin)
        }
        let new: JSONValue = ["id": "K2", "role": "kiosk", "password": "password of K2"]
        let added = try send(.post, "/api/accounts", new)
        #expect(added.status == 201 && added.headers["location"] == "/api/accounts/K2")
        #expect(try added.json["organization"] == "west")
        #expect(try send(.post, "/api/accounts", new).errorCode == "conflict")
        let kiosk = try client.join("K2")
        #expect(try send(.patch, "/api/accounts/K2", ["displayName": "Platform 2"]).json["displayName"] == "Platform 2")
        #expect(try send(.patch, "/api/accounts/K2", ["disabled": true]).json["disabled"] == true)
        #expect(kiosk.waitForEnd())
        #expect(
            try send(.patch, "/api/accounts/K2", ["disabled": false, "password": "another password"]).status == 200)
        #expect(
            try client.request(.post, "/api/auth/login", ["username": "K2", "password": "another password"]).status
                == 200)
        #expect(try send(.delete, "/api/accounts/K2").status == 204)
        #expect(try send(.get, "/api/accounts/K2").status == 404)
        #expect(try send(.get, "/api/accounts/M9").status == 404)
        #expect(try send(.patch, "/api/accounts/M9", ["disabled": true]).status == 404)
        #expect(try send(.delete, "/api/accounts/A1").status == 409)
        #expect(
            try send(.get, "/api/accounts").json["items"]?.array?.compactMap { $0["id"]?.string } == ["A1", "K1", "M1"])
        for bad: JSONValue in [
            [], 7, [:], ["id": "x"], ["id": "K 3", "role": "kiosk", "password": "password of K3"],
            ["id": "K3", "role": "king", "password": "password of K3"],
            ["id": "K3", "role": "kiosk", "password": "short"],
            ["id": "K3", "role": "kiosk", "password": "password of\u{0} K3"],
            ["id": "K3", "role": "kiosk", "password": "password of K3", "displayName": "a\u{0}b"],
            ["id": "K3", "role": "kiosk", "password": "password of K3", "displayName": "a\u{202E}b"],
            ["id": "K3", "role": "kiosk", "password": "password of K3", "displayName": "a\u{85}b"],
        ] {
            #expect(try send(.post, "/api/accounts", bad).errorCode == "bad-request", "\(bad)")
        }
        // What this server does not know is passed over; nobody adds accounts elsewhere.
        let newer: JSONValue = [
            "id": "K3", "role": "kiosk", "password": "password of K3", "organization": "east", "colour": 7,
        ]
        #expect(try send(.post, "/api/accounts", newer).json["organization"] == "west")
        #expect(try send(.patch, "/api/accounts/K3", ["displayName": "3", "colour": 7]).json["displayName"] == "3")
        #expect(try send(.patch, "/api/accounts/K3", ["disable": true]).errorCode == "bad-request")
        #expect(try send(.patch, "/api/accounts/K3", [:]).errorCode == "bad-request")
    }

    @Test func whoFindsTheHashersBusyIsToldWhenToComeBack() throws {
        let server = try start()
        defer { server.stop() }
        let client = try TestClient(server.address)
        let admin = try client.logIn("A1").token.unredacted
        let gate = DispatchSemaphore(value: 0)
        for _ in 0...PasswordWorker.limit { server.passwords.submit { gate.wait() } }
        defer { for _ in 0...PasswordWorker.limit { gate.signal() } }
        let refused = try client.request(
            .post, "/api/accounts", ["id": "K2", "role": "kiosk", "password": "password of K2"], token: admin)
        #expect(refused.status == 429 && refused.errorCode == "throttled")
        #expect(refused.headers["retry-after"] == "2")
    }

    @Test func theDocumentDescribesWhatIsThere() throws {
        let server = try start()
        defer { server.stop() }
        let client = try TestClient(server.address)
        let document = try client.request(.get, "/api/openapi.json").json
        #expect(document["openapi"]?.string?.hasPrefix("3.1") == true)
        let paths = try #require(document["paths"]?.object)
        #expect(paths.count == 14)
        for path in paths.members {
            for operation in path.value.object?.members ?? [] {
                let method = try #require(HTTPMethod(rawValue: operation.name.uppercased()))
                let url = path.name.replacing(/\{.*?\}/, with: "x")
                let response = try client.request(method, url, method == .get || method == .delete ? nil : .null)
                let isPublic = operation.value["security"]?.array?.isEmpty == true
                #expect(isPublic ? [200, 400].contains(response.status) : response.status == 401, "\(method) \(url)")
                #expect(operation.value["responses"]?["\(response.status)"] != nil, "\(method) \(url)")
            }
            let other = path.value["put"] == nil ? "PUT" : "POST"
            let wrong = RawHTTP.exchange(server.address, other, path.name.replacing(/\{.*?\}/, with: "x"))
            #expect(wrong.status == 405 && wrong.headers["allow"] != nil, "\(path.name)")
        }
    }

    @Test func badQueriesAreRefusedByName() throws {
        let server = try start()
        defer { server.stop() }
        let client = try TestClient(server.address)
        let admin = try client.logIn("A1").token.unredacted
        for query in [
            "limit=0", "limit=x", "limit=1001", "limit=+5", "limit=", "cursor=x", "cursor=-1", "from=yesterday",
            "crewid=4711", "t=1",

            "format=xml", "kioskId=", "limit=1&limit=2",
        ] {
            let response = try client.request(.get, "/api/crew-events?\(query)", token: admin)
            #expect(response.status == 400 && response.errorCode == "bad-request", "\(query)")
        }
        // A time beyond what 64 bits of nanoseconds hold is only far away.
        let far = "from=0257-03-31T03:18:05-12:13&to=9999-12-31T23:59:59.999999999Z"
        #expect(try client.request(.get, "/api/crew-events?\(far)", token: admin).status == 200)
    }
}
