internal import HTTPTransport
internal import Identity
internal import Primitives
internal import Records
internal import SessionRules
internal import Signaling

/// What a client gets if its log-in, or the trade of its refresh token, succeeds.
struct NewTokens: Sendable {
    /// Empty where the family is there already.
    var family: String = ""
    var refreshToken: Redacted<String>
}

/// Log-ins and trades of refresh tokens, from the request to its answer. The records keep a hash of the refresh token, so
/// that it is drawn before they are asked and handed out when they have agreed.
///
///     logInArrived ──LogInMachine──▶ ask, check, ask ──▶ letIn or refuse
///     refresh      ────────────────▶ ask ──────────────▶ letIn or refuse, and revoke where the token was used before
struct LogInDesk {
    typealias LogIns = LogInMachine<RecordTicket, StoredCredentials>

    enum Action {
        case ask(RecordRequest)
        /// Check the password, also where nobody has that name; `passwordChecked` follows.
        case check(Redacted<String>, against: StoredCredentials?, RecordTicket)
        /// Answer with a new access token and this refresh token.
        case letIn(Account, NewTokens, RecordTicket)
        case refuse(RecordTicket, APIFailure)
        /// A refresh token was used twice: what its family holds open ends.
        case revoke(family: String)
        /// For the log.
        case noteRefusal(name: String, address: IPAddress, SignalingErrorCode)
    }

    /// Log-ins are rare beside messages: their machine is asked when something was done with it, or is due.
    private var logIns: LogIns { didSet { due = .zero } }
    private var due: Instant
    /// Drawn before the records are asked.
    private var newTokens: [RecordTicket: NewTokens]
    /// Trades that succeeded.
    private(set) var refreshes: UInt64

    /// - Parameter homes: as `LogInMachine`'s.
    init(homes: [String: [IPAddress]], random: RandomSource) {
        due = .zero
        logIns = LogIns(homes: homes, random: random)
        newTokens = [:]
        refreshes = 0
    }

    var counts: LogIns.Counts { logIns.counts }
    /// Nil when only something new can make a difference.
    var nextTimeout: Instant? { due < .distantFuture ? due : nil }

    // MARK: Log-ins

    mutating func logInArrived(_ login: LoginRequest, _ ticket: RecordTicket, from address: IPAddress, now: Instant) {
        logIns.arrived(ticket, name: login.username, password: login.password, from: address, now: now)
    }

    mutating func aborted(_ ticket: RecordTicket) { logIns.aborted(ticket) }

    mutating func credentialsRead(_ found: StoredCredentials?, _ ticket: RecordTicket) {
        logIns.credentialsRead(found, ticket)
    }

    mutating func passwordChecked(isRight: Bool, _ ticket: RecordTicket) {
        logIns.passwordChecked(isRight: isRight, ticket)
    }

    mutating func judged(_ verdict: LogInVerdict, _ ticket: RecordTicket, now: Moment) {
        logIns.judged(verdict, ticket, now: now)
    }

    mutating func recordsFailed(_ ticket: RecordTicket, now: Instant) { logIns.recordsFailed(ticket, now: now) }

    /// What the log-ins have come to, if something was done with them or is due.
    mutating func serve(now: Moment) -> [Action] {
        guard due <= now.instant else { return [] }
        logIns.handleTimeout(now: now)
        let actions = logIns.takeActions().map { action($0) }
        due = logIns.nextTimeout(now: now.instant) ?? .distantFuture
        return actions
    }

    private mutating func action(_ action: LogIns.Action) -> Action {
        switch action {
        case .read(let name, let ticket): .ask(.readCredentials(name: name, ticket))
        case .check(let password, let found, let ticket): .check(password, against: found, ticket)
        case .judge(let checked, let ticket): judge(checked, ticket)
        case .answer(let answer, let ticket): self.answer(ticket, answer)
        case .record(let entry): .ask(.keep(.audit(entry)))
        case .noteRefusal(let name, let address, let code): .noteRefusal(name: name, address: address, code)
        }
    }

    private mutating func judge(_ checked: LogIns.Checked, _ ticket: RecordTicket) -> Action {
        let refresh = Tokens.newRefreshToken()
        let family = Tokens.newIdentifier()
        newTokens[ticket] = NewTokens(family: family, refreshToken: refresh.token)
        return .ask(
            .logIn(
                CheckedLogIn(
                    name: checked.name, checkedAgainst: checked.checkedAgainst, isRight: checked.isRight,
                    address: checked.address, family: family, refreshHash: refresh.hash), ticket))
    }

    private mutating func answer(_ ticket: RecordTicket, _ answer: LogIns.Answer) -> Action {
        let new = newTokens.removeValue(forKey: ticket)
        switch answer {
        case .succeeded(let account):
            guard let new else { preconditionFailure("log-in: let in without tokens") }
            return .letIn(account, new, ticket)
        case .refused:
            return .refuse(ticket, APIFailure(.invalidCredentials, "the name or the password is wrong"))
        case .disabled: return .refuse(ticket, APIFailure(.accountDisabled, "the account is disabled"))
        case .failed: return .refuse(ticket, APIFailure(.internalError, "the records cannot be read"))
        case .comeBack(let wait):
            let seconds = max(1, Int64(wait.seconds.rounded(.up)))
            return .refuse(
                ticket, .throttled("too many attempts, try again in \(seconds) s", retryAfter: seconds))
        }
    }

    // MARK: Refresh tokens

    /// `refreshed` or `refreshFailed` follows.
    mutating func refresh(_ refresh: RefreshRequest, _ ticket: RecordTicket) -> Action {
        let hash = Tokens.hash(ofRefreshToken: refresh.refreshToken)
        let next = Tokens.newRefreshToken()
        newTokens[ticket] = NewTokens(refreshToken: next.token)
        return .ask(.refresh(hash: hash, nextHash: next.hash, ticket))
    }

    mutating func refreshed(_ outcome: RefreshOutcome, _ ticket: RecordTicket) -> [Action] {
        guard var next = newTokens.removeValue(forKey: ticket) else { return [] }
        switch outcome {
        case .renewed(let account, let family):
            refreshes += 1
            next.family = family
            return [.letIn(account, next, ticket)]
        case .unknown: return [.refuse(ticket, APIFailure(.tokenInvalid, "the refresh token is not valid"))]
        case .expired: return [.refuse(ticket, APIFailure(.tokenExpired, "the refresh token has expired"))]
        case .disabled: return [.refuse(ticket, APIFailure(.accountDisabled, "the account is disabled"))]
        case .tooOften:
            return [.refuse(ticket, .throttled("refreshed too often, try again in 10 s", retryAfter: 10))]
        case .reused(let family):
            return [
                .revoke(family: family),
                .refuse(ticket, APIFailure(.tokenInvalid, "the refresh token was used before")),
            ]
        }
    }

    /// The records could not be read or written.
    mutating func refreshFailed(_ ticket: RecordTicket) -> Action {
        newTokens[ticket] = nil
        return .refuse(ticket, .recordsUnavailable)
    }

    // MARK: The end

    /// What is to be kept of log-ins because the server ends.
    mutating func finish(at wall: WallClock) -> [Action] {
        logIns.finish(at: wall).map { .ask(.keep(.audit($0))) }
    }
}
