import AgentSettings
import HTTP
import HTTPTransport
import JSON
import Primitives
import Signaling
import SocketIO

/// When the kiosk logs in, opens its socket, registers, and what it does when any of that fails: the part of `LinkMachine` that decides
/// about attempts.
///
/// ```
///            ┌──────────────── token refused: refresh at once, log in when that fails ─────────────┐
///            ▼                                                                                     │
///  logging in / refreshing ──▶ opening ──▶ joining ──▶ registering ──▶ registered ── lost ──┐      │
///            ▲                    │           │             │                               │      │
///            └──── waiting ◀──────┴───────────┴─────────────┴───────────────────────────────┴──────┘
/// ```
///
/// The credentials of TURN servers end while a session may go on for days: a registered kiosk registers again in time, and
/// the answer brings new ones.
///
/// A token is kept and used again until the server refuses it: only the server's clock judges it, so a wrong clock
/// here does no harm. One refused token is replaced at once; a second one in a row means waiting.
struct ConnectionMachine: Sendable {
    enum Phase: Hashable, Sendable {
        /// Nothing is asked of the server: before the start and after the stop.
        case idle
        /// Until `deadline`; then a new attempt.
        case waiting
        /// HTTP; then opening.
        case loggingIn
        /// HTTP; then opening, or logging in when the refresh token is refused too.
        case refreshing
        /// The WebSocket and the Socket.IO CONNECT; then registering.
        case opening
        /// Until `deadline`; then registered.
        case registering
        case registered
    }

    enum Action: Equatable, Sendable {
        case none
        case logIn
        case refresh(Redacted<String>)
        /// Open the WebSocket, and present this token.
        case open(Redacted<String>)
        case register
        /// Registered: send what waits.
        case announce
        case sendHeartbeat
        /// Close whatever is open; the machine's deadline brings the next attempt.
        case abandon(LinkTrouble, retryIn: Duration)
    }

    /// The data of a phase lives in it: what it leaves is forgotten.
    private enum State {
        case idle
        case waiting(Wait)
        case loggingIn
        case refreshing
        case opening
        case registering(deadline: Instant)
        case registered(Registration)
    }

    private struct Wait {
        /// When the next attempt comes.
        var until: Instant
        /// No attempt before, whatever becomes of the network: the server asked to wait, or only a person can help.
        var notBefore: Instant?
        /// Whether the wait is for a person, who changes a password or an account.
        var needsPerson: Bool
    }

    private struct Registration {
        let since: Instant
        let heartbeatInterval: Duration
        var heartbeatAt: Instant
        var lastHeartbeatAt: Instant?
        var pongDeadline: Instant?
        /// When to register again, for new credentials.
        var renewAt: Instant?

        /// A heartbeat leaves now.
        mutating func beat(now: Instant) -> Action {
            lastHeartbeatAt = now
            heartbeatAt = now + heartbeatInterval
            if pongDeadline == nil { pongDeadline = now + ConnectionMachine.pongTimeout }
            return .sendHeartbeat
        }
    }

    private let kioskId: String
    private let server: ServerAddress
    /// Whether the service manager handed the password over at the start, so that a corrected file changes nothing here.
    private let passwordIsOfTheStart: Bool
    private var state: State
    private var schedule: ReconnectSchedule
    private var token: Redacted<String>?
    private var refreshToken: Redacted<String>?
    /// Whether the server refused a token since it last accepted one.
    private var tokenWasRefused: Bool
    /// What came in a phase that it means nothing to: answers of an attempt that is over.
    private(set) var ignored: Int

    private static let registrationTimeout = Duration.seconds(15)
    /// A registration that held this long was a success; a shorter one counts as one more failure.
    private static let settledAfter = Duration.seconds(30)
    private static let pongTimeout = Duration.seconds(30)
    private static let pongTimeoutAfterChange = Duration.seconds(10)
    /// Addresses and routes change one by one; after this time the change is complete.
    private static let networkSettles = Duration.milliseconds(200)
    /// The least time between two registrations, however short-lived the credentials are.
    private static let leastRenewal = Duration.seconds(15)
    /// Status changes within this time go out together.
    private static let heartbeatSpacing = Duration.seconds(1)

    init(kioskId: String, server: ServerAddress, passwordIsOfTheStart: Bool = false, random: RandomSource) {
        self.kioskId = kioskId
        self.server = server
        self.passwordIsOfTheStart = passwordIsOfTheStart
        state = .idle
        schedule = ReconnectSchedule(random: random)
        token = nil
        refreshToken = nil
        tokenWasRefused = false
        ignored = 0
    }

    var phase: Phase {
        switch state {
        case .idle: .idle
        case .waiting: .waiting
        case .loggingIn: .loggingIn
        case .refreshing: .refreshing
        case .opening: .opening
        case .registering: .registering
        case .registered: .registered
        }
    }

    /// When `timeoutReached` is due.
    var nextTimeout: Instant? {
        switch state {
        case .idle, .loggingIn, .refreshing, .opening: nil
        case .waiting(let wait): wait.until
        case .registering(let deadline): deadline
        case .registered(let registration):
            [registration.heartbeatAt, registration.pongDeadline, registration.renewAt].compactMap(\.self).min()
        }
    }

