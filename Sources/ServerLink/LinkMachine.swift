import AgentSettings
import HTTP
import HTTPTransport
import JSON
import Primitives
import Signaling
import SocketIO

/// When the kiosk logs in, opens its socket, registers, and what it does when any of that fails. No socket, no
/// clock: `SignalingLink` performs the actions and tells what happened.
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
struct LinkMachine: Sendable {
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

    private let kioskId: String
    private let server: ServerAddress
    /// Whether the service manager handed the password over at the start, so that a corrected file changes nothing here.
    private let passwordIsOfTheStart: Bool
    private(set) var phase: Phase
    private var schedule: ReconnectSchedule
    private var token: Redacted<String>?
    private var refreshToken: Redacted<String>?
    /// Whether the server refused a token since it last accepted one.
    private var tokenWasRefused: Bool
    private var deadline: Instant?
    /// No attempt before, whatever becomes of the network: the server asked to wait, or only a person can help.
    private var notBefore: Instant?
    /// Whether the wait is for a person, who changes a password or an account.
    private var needsPerson: Bool
    private var registeredAt: Instant
    private var heartbeatInterval: Duration
    private var heartbeatAt: Instant?
    private var lastHeartbeatAt: Instant?
    private var pongDeadline: Instant?
    /// When to register again, for new credentials.
    private var renewAt: Instant?

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
        phase = .idle
        schedule = ReconnectSchedule(random: random)
        token = nil
        refreshToken = nil
        tokenWasRefused = false
        deadline = nil
        notBefore = nil
        needsPerson = false
        registeredAt = .zero
        heartbeatInterval = .seconds(30)
        heartbeatAt = nil
        lastHeartbeatAt = nil
        pongDeadline = nil
        renewAt = nil
    }

    /// When `timeoutReached` is due.
    var nextTimeout: Instant? { [deadline, heartbeatAt, pongDeadline, renewAt].compactMap(\.self).min() }

    // MARK: the way up

    mutating func started(now: Instant) -> Action { attempt() }

    mutating func loggedIn(_ answer: LoginAnswer, now: Instant) -> Action {
        guard phase == .loggingIn || phase == .refreshing else { return .none }
        guard answer.user.role == .kiosk else {
            return abandon(
                LinkTrouble(
                    .wrongRole, "account \(kioskId) is a \(answer.user.role.rawValue), not a kiosk",
                    remedy: "check kiosk.id, or add the account with --role kiosk"), now: now)
        }
        token = answer.token
        refreshToken = answer.refreshToken
        phase = .opening
        return .open(answer.token)
    }

    mutating func connected(now: Instant) -> Action {
        guard phase == .opening else { return .none }
        phase = .registering
        deadline = now + LinkMachine.registrationTimeout
        return .register
    }

    mutating func registered(heartbeatInterval interval: Duration, now: Instant) -> Action {
        renewAt = nil
        guard phase == .registering else { return .none }
        phase = .registered
        deadline = nil
        tokenWasRefused = false
        registeredAt = now
        // The server's wish, within reason: its answer comes from outside.
        heartbeatInterval = min(max(interval, .seconds(1)), .seconds(60))
        heartbeatAt = now
        return .announce
    }

    // MARK: while registered

    mutating func pongReceived(now: Instant) -> Action {
        pongDeadline = nil
        return .none
    }

    /// Credentials that the registration brought end in `remaining`, by the server's own clock.
    mutating func credentialsEnd(in remaining: Duration, now: Instant) {
        guard phase == .registered, renewAt == nil else { return }
        renewAt = now + max(LinkMachine.leastRenewal, remaining / 2)
    }

    /// Something in the heartbeat's status is different now.
    mutating func statusChanged(now: Instant) -> Action {
        guard phase == .registered, let due = heartbeatAt else { return .none }
        let earliest = lastHeartbeatAt.map { $0 + LinkMachine.heartbeatSpacing } ?? now
        guard earliest <= now else {
            heartbeatAt = min(due, earliest)
            return .none
        }
        return heartbeat(now: now)
    }

    /// The machine's addresses changed: a waiting machine tries soon, a connected one makes sure. What is connected from an
    /// address that is gone only waits for its end, and is given up.
    mutating func networkChanged(isOwnAddressGone: Bool, now: Instant) -> Action {
        if isOwnAddressGone, phase != .idle, phase != .waiting {
            return abandon(
                LinkTrouble(.connectionLost, "the address that the server was reached from is gone"),
                retryIn: LinkMachine.networkSettles, now: now)
        }
        switch phase {
        case .waiting:
            // A server that throttles and a password that is wrong are the same in every network.
            if let notBefore, notBefore > now { return .none }
            schedule.reset()
            // An address that flaps does not put it off for ever.
            deadline = min(deadline ?? now + LinkMachine.networkSettles, now + LinkMachine.networkSettles)
            return .none
        case .registered:
            let action = heartbeat(now: now)
            let deadline = now + LinkMachine.pongTimeoutAfterChange
            pongDeadline = min(pongDeadline ?? deadline, deadline)
            return action
        case .idle, .loggingIn, .refreshing, .opening, .registering:
            return .none
        }
    }

    /// The configuration was read again, so a fault that only a person could correct may be corrected. A wait that the
    /// server asked for is not cut short.
    mutating func credentialsChanged(now: Instant) -> Action {
        guard phase == .waiting, needsPerson else { return .none }
        needsPerson = false
        schedule.reset()
        return attempt()
    }

    // MARK: what goes wrong

    /// The server answered a login or refresh with an error.
    mutating func requestRefused(
        _ response: HTTPResponse, error: SignalingError?, retryAfter: Duration?, now: Instant
    ) -> Action {
        if phase == .refreshing, response.refusesToken {
            token = nil
            refreshToken = nil
            return attempt()
        }
        guard phase == .loggingIn || phase == .refreshing else { return .none }
        var trouble = LinkTrouble(response, error: error, kioskId: kioskId, server: server)
        if trouble.kind == .wrongPassword, passwordIsOfTheStart {
            trouble.remedy = LinkTrouble.correctPasswordAndRestart
        }
        return abandon(trouble, notBefore: retryAfter, now: now)
    }

    /// A login, a refresh or the opening of the WebSocket failed below HTTP.
    mutating func failed(_ failure: HTTPFailure, now: Instant) -> Action {
        guard phase == .loggingIn || phase == .refreshing || phase == .opening else { return .none }
        return abandon(LinkTrouble(failure, server: server), now: now)
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
        guard phase == .opening else { return .none }
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
        guard phase == .registering else { return .none }
        return abandon(
            LinkTrouble(.serverFailed, "registration of \(kioskId) refused (\(error.code.rawValue): \(error.message))"),
            now: now)
    }

    mutating func disconnected(_ reason: DisconnectReason, now: Instant) -> Action {
        switch phase {
        case .opening, .registering, .registered: abandon(LinkTrouble(reason), now: now)
        case .idle, .waiting, .loggingIn, .refreshing: .none
        }
    }

    mutating func timeoutReached(now: Instant) -> Action {
        if let due = pongDeadline, due <= now {
            return abandon(LinkTrouble(.connectionLost, "the server does not answer heartbeats"), now: now)
        }
        if let due = deadline, due <= now {
            deadline = nil
            if phase == .registering {
                return abandon(
                    LinkTrouble(.serverFailed, "server \(server) does not answer the registration"), now: now)
            }
            return attempt()
        }
        if let due = heartbeatAt, due <= now { return heartbeat(now: now) }
        if let due = renewAt, due <= now {
            // Unanswered or refused, it is asked again when a pong has told once more how long they last.
            renewAt = nil
            return .register
        }
        return .none
    }

    /// No more attempts. The driver closes what is open.
    mutating func stopped() {
        phase = .idle
        deadline = nil
        heartbeatAt = nil
        pongDeadline = nil
        renewAt = nil
    }

    // MARK: below

    private mutating func attempt() -> Action {
        deadline = nil
        notBefore = nil
        if let token {
            phase = .opening
            return .open(token)
        }
        if let refreshToken {
            phase = .refreshing
            return .refresh(refreshToken)
        }
        phase = .loggingIn
        return .logIn
    }

    private mutating func heartbeat(now: Instant) -> Action {
        lastHeartbeatAt = now
        heartbeatAt = now + heartbeatInterval
        if pongDeadline == nil { pongDeadline = now + LinkMachine.pongTimeout }
        return .sendHeartbeat
    }

    private mutating func abandon(
        _ trouble: LinkTrouble, notBefore: Duration? = nil, retryIn soon: Duration? = nil, now: Instant
    ) -> Action {
        if phase == .registered, now - registeredAt >= LinkMachine.settledAfter { schedule.reset() }
        heartbeatAt = nil
        lastHeartbeatAt = nil
        pongDeadline = nil
        renewAt = nil
        phase = .waiting
        needsPerson = trouble.isSlow && notBefore == nil
        var delay = soon ?? schedule.delayAfterFailure(trouble.isSlow ? .slow : .ordinary)
        if let notBefore { delay = max(delay, min(notBefore, .seconds(300))) }
        deadline = now + delay
        self.notBefore = trouble.isOfTheNetwork ? nil : deadline
        return .abandon(trouble, retryIn: delay)
    }
}
