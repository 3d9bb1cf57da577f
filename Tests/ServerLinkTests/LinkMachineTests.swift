import AgentSettings
import HTTP
import HTTPTransport
import JSON
import Primitives
import Signaling
import SocketIO
import Testing

@testable import ServerLink

/// The whole link against a server that speaks in messages.
@Suite struct LinkMachineTests {
    private let server = ServerAddress("https://signaling.example")!
    private let start = Moment(
        instant: Instant(nanoseconds: 1_000_000_000), wall: WallClock(secondsSince1970: 1_800_000_000))

    private func after(_ time: Duration) -> Moment { Moment(instant: start.instant + time, wall: start.wall + time) }

    private func machine() -> LinkMachine {
        LinkMachine(
            LinkMachine.Identity(
                kioskId: "KIOSK_01", server: server, hostname: "lobby", hasMicrophone: true, passwordIsOfTheStart: false
            ),
            random: .seeded(4))
    }

    private func actions(_ machine: inout LinkMachine) -> [LinkMachine.Action] {
        var actions: [LinkMachine.Action] = []
        while let action = machine.pollAction() { actions.append(action) }
        return actions
    }

    /// The texts that are sent; other actions are left out.
    private func sent(_ machine: inout LinkMachine) -> [String] {
        actions(&machine).compactMap {
            if case .send(.text(let bytes)) = $0 { String(decoding: bytes, as: UTF8.self) } else { nil }
        }
    }

    private func text(_ text: String) -> WebSocketMessage { .text(Array(text.utf8)) }

    private func login(_ token: String) -> HTTPResponse {
        HTTPResponse(
            status: 200,
            body: Array(
                """
                {"token":"\(token)","expiresAt":"2027-01-01T00:00:00Z","refreshToken":"refresh-\(token)",
                "user":{"id":"KIOSK_01","role":"kiosk","organization":"RAIL","displayName":"Lobby"}}
                """.utf8))
    }

    private func post(_ path: String, _ body: JSONValue) -> [LinkMachine.Action] {
        [.report(.phaseChanged(.connecting)), .request(path: path, body)]
    }

    private let openWebSocket: [LinkMachine.Action] = [
        .report(.phaseChanged(.connecting)), .openWebSocket(path: "/socket.io/?EIO=4&transport=websocket"),
    ]

    /// Up to the WebSocket that is being opened.
    private func opening() -> LinkMachine {
        var machine = machine()
        machine.started(now: start)
        machine.passwordRead(Redacted("secret"), now: start)
        machine.responded(login("t1"), now: start)
        _ = actions(&machine)
        return machine
    }