    // MARK: the way up

    mutating func started(now: Instant) -> Action { attempt() }

    mutating func loggedIn(_ answer: LoginAnswer, now: Instant) -> Action {
        switch state {
        case .idle, .waiting, .opening, .registering, .registered: return ignore()
        case .loggingIn, .refreshing: break
        }
        guard answer.user.role == .kiosk else {
            return abandon(
                LinkTrouble(
                    .wrongRole, "account \(kioskId) is a \(answer.user.role.rawValue), not a kiosk",
                    remedy: "check kiosk.id, or add the account with --role kiosk"), now: now)
        }
        token = answer.token
        refreshToken = answer.refreshToken
        state = .opening
        return .open(answer.token)
    }

    mutating func connected(now: Instant) -> Action {
        switch state {
        case .idle, .waiting, .loggingIn, .refreshing, .registering, .registered: return ignore()
        case .opening: break
        }
        state = .registering(deadline: now + ConnectionMachine.registrationTimeout)
        return .register
    }

    mutating func registered(heartbeatInterval interval: Duration, now: Instant) -> Action {
        switch state {
        case .idle, .waiting, .loggingIn, .refreshing, .opening: return ignore()
        case .registered(var registration):
            // With new credentials.
            registration.renewAt = nil
            state = .registered(registration)
            return .none
        case .registering: break
        }
        tokenWasRefused = false
        // The server's wish, within reason: its answer comes from outside.
        state = .registered(
            Registration(
                since: now, heartbeatInterval: min(max(interval, .seconds(1)), .seconds(60)), heartbeatAt: now,
                lastHeartbeatAt: nil, pongDeadline: nil, renewAt: nil))
        return .announce
    }

    // MARK: while registered

    mutating func pongReceived(now: Instant) -> Action {
        whileRegistered { registration in
            registration.pongDeadline = nil
            return .none
        }
    }

    /// Credentials that the registration brought end in `remaining`, by the server's own clock.
    mutating func credentialsEnd(in remaining: Duration, now: Instant) {
        _ = whileRegistered { registration in
            if registration.renewAt == nil {
                registration.renewAt = now + max(ConnectionMachine.leastRenewal, remaining / 2)
            }
            return .none
        }
    }

    /// Something in the heartbeat's status is different now. Not registered, the next heartbeat says it.
    mutating func statusChanged(now: Instant) -> Action {
        guard phase == .registered else { return .none }
        return whileRegistered { registration in
            let earliest = registration.lastHeartbeatAt.map { $0 + ConnectionMachine.heartbeatSpacing } ?? now
            guard earliest <= now else {
                registration.heartbeatAt = min(registration.heartbeatAt, earliest)
                return .none
            }
            return registration.beat(now: now)
        }
    }

    private mutating func whileRegistered(_ body: (inout Registration) -> Action) -> Action {
        guard case .registered(var registration) = state else { return ignore() }
        let action = body(&registration)
        state = .registered(registration)
        return action
    }

    /// The machine's addresses changed: a waiting machine tries soon, a connected one makes sure. What is connected from an
    /// address that is gone only waits for its end, and is given up.
    mutating func networkChanged(isOwnAddressGone: Bool, now: Instant) -> Action {
        if isOwnAddressGone, phase != .idle, phase != .waiting {
            return abandon(
                LinkTrouble(.connectionLost, "the address that the server was reached from is gone"),
                retryIn: ConnectionMachine.networkSettles, now: now)
        }
        switch state {
        case .waiting(var wait):
            // A server that throttles and a password that is wrong are the same in every network.
            if let notBefore = wait.notBefore, notBefore > now { return .none }
            schedule.reset()
            // An address that flaps does not put it off for ever.
            wait.until = min(wait.until, now + ConnectionMachine.networkSettles)
            state = .waiting(wait)
            return .none
        case .registered(var registration):
            let action = registration.beat(now: now)
            let deadline = now + ConnectionMachine.pongTimeoutAfterChange
            registration.pongDeadline = min(registration.pongDeadline ?? deadline, deadline)
            state = .registered(registration)
            return action
        case .idle, .loggingIn, .refreshing, .opening, .registering:
            return .none
        }
    }

    /// The configuration was read again, so a fault that only a person could correct may be corrected. A wait that the
    /// server asked for is not cut short.
    mutating func credentialsChanged(now: Instant) -> Action {
        guard case .waiting(let wait) = state, wait.needsPerson else { return .none }
        schedule.reset()
        return attempt()
    }

    // MARK: what goes wrong

    /// The server answered a login or refresh with an error.
    mutating func requestRefused(
        _ response: HTTPResponse, error: SignalingError?, retryAfter: Duration?, now: Instant
    ) -> Action {
        switch state {
        case .idle, .waiting, .opening, .registering, .registered: return ignore()
        case .refreshing where response.refusesToken:
            token = nil
            refreshToken = nil
            return attempt()
        case .loggingIn, .refreshing: break
        }
        var trouble = LinkTrouble(response, error: error, kioskId: kioskId, server: server)
        if trouble.kind == .wrongPassword, passwordIsOfTheStart {
            trouble.remedy = LinkTrouble.correctPasswordAndRestart
        }
        return abandon(trouble, notBefore: retryAfter, now: now)
    }

