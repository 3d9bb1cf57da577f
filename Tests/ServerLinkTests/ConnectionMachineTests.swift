import AgentSettings
import HTTP
import HTTPTransport
import JSON
import Primitives
import Signaling
import SocketIO
import Testing

@testable import ServerLink

@Suite struct ConnectionMachineTests {
    private let server = ServerAddress("https://signaling.example")!
    private let start = Instant.zero

    private func machine() -> ConnectionMachine {
        ConnectionMachine(kioskId: "KIOSK_01", server: server, random: .seeded(4))
    }

    private func answer(_ token: String, role: Role = .kiosk) -> LoginAnswer {
        LoginAnswer(
            token: Redacted(token), expiresAt: "2026-01-01T00:00:00Z", refreshToken: Redacted("refresh-\(token)"),
            user: .init(id: "KIOSK_01", role: role, organization: "RAIL", displayName: "Lobby"))
    }

    private func refused(_ code: SignalingErrorCode) -> ConnectError {
        ConnectError(message: "refused", data: ["code": .string(code.rawValue)])
    }

    /// A machine that is registered since `start`.
    private func registered() -> ConnectionMachine {
        var machine = machine()
        _ = machine.started(now: start)
        _ = machine.loggedIn(answer("t1"), now: start)
        _ = machine.connected(now: start)
        _ = machine.registered(heartbeatInterval: .seconds(30), now: start)
        _ = machine.timeoutReached(now: start)
        _ = machine.pongReceived(now: start)
        return machine
    }

    private func trouble(_ action: ConnectionMachine.Action) -> LinkTrouble? {
        if case .abandon(let trouble, _) = action { trouble } else { nil }
    }

    private func delay(_ action: ConnectionMachine.Action) -> Duration? {
        if case .abandon(_, let delay) = action { delay } else { nil }
    }

    @Test func theWayUp() {
        var machine = machine()
        #expect(machine.nextTimeout == nil)
        #expect(machine.started(now: start) == .logIn)
        #expect(machine.loggedIn(answer("t1"), now: start) == .open(Redacted("t1")))
        #expect(machine.connected(now: start) == .register)
        #expect(machine.nextTimeout == start + .seconds(15))
        #expect(machine.registered(heartbeatInterval: .seconds(30), now: start) == .announce)
        #expect(machine.nextTimeout == start)
        #expect(machine.timeoutReached(now: start) == .sendHeartbeat)
        #expect(machine.pongReceived(now: start) == .none)
        #expect(machine.nextTimeout == start + .seconds(30))
        #expect(machine.timeoutReached(now: start + .seconds(30)) == .sendHeartbeat)
    }

    @Test("A kiosk registers again at half the life of its TURN credentials, and again when nothing comes of it")
    func credentialsAreRenewed() {
        var machine = registered()
        machine.credentialsEnd(in: .seconds(40), now: start)
        machine.credentialsEnd(in: .seconds(30), now: start + .seconds(5))
        #expect(machine.nextTimeout == start + .seconds(20))
        #expect(machine.timeoutReached(now: start + .seconds(20)) == .register)
        #expect(machine.phase == .registered)
        // Refused: the next pong tells how long they last still.
        #expect(machine.registrationRefused(SignalingError(.throttled, "too many"), now: start + .seconds(20)) == .none)
        #expect(machine.timeoutReached(now: start + .seconds(30)) == .sendHeartbeat)
        #expect(machine.pongReceived(now: start + .seconds(30)) == .none)
        machine.credentialsEnd(in: .seconds(10), now: start + .seconds(30))
        #expect(machine.timeoutReached(now: start + .seconds(45)) == .register)
        #expect(machine.registered(heartbeatInterval: .seconds(30), now: start + .seconds(45)) == .none)
        #expect(machine.nextTimeout == start + .seconds(60))
        machine.credentialsEnd(in: .seconds(43_200), now: start + .seconds(46))
        #expect(machine.disconnected(.transportClosed, now: start + .seconds(50)) != .none)
        #expect(machine.nextTimeout.map { $0 < start + .seconds(90) } == true, "nothing is renewed while away")
    }

    @Test func anAwayServerIsTriedForEverBetweenOneAndThirtySeconds() throws {
        var machine = machine()
        var now = start
        var delays: [Duration] = []
        #expect(machine.started(now: now) == .logIn)
        for _ in 0..<40 {
            let action = machine.failed(.cannotConnect(reason: "refused"), now: now)
            #expect(trouble(action)?.kind == .serverAway)
            let wait = try #require(delay(action))
            #expect(machine.nextTimeout == now + wait)
            #expect(machine.timeoutReached(now: now + wait - .milliseconds(1)) == .none)
            now += wait
            #expect(machine.timeoutReached(now: now) == .logIn)
            delays.append(wait)
        }
        #expect(delays.allSatisfy { $0 >= .seconds(1) && $0 <= .seconds(30) })
        #expect(delays[0] <= .seconds(2))
        #expect(delays.suffix(20).allSatisfy { $0 >= .seconds(15) })
        #expect(Set(delays.suffix(20)).count > 10, "without jitter all kiosks come back at once")
    }