    private func registered(_ machine: inout LinkMachine, iceServers: String = "[]", now: Moment) {
        machine.webSocketOpened(now: now)
        machine.webSocketReceived(
            text(#"0{"sid":"s","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#), now: now
        )
        machine.webSocketReceived(text(#"40{"sid":"n"}"#), now: now)
        machine.webSocketReceived(
            text(
                #"42["kiosk-registered",{"kioskId":"KIOSK_01","heartbeatInterval":30000,"iceServers":"# + iceServers
                    + "}]"), now: now)
    }

    private func registered(iceServers: String = "[]") -> LinkMachine {
        var machine = opening()
        registered(&machine, iceServers: iceServers, now: start)
        _ = actions(&machine)
        return machine
    }

    private func trouble(_ actions: [LinkMachine.Action]) -> LinkTrouble.Kind? {
        for case .report(.phaseChanged(.waiting(let trouble, _))) in actions { return trouble.kind }
        return nil
    }

    private func pong(_ wall: WallClock) -> WebSocketMessage {
        text(#"42["heartbeat-pong",{"serverTime":"\#(wall.text)"}]"#)
    }

    @Test func theWayUp() {
        var machine = machine()
        machine.started(now: start)
        #expect(actions(&machine) == [.readPassword])
        machine.passwordRead(Redacted("secret"), now: start)
        #expect(
            actions(&machine) == post("/api/auth/login", ["username": "KIOSK_01", "password": "secret"]))
        machine.responded(login("t1"), now: start)
        #expect(actions(&machine) == openWebSocket)
        machine.webSocketOpened(now: start)
        machine.webSocketReceived(
            text(#"0{"sid":"s","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#),
            now: start)
        #expect(sent(&machine) == [#"40{"token":"t1"}"#])
        machine.webSocketReceived(text(#"40{"sid":"n"}"#), now: start)
        let registration = sent(&machine)
        #expect(registration.count == 1 && registration[0].hasPrefix(#"420["register-kiosk",{"#))
        #expect(registration[0].contains(#""hostname":"lobby""#) && registration[0].contains(#""audio":true"#))
        machine.webSocketReceived(
            text(#"42["kiosk-registered",{"kioskId":"KIOSK_01","heartbeatInterval":30000,"iceServers":[]}]"#),
            now: start)
        let reports = actions(&machine)
        #expect(
            reports == [
                .report(.phaseChanged(.registered)), .report(.registered),
                .report(
                    .server(.kioskRegistered(kioskId: "KIOSK_01", heartbeatInterval: .seconds(30), iceServers: []))),
            ])
        #expect(machine.nextTimeout == start.instant)
        machine.handleTimeout(now: start)
        let beat = sent(&machine)
        #expect(beat.count == 1 && beat[0].hasPrefix(#"42["heartbeat-ping",{"#))
    }

    @Test func whatWaitsIsSentWhenItIsOfTheSessionThatIsCarried() {
        var machine = opening()
        machine.handle(.carried(["earlier", "now"]), own: nil, now: start)
        for session in ["then", "now"] {
            let candidate = CandidatePayload(candidate: "candidate:\(session)")
            machine.handle(
                .send(.iceCandidate(targetId: "M", sessionId: session, candidate)), own: nil, now: start)
            machine.handle(.send(.restartRequest(targetId: "M", sessionId: session)), own: nil, now: start)
        }
        #expect(actions(&machine).isEmpty)
        registered(&machine, now: start)
        let events = sent(&machine).filter { $0.hasPrefix("42[") }
        #expect(events.count == 1 && events[0].contains("candidate:now"), "\(events)")
        // Once.
        machine.handle(.send(.restartRequest(targetId: "M", sessionId: "now")), own: nil, now: start)
        #expect(sent(&machine).count == 1)
    }

    @Test func onlySoMuchWaits() {
        var waiting = WaitingEvents()
        waiting.carriedSessions = ["s"]
        for number in 0..<WaitingEvents.limit + 3 {
            waiting.append(
                .iceCandidate(targetId: "K", sessionId: "s", CandidatePayload(candidate: "\(number)")))
        }
        let events = waiting.takeAll()
        #expect(events.count == WaitingEvents.limit)
        #expect(events.first == .iceCandidate(targetId: "K", sessionId: "s", CandidatePayload(candidate: "3")))
        #expect(waiting.takeAll().isEmpty)
    }

    private func crew(_ id: String) -> CrewEvent {
        CrewEvent(kind: .signOn, eventId: id, crewId: "C1", occurredAt: "2027-01-15T08:00:00.000Z")
    }

    /// An acknowledgement answers the event that it belongs to, and none of a connection that is gone.
    @Test func whatIsUnacknowledgedGoesWithItsConnection() {
        var machine = registered()
        machine.handle(.deliver(crew("e1")), own: nil, now: start)
        machine.handle(.deliver(crew("e2")), own: nil, now: start)
        #expect(
            sent(&machine).map { String($0.prefix(22)) } == [#"421["crew-sign-on",{"e"#, #"422["crew-sign-on",{"e"#])
        machine.webSocketReceived(text(#"432[{"ok":true}]"#), now: start)
        machine.webSocketReceived(text(#"432[{"ok":true}]"#), now: start)
        #expect(actions(&machine) == [.report(.crewAnswered(eventId: "e2", .ok(JSONObject())))])
        machine.webSocketClosed(now: start)
        #expect(trouble(actions(&machine)) == .connectionLost)
        machine.handle(.deliver(crew("e3")), own: nil, now: start)
        #expect(actions(&machine).isEmpty, "registration asks again")
        let again = Moment(instant: machine.nextTimeout!, wall: start.wall)
        machine.handleTimeout(now: again)
        #expect(actions(&machine) == openWebSocket)
        registered(&machine, now: again)
        _ = actions(&machine)
        machine.webSocketReceived(text(#"431[{"ok":true}]"#), now: again)
        #expect(actions(&machine).isEmpty)
    }

    @Test func theServersClockIsMeasuredByTheHeartbeat() {
        var machine = registered()
        machine.handleTimeout(now: start)
        _ = actions(&machine)
        // Sent at 0, answered at 400 ms: the server said so at 200 ms, its clock is 5 s ahead.
        machine.webSocketReceived(pong(start.wall + .milliseconds(5200)), now: after(.milliseconds(400)))
        #expect(actions(&machine) == [.report(.clockOffset(.seconds(5)))])
        machine.webSocketReceived(pong(start.wall), now: after(.milliseconds(500)))
        #expect(actions(&machine).isEmpty, "an answer to nothing")
    }

    @Test func aSlowAnswerAndAClockThatWasSetBackMeasureNothing() {
        var measurement = ClockMeasurement()
        let wall = start.wall
        measurement.asked(at: wall)
        let late = measurement.answered(wall, at: wall + .seconds(10))
        measurement.asked(at: wall)
        let back = measurement.answered(wall, at: wall + .seconds(-1))
        measurement.asked(at: wall)
        let behind = measurement.answered(wall + .seconds(-60), at: wall + .seconds(2))
        #expect(late == nil && back == nil && behind == .seconds(-61))
    }

    /// Half of the time that the server's clock gives them, by its own account.
    @Test func theEndOfCredentialsIsRenewedInTime() {
        let end = 1_800_000_000 + 600
        var machine = registered(
            iceServers: #"[{"urls":["turn:t.example"],"username":"\#(end):KIOSK_01","credential":"x"}]"#)
        machine.handleTimeout(now: start)
        _ = actions(&machine)
        // The server is 100 s ahead: 500 s are left.
        machine.webSocketReceived(pong(start.wall + .seconds(100)), now: start)
        for second in stride(from: 30, to: 250, by: 30) {
            let now = after(.seconds(second))
            machine.webSocketReceived(text("2"), now: now)
            machine.handleTimeout(now: now)
            machine.webSocketReceived(pong(now.wall + .seconds(100)), now: now)
            #expect(!sent(&machine).contains { $0.contains("register-kiosk") }, "\(second) s")
        }
        machine.handleTimeout(now: after(.seconds(250)))
        #expect(sent(&machine).contains { $0.contains("register-kiosk") })
    }

    @Test func aRefusedTokenIsReplacedOnAConnectionOfItsOwn() {
        var machine = opening()
        machine.webSocketOpened(now: start)
        machine.webSocketReceived(
            text(#"0{"sid":"s","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#),
            now: start)
        _ = actions(&machine)
        machine.webSocketReceived(text(#"44{"message":"expired","data":{"code":"token-expired"}}"#), now: start)
        #expect(
            actions(&machine)
                == [.closeWebSocket, .abandonWebSocket] + post("/api/auth/refresh", ["refreshToken": "refresh-t1"]))
        // What the old WebSocket still says is nobody's.
        machine.webSocketClosed(now: start)
        #expect(actions(&machine).isEmpty)
        machine.responded(login("t2"), now: start)
        #expect(actions(&machine) == openWebSocket)
    }

    @Test func anAnswerThatIsNoneIsNamed() {
        var machine = machine()
        machine.started(now: start)
        machine.passwordRead(Redacted("secret"), now: start)
        _ = actions(&machine)
        machine.responded(HTTPResponse(status: 200, body: Array("<html>".utf8)), now: start)
        #expect(trouble(actions(&machine)) != nil)
        var unreadable = self.machine()
        unreadable.started(now: start)
        unreadable.passwordUnreadable("file is not there", now: start)
        #expect(trouble(actions(&unreadable)) == .passwordUnreadable)
    }

    @Test func beforeTheClockIsSetNothingIsAsked() {
        var machine = machine()
        let early = Moment(instant: start.instant, wall: WallClock(secondsSince1970: 100))
        machine.started(now: early)
        #expect(trouble(actions(&machine)) == .clockWrong)
        let set = Moment(instant: machine.nextTimeout!, wall: start.wall)
        machine.handleTimeout(now: set)
        #expect(actions(&machine) == [.readPassword])
    }

    @Test func aConnectionFromAnAddressThatIsGoneIsGivenUp() {
        var machine = registered()
        let own = IPAddress("192.0.2.1")!
        machine.handle(.networkChanged(usable: [own]), own: own, now: start)
        #expect(sent(&machine).count == 1, "a heartbeat makes sure")
        machine.handle(.networkChanged(usable: []), own: own, now: start)
        let given = actions(&machine)
        #expect(given.first == .abandonWebSocket)
        #expect(trouble(given) == .connectionLost)
    }

    @Test func goodbyeIsSaidAndWaitedFor() {
        var machine = registered()
        machine.handle(.stop, own: nil, now: start)
        #expect(actions(&machine) == [.send(text("41")), .closeWebSocket])
        #expect(!machine.isFinished)
        var silent = machine
        machine.webSocketClosed(now: start)
        #expect(machine.isFinished)
        #expect(silent.nextTimeout == start.instant + LinkMachine.goodbyeTime)
        silent.handleTimeout(now: after(.seconds(2)))
        #expect(silent.isFinished)
        var asking = self.machine()
        asking.started(now: start)
        asking.passwordRead(Redacted("secret"), now: start)
        _ = actions(&asking)
        asking.handle(.stop, own: nil, now: start)
        #expect(actions(&asking) == [.cancelRequest])
        #expect(asking.isFinished)
        #expect(asking.nextTimeout == nil)
    }

    @Test func eventsThatNobodyUnderstandsAreToldToTheLog() {
        var machine = registered()
        machine.webSocketReceived(text(#"42["offer",{}]"#), now: start)
        let told = actions(&machine)
        #expect(told.count == 1)
        if case .logUnreadable? = told.first {} else { Issue.record("\(told)") }
        machine.webSocketReceived(
            text(#"42["error",{"code":"forbidden","message":"no","event":"crew-sign-on"}]"#), now: start)
        if case .logRefusal(_, event: "crew-sign-on")? = actions(&machine).first {
        } else {
            Issue.record("no refusal")
        }
    }
}
