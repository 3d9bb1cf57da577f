internal import HTTP
internal import HTTPTransport
internal import Identity
internal import JSON
internal import Primitives
internal import Reactor
internal import Records
internal import RecordsSQLite
internal import Service
internal import SessionRules
internal import Signaling

/// Does for log-ins, refreshes and log-outs what their machine decides. No thread waits for another: the records, the
/// passwords, the records again.
final class LogInAPI {
    private let workers: Workers
    private let inbox: Inbox
    private let responses: Responses
    private let tokens: AccessTokens
    private let sockets: SocketService
    private let log: Log
    /// Whether the log may name who was refused.
    private let namesIdentities: Bool
    private var desk: LogInDesk

    init(
        _ desk: LogInDesk, _ workers: Workers, _ inbox: Inbox, _ responses: Responses, _ tokens: AccessTokens,
        _ sockets: SocketService, _ log: Log, namesIdentities: Bool
    ) {
        self.desk = desk
        self.workers = workers
        self.inbox = inbox
        self.responses = responses
        self.tokens = tokens
        self.sockets = sockets
        self.log = log
        self.namesIdentities = namesIdentities
    }

    // MARK: Requests

    func logIn(_ request: HTTPRequest, from client: IPAddress, now: Moment) throws(APIFailure) {
        let login = try api { () throws(SignalingError) in try LoginRequest(json: try request.json()) }
        desk.logInArrived(login, request.id.ticket, from: client, now: now.instant)
    }

    func refresh(_ request: HTTPRequest, now: Moment) throws(APIFailure) {
        let refresh = try api { () throws(SignalingError) in try RefreshRequest(json: try request.json()) }
        perform(desk.refresh(refresh, request.id.ticket), now: now)
    }

    func logOut(_ request: HTTPRequest, now: Moment) throws(APIFailure) {
        let (account, claims) = try api { () throws(SignalingError) in
            try tokens.caller(of: request, in: sockets.directory, now: now)
        }
        workers.records.submit(.logOut(account, family: claims.family, request.id.ticket))
        sockets.familyRevoked(claims.family, now: now)
    }

    func aborted(_ id: RequestID) { desk.aborted(id.ticket) }

    // MARK: What the other threads say

    func credentialsRead(_ found: StoredCredentials?, _ ticket: RecordTicket) { desk.credentialsRead(found, ticket) }

    func passwordChecked(isRight: Bool, _ ticket: RecordTicket) { desk.passwordChecked(isRight: isRight, ticket) }

    func judged(_ verdict: LogInVerdict, _ ticket: RecordTicket, now: Moment) {
        desk.judged(verdict, ticket, now: now)
    }

    func logInFailed(_ ticket: RecordTicket, now: Moment) { desk.recordsFailed(ticket, now: now.instant) }

    func refreshed(_ outcome: RefreshOutcome, _ ticket: RecordTicket, now: Moment) {
        for action in desk.refreshed(outcome, ticket) { perform(action, now: now) }
    }

    func refreshFailed(_ ticket: RecordTicket, now: Moment) { perform(desk.refreshFailed(ticket), now: now) }

    func loggedOut(_ ticket: RecordTicket) { responses.respond(to: ticket.request, HTTPResponse(status: 204)) }

    func logOutFailed(_ ticket: RecordTicket) { responses.fail(ticket.request, .recordsUnavailable) }

    // MARK: Time

    func serve(now: Moment) {
        for action in desk.serve(now: now) { perform(action, now: now) }
    }

    var nextTimeout: Instant? { desk.nextTimeout }

    func finish(now: Moment) {
        for action in desk.finish(at: now.wall) { perform(action, now: now) }
    }

    // MARK: Effects

    private func perform(_ action: LogInDesk.Action, now: Moment) {
        switch action {
        case .ask(let request): workers.records.submit(request)
        case .check(let password, let found, let ticket):
            let inbox = inbox
            workers.passwords.submit {
                // A name that nobody has takes as long as one that somebody has.
                let isRight = (found?.password ?? PasswordHash.decoy).matches(password)
                inbox.post(.passwordChecked(ticket, isRight: isRight))
            }
        case .letIn(let account, let new, let ticket): letIn(account, new, ticket.request, now: now)
        case .refuse(let ticket, let failure): responses.fail(ticket.request, failure)
        case .revoke(let family):
            log.warning("a refresh token was used twice, its family is revoked")
            sockets.familyRevoked(family, now: now)
        case .noteRefusal(let name, let address, let code):
            guard namesIdentities else { return log.notice("log-in refused (\(code.rawValue))") }
            log.notice(
                "log-in refused: \(name) from \(address) (\(code.rawValue))",
                [LogField("NAME", name), LogField("ADDRESS", address), LogField("CODE", code.rawValue)])
        }
    }

    private func letIn(_ account: Account, _ new: NewTokens, _ id: RequestID, now: Moment) {
        guard let (token, claims) = tokens.issue(to: account, family: new.family, now: now) else {
            return responses.fail(id, APIFailure(.internalError, "there is no key to sign with"))
        }
        let answer = LoginAnswer(
            token: token, expiresAt: claims.expiresAt.text, refreshToken: new.refreshToken,
            user: LoginAnswer.User(
                id: account.id, role: account.role, organization: account.organization,
                displayName: account.displayName))
        responses.respond(to: id, .json(200, answer.json))
    }

    // MARK: Metrics

    func write(to page: inout MetricsPage) {
        page.family("kiosk_signaling_logins_total", "counter", "Log-ins, by result.")
        page.sample(["result": "succeeded"], desk.counts.succeeded)
        page.sample(["result": "failed"], desk.counts.refused)
        page.sample(["result": "throttled"], desk.counts.throttled)
        page.counter("kiosk_signaling_token_refreshes_total", "Access tokens renewed.", desk.refreshes)
    }
}