    @Test func aWrongPasswordIsNamedAndTriedSlowly() throws {
        var machine = machine()
        #expect(machine.started(now: start) == .logIn)
        let action = machine.requestRefused(
            HTTPResponse(status: 401), error: SignalingError(.invalidCredentials, "no"), retryAfter: nil, now: start)
        #expect(
            trouble(action)?.description
                == "login refused: wrong password, or no account KIOSK_01 on https://signaling.example; "
                + "check kiosk.id and the password file")
        let wait = try #require(delay(action))
        #expect(wait >= .seconds(30) && wait <= .seconds(60))
        #expect(machine.timeoutReached(now: start + wait) == .logIn)
    }

    /// Under systemd the service has the password of its start, whatever the file says now.
    @Test func aPasswordOfTheStartNeedsARestart() {
        let response = HTTPResponse(status: 401)
        let error = SignalingError(.invalidCredentials, "")
        var fixed = ConnectionMachine(
            kioskId: "KIOSK_01", server: server, passwordIsOfTheStart: true, random: .seeded(4))
        _ = fixed.started(now: .zero)
        let told = trouble(fixed.requestRefused(response, error: error, retryAfter: nil, now: .zero))
        #expect(told?.kind == .wrongPassword && told?.remedy?.contains("systemctl restart kiosk-agent") == true)
        var read = machine()
        _ = read.started(now: .zero)
        let other = trouble(read.requestRefused(response, error: error, retryAfter: nil, now: .zero))
        #expect(other?.kind == .wrongPassword && other?.remedy?.contains("restart") == false)
        // Read again, the file may be right by now: nobody waits for the next attempt.
        #expect(read.credentialsChanged(now: .zero + .seconds(1)) == .logIn)
        #expect(read.credentialsChanged(now: .zero + .seconds(2)) == .none)
    }

    @Test func aThrottledLoginWaitsAsLongAsItIsTold() throws {
        var machine = machine()
        _ = machine.started(now: start)
        let action = machine.requestRefused(
            HTTPResponse(status: 429), error: SignalingError(.throttled, "slow down"), retryAfter: .seconds(40),
            now: start)
        #expect(try #require(delay(action)) == .seconds(40))
        _ = machine.timeoutReached(now: start + .seconds(40))
        let absurd = machine.requestRefused(
            HTTPResponse(status: 429), error: nil, retryAfter: .seconds(1_000_000), now: start)
        #expect(try #require(delay(absurd)) == .seconds(300))
    }

    @Test func aMonitorsAccountIsNoKiosk() {
        var machine = machine()
        _ = machine.started(now: start)
        #expect(trouble(machine.loggedIn(answer("t1", role: .monitor), now: start))?.kind == .wrongRole)
    }

    @Test func anExpiredTokenIsRefreshedOnce() {
        var machine = registered()
        var now = start + .seconds(100)
        #expect(trouble(machine.disconnected(.transportClosed, now: now))?.kind == .connectionLost)
        now = machine.nextTimeout!
        #expect(machine.timeoutReached(now: now) == .open(Redacted("t1")))
        #expect(machine.connectRefused(refused(.tokenExpired), now: now) == .refresh(Redacted("refresh-t1")))
        #expect(machine.loggedIn(answer("t2"), now: now) == .open(Redacted("t2")))
        // The new one is refused too: no ping-pong.
        #expect(trouble(machine.connectRefused(refused(.tokenExpired), now: now))?.kind == .tokenRefused)
        now = machine.nextTimeout!
        #expect(machine.timeoutReached(now: now) == .refresh(Redacted("refresh-t2")))
        #expect(
            machine.requestRefused(
                HTTPResponse(status: 401), error: SignalingError(.tokenInvalid, ""), retryAfter: nil, now: now)
                == .logIn)
        #expect(machine.loggedIn(answer("t3"), now: now) == .open(Redacted("t3")))
        #expect(machine.connected(now: now) == .register)
    }

    @Test func anInvalidTokenMeansTheRefreshTokenIsNoBetter() {
        var machine = registered()
        _ = machine.disconnected(.pingTimeout, now: start)
        _ = machine.timeoutReached(now: machine.nextTimeout!)
        #expect(machine.connectRefused(refused(.tokenInvalid), now: start) == .logIn)
    }

    @Test func aRefreshThatFailsForTheNetworkKeepsItsToken() {
        var machine = registered()
        _ = machine.disconnected(.transportClosed, now: start)
        _ = machine.timeoutReached(now: machine.nextTimeout!)
        #expect(machine.connectRefused(refused(.tokenExpired), now: start) == .refresh(Redacted("refresh-t1")))
        #expect(trouble(machine.failed(.timedOut, now: start))?.kind == .serverAway)
        #expect(machine.timeoutReached(now: machine.nextTimeout!) == .refresh(Redacted("refresh-t1")))
    }

    @Test func aDisabledAccountIsTriedSlowly() throws {
        var machine = registered()
        _ = machine.disconnected(.left, now: start + .seconds(60))
        let now = machine.nextTimeout!
        _ = machine.timeoutReached(now: now)
        let action = machine.connectRefused(refused(.accountDisabled), now: now)
        #expect(trouble(action)?.kind == .accountDisabled)
        #expect(try #require(delay(action)) >= .seconds(30))
        #expect(machine.timeoutReached(now: machine.nextTimeout!) == .logIn)
    }

    @Test func aSilentServerIsLeft() {
        var machine = registered()
        #expect(machine.timeoutReached(now: start + .seconds(30)) == .sendHeartbeat)
        #expect(machine.nextTimeout == start + .seconds(60))
        #expect(trouble(machine.timeoutReached(now: start + .seconds(60)))?.kind == .connectionLost)
        #expect(machine.phase == .waiting)
    }

    @Test func aServerThatDropsUsAtOnceIsAskedLessAndLess() throws {
        var machine = machine()
        var now = start
        _ = machine.started(now: now)
        _ = machine.loggedIn(answer("t"), now: now)
        var delays: [Duration] = []
        for _ in 0..<6 {
            #expect(machine.connected(now: now) == .register)
            #expect(machine.registered(heartbeatInterval: .seconds(30), now: now) == .announce)
            delays.append(try #require(delay(machine.disconnected(.left, now: now + .seconds(2)))))
            now = machine.nextTimeout!
            #expect(machine.timeoutReached(now: now) == .open(Redacted("t")))
        }
        #expect(delays.last! >= .seconds(15))
        // One that held is a new beginning.
        #expect(machine.connected(now: now) == .register)
        _ = machine.registered(heartbeatInterval: .seconds(30), now: now)
        #expect(try #require(delay(machine.disconnected(.left, now: now + .seconds(31)))) <= .seconds(2))
    }

    @Test func aChangedStatusGoesOutAtOnceButNotInAFlood() {
        var machine = registered()
        let now = start + .seconds(5)
        #expect(machine.statusChanged(now: now) == .sendHeartbeat)
        #expect(machine.statusChanged(now: now + .milliseconds(100)) == .none)
        #expect(machine.statusChanged(now: now + .milliseconds(200)) == .none)
        #expect(machine.nextTimeout == now + .seconds(1))
        #expect(machine.timeoutReached(now: now + .seconds(1)) == .sendHeartbeat)
        #expect(machine.nextTimeout == now + .seconds(30), "the first unanswered heartbeat's deadline")
    }

    @Test func aChangedNetworkIsUsedAtOnce() {
        var waiting = machine()
        _ = waiting.started(now: start)
        for _ in 0..<6 {
            _ = waiting.failed(.nameNotFound(host: "signaling.example"), now: start)
            _ = waiting.timeoutReached(now: waiting.nextTimeout!)
        }
        _ = waiting.failed(.nameNotFound(host: "signaling.example"), now: start)
        #expect(waiting.networkChanged(isOwnAddressGone: false, now: start) == .none)
        #expect(waiting.nextTimeout == start + .milliseconds(200))

        var connected = registered()
        #expect(connected.networkChanged(isOwnAddressGone: false, now: start + .seconds(7)) == .sendHeartbeat)
        #expect(connected.nextTimeout == start + .seconds(17))
        // One more change is no reason to wait longer.
        #expect(connected.networkChanged(isOwnAddressGone: false, now: start + .seconds(9)) == .sendHeartbeat)
        #expect(connected.nextTimeout == start + .seconds(17))
    }

    /// Whatever is under way from an address that is gone would only wait for its end.
    @Test func aConnectionWhoseAddressIsGoneIsGivenUp() throws {
        var loggingIn = machine()
        _ = loggingIn.started(now: start)
        var opening = loggingIn
        _ = opening.loggedIn(answer("t"), now: start)
        var registering = opening
        _ = registering.connected(now: start)
        for (phase, before) in [
            (ConnectionMachine.Phase.loggingIn, loggingIn), (.opening, opening), (.registering, registering),
            (.registered, registered()),
        ] {
            var machine = before
            #expect(machine.phase == phase)
            let now = start + .seconds(7)
            #expect(delay(machine.networkChanged(isOwnAddressGone: true, now: now)) == .milliseconds(200))
            #expect(machine.phase == .waiting)
            // Further changes do not put it off.
            #expect(machine.networkChanged(isOwnAddressGone: false, now: now + .milliseconds(100)) == .none)
            #expect(machine.nextTimeout == now + .milliseconds(200))
            #expect(machine.timeoutReached(now: now + .milliseconds(200)) != .none)
        }
        var idle = machine()
        #expect(idle.networkChanged(isOwnAddressGone: true, now: start) == .none)
        #expect(idle.nextTimeout == nil)
    }

    /// An address that flaps brings no login before the server's time, and none a second with a wrong password.
    @Test func anotherNetworkDoesNotHelpAgainstAServerThatRefuses() throws {
        func waiting(
            after status: Int, error: SignalingError? = nil, retryAfter: Duration? = nil
        ) -> ConnectionMachine {
            var machine = machine()
            _ = machine.started(now: start)
            _ = machine.requestRefused(
                HTTPResponse(status: status), error: error, retryAfter: retryAfter, now: start)
            return machine
        }
        let disabled = SignalingError(.accountDisabled, "the account is disabled")
        for machine in [
            waiting(after: 401), waiting(after: 429, retryAfter: .seconds(40)), waiting(after: 401, error: disabled),
        ] {
            var flapping = machine
            for second in 0..<30 {
                let now = start + .seconds(second)
                #expect(flapping.networkChanged(isOwnAddressGone: second % 2 == 0, now: now) == .none)
                #expect(flapping.timeoutReached(now: now) == .none, "\(second) s")
            }
            #expect(flapping.nextTimeout == machine.nextTimeout)
            // The failures before it are not forgotten either.
            let due = try #require(machine.nextTimeout)
            #expect(flapping.timeoutReached(now: due) == .logIn)
        }
    }

    @Test func aNetworkThatKeepsChangingDoesNotPutTheAttemptOff() throws {
        var machine = machine()
        _ = machine.started(now: start)
        for _ in 0..<6 {
            _ = machine.failed(.timedOut, now: start)
            _ = machine.timeoutReached(now: machine.nextTimeout!)
        }
        _ = machine.failed(.timedOut, now: start)
        for step in 0..<4 {
            _ = machine.networkChanged(isOwnAddressGone: false, now: start + .milliseconds(60 * step))
        }
        #expect(machine.nextTimeout == start + .milliseconds(200))
    }

    @Test func aStoppedMachineIsQuiet() {
        var machine = registered()
        machine.stopped()
        #expect(machine.nextTimeout == nil)
        #expect(machine.disconnected(.ended, now: start) == .none)
        #expect(machine.statusChanged(now: start) == .none)
    }

    @Test func whatComesTooLateChangesNothing() {
        var machine = registered()
        #expect(machine.connected(now: start) == .none)
        #expect(machine.loggedIn(answer("x"), now: start) == .none)
        #expect(machine.failed(.timedOut, now: start) == .none)
        #expect(machine.connectRefused(refused(.tokenExpired), now: start) == .none)
        #expect(machine.registrationRefused(SignalingError(.forbidden, ""), now: start) == .none)
        #expect(machine.phase == .registered)
    }

    @Test(arguments: [
        (HTTPFailure.tls(.notYetValid), LinkTrouble.Kind.clockWrong, "clock is behind"),
        (.tls(.expired), .clockWrong, "has expired"),
        (.tls(.selfSigned), .tlsRefused, "tls.caFile"),
        (.tls(.hostNameMismatch), .tlsRefused, "another host name"),
        (.nameNotFound(host: "h"), .nameNotFound, "host name h not found"),
        (.timedOut, .serverAway, "does not answer in time"),
        (.upgradeRefused(status: 502), .serverFailed, "status 502"),
        (.badResponse(reason: "x"), .notAServer, "unlike kiosk-signaling"),
    ])
    func failuresAreNamedInPlainWords(failure: HTTPFailure, kind: LinkTrouble.Kind, words: String) {
        let trouble = LinkTrouble(failure, server: server)
        #expect(trouble.kind == kind)
        #expect(trouble.description.contains(words), "\(trouble)")
    }

    /// The clock was never set: nothing is tried, the cause is named, and it is asked again soon, however often.
    @Test func aClockThatWasNeverSetIsWaitedFor() throws {
        var machine = machine()
        var now = start
        #expect(machine.started(now: now) == .logIn)
        for _ in 0..<20 {
            let action = machine.clockIsNotSet(WallClock(secondsSince1970: 100), now: now)
            #expect(trouble(action)?.kind == .clockWrong)
            #expect(trouble(action)?.message.hasPrefix("this machine's clock says 1970-01-01") == true)
            #expect(try #require(delay(action)) <= .seconds(2))
            now = try #require(machine.nextTimeout)
            #expect(machine.timeoutReached(now: now) == .logIn)
        }
        #expect(machine.loggedIn(answer("t"), now: now) == .open(Redacted("t")))
    }
}