    /// A login, a refresh or the opening of the WebSocket failed below HTTP.
    mutating func failed(_ failure: HTTPFailure, now: Instant) -> Action {
        switch state {
        case .idle, .waiting, .registering, .registered: ignore()
        case .loggingIn, .refreshing, .opening: abandon(LinkTrouble(failure, server: server), now: now)
        }
    }

    /// The password file cannot be read any more.
    mutating func passwordUnreadable(_ reason: String, now: Instant) -> Action {
        abandon(
            LinkTrouble(.passwordUnreadable, "the password \(reason)", remedy: "check kiosk.passwordFile"), now: now)
    }

    /// The server's answer to a login cannot be understood.
    mutating func answerUnreadable(_ response: HTTPResponse, now: Instant) -> Action {
        abandon(LinkTrouble(unexpected: response, server: server), now: now)
    }

    /// Instead of an attempt: the clock has not been set since power came, so every certificate would look wrong. Asked
    /// again soon, for a time service sets it any moment.
    mutating func clockIsNotSet(_ clock: WallClock, now: Instant) -> Action {
        guard phase != .idle else { return .none }
        let action = abandon(.clockNotSet(clock), now: now)
        schedule.reset()
        return action
    }

    mutating func connectRefused(_ error: ConnectError, now: Instant) -> Action {
        guard case .opening = state else { return ignore() }
        let code = error.data?["code"]?.string.flatMap(SignalingErrorCode.init(rawValue:))
        let isFirst = !tokenWasRefused
        tokenWasRefused = true
        token = nil
        if code == .accountDisabled {
            refreshToken = nil
            return abandon(
                LinkTrouble(
                    .accountDisabled, "account \(kioskId) is disabled",
                    remedy: "enable it on the server: kiosk-signaling account enable \(kioskId)"), now: now)
        }
        if code != .tokenExpired { refreshToken = nil }
        if isFirst { return attempt() }
        return abandon(
            LinkTrouble(.tokenRefused, "server \(server) refuses the token it just gave (\(error.message))"), now: now)
    }

    mutating func registrationRefused(_ error: SignalingError, now: Instant) -> Action {
        switch state {
        case .idle, .waiting, .loggingIn, .refreshing, .opening: return ignore()
        // The renewal of credentials: the registration holds, and the next pong tells how long they last.
        case .registered: return .none
        case .registering: break
        }
        return abandon(
            LinkTrouble(.serverFailed, "registration of \(kioskId) refused (\(error.code.rawValue): \(error.message))"),
            now: now)
    }

    mutating func disconnected(_ reason: DisconnectReason, now: Instant) -> Action {
        switch state {
        case .opening, .registering, .registered: abandon(LinkTrouble(reason), now: now)
        case .idle, .waiting, .loggingIn, .refreshing: ignore()
        }
    }

    mutating func timeoutReached(now: Instant) -> Action {
        switch state {
        case .idle, .loggingIn, .refreshing, .opening: return .none
        case .waiting(let wait): return wait.until <= now ? attempt() : .none
        case .registering(let deadline):
            guard deadline <= now else { return .none }
            return abandon(
                LinkTrouble(.serverFailed, "server \(server) does not answer the registration"), now: now)
        case .registered(var registration):
            if let due = registration.pongDeadline, due <= now {
                return abandon(LinkTrouble(.connectionLost, "the server does not answer heartbeats"), now: now)
            }
            var action = Action.none
            if registration.heartbeatAt <= now {
                action = registration.beat(now: now)
            } else if let due = registration.renewAt, due <= now {
                // Unanswered or refused, it is asked again when a pong has told once more how long they last.
                registration.renewAt = nil
                action = .register
            }
            state = .registered(registration)
            return action
        }
    }

    /// No more attempts. The caller closes what is open.
    mutating func stopped() { state = .idle }

    // MARK: below

    private mutating func ignore() -> Action {
        ignored += 1
        return .none
    }

    private mutating func attempt() -> Action {
        if let token {
            state = .opening
            return .open(token)
        }
        if let refreshToken {
            state = .refreshing
            return .refresh(refreshToken)
        }
        state = .loggingIn
        return .logIn
    }

    private mutating func abandon(
        _ trouble: LinkTrouble, notBefore: Duration? = nil, retryIn soon: Duration? = nil, now: Instant
    ) -> Action {
        if case .registered(let registration) = state, now - registration.since >= ConnectionMachine.settledAfter {
            schedule.reset()
        }
        var delay = soon ?? schedule.delayAfterFailure(trouble.isSlow ? .slow : .ordinary)
        if let notBefore { delay = max(delay, min(notBefore, .seconds(300))) }
        let until = now + delay
        state = .waiting(
            Wait(
                until: until, notBefore: trouble.isOfTheNetwork ? nil : until,
                needsPerson: trouble.isSlow && notBefore == nil))
        return .abandon(trouble, retryIn: delay)
    }
}
