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

extension Server {
    // MARK: Log in, refresh, log out

    typealias LogIns = LogInMachine<RecordTicket, StoredCredentials>

    func logIn(_ request: HTTPRequest, now: Moment) throws(SignalingError) {
        let login = try LoginRequest(json: try request.json())
        logIns.arrived(
            request.id.ticket, name: login.username, password: login.password,
            from: clientAddress(request.peer, request.headers).address, now: now.instant)
    }

    /// Does what the log-ins have come to. No thread waits for another: the records, the passwords, the records again.
    func serveLogIns(now: Moment) {
        guard logInsAreDue <= now.instant else { return }
        logIns.handleTimeout(now: now)
        var actions = logIns.takeActions()
        while !actions.isEmpty {
            for action in actions { perform(action, now: now) }
            actions = logIns.takeActions()
        }
        logInsAreDue = logIns.nextTimeout(now: now.instant) ?? .distantFuture
    }

    private func perform(_ action: LogIns.Action, now: Moment) {
        switch action {
        case .read(let name, let ticket): records.submit(.readCredentials(name: name, ticket))
        case .check(let password, let found, let ticket):
            let inbox = inbox
            passwords.submit {
                // A name that nobody has takes as long as one that somebody has.
                let isRight = (found?.password ?? PasswordHash.decoy).matches(password)
                inbox.post(.passwordChecked(ticket, isRight: isRight))
            }
        case .judge(let checked, let ticket): judge(checked, ticket)
        case .answer(let answer, let ticket): self.answer(ticket, answer, now: now)
        case .record(let entry): records.submit(.keep(.audit(entry)))
        case .noteRefusal(let name, let address, let code): noteRefusal(name, address, code)
        }
    }

    private func judge(_ checked: LogIns.Checked, _ ticket: RecordTicket) {
        let refresh = Tokens.newRefreshToken()
        let new = NewTokens(family: Tokens.newIdentifier(), refreshToken: refresh.token)
        newTokens[ticket] = new
        records.submit(
            .logIn(
                CheckedLogIn(
                    name: checked.name, checkedAgainst: checked.checkedAgainst, isRight: checked.isRight,
                    address: checked.address, family: new.family, refreshHash: refresh.hash), ticket))
    }

    private func answer(_ ticket: RecordTicket, _ answer: LogIns.Answer, now: Moment) {
        let (id, new) = (ticket.request, newTokens.removeValue(forKey: ticket))
        switch answer {
        case .succeeded(let account):
            guard let new else { preconditionFailure("log-in: let in without tokens") }
            answerLogin(id, account, family: new.family, new.refreshToken, now: now)
        case .refused: fail(id, SignalingError(.invalidCredentials, "the name or the password is wrong"))
        case .disabled: fail(id, SignalingError(.accountDisabled, "the account is disabled"))
        case .failed: fail(id, SignalingError(.internalError, "the records cannot be read"))
        case .comeBack(let wait):
            let seconds = max(1, Int64(wait.seconds.rounded(.up)))
            fail(
                id, 429, SignalingError(.throttled, "too many attempts, try again in \(seconds) s"),
                headers: [HTTPHeader("Retry-After", "\(seconds)")])
        }
    }

    private func noteRefusal(_ name: String, _ address: IPAddress, _ code: SignalingErrorCode) {
        guard configuration.log.identities else { return log.notice("log-in refused (\(code.rawValue))") }
        log.notice(
            "log-in refused: \(name) from \(address) (\(code.rawValue))",
            [LogField("NAME", name), LogField("ADDRESS", address), LogField("CODE", code.rawValue)])
    }

    private func answerLogin(
        _ id: RequestID, _ account: Account, family: String, _ refreshToken: Redacted<String>, now: Moment
    ) {
        guard let (token, claims) = tokens.issue(to: account, family: family, now: tokenClock.time(now)) else {
            return fail(id, SignalingError(.internalError, "there is no key to sign with"))
        }
        let answer = LoginAnswer(
            token: token, expiresAt: claims.expiresAt.text, refreshToken: refreshToken,
            user: LoginAnswer.User(
                id: account.id, role: account.role, organization: account.organization,
                displayName: account.displayName))
        respond(to: id, .json(200, answer.json))
    }

    func refresh(_ request: HTTPRequest, now: Moment) throws(SignalingError) {
        let refresh = try RefreshRequest(json: try request.json())
        let hash = Tokens.hash(ofRefreshToken: refresh.refreshToken)
        let next = Tokens.newRefreshToken()
        newTokens[request.id.ticket] = NewTokens(refreshToken: next.token)
        records.submit(.refresh(hash: hash, nextHash: next.hash, request.id.ticket))
    }

    func finishRefresh(_ ticket: RecordTicket, _ outcome: RefreshOutcome, now: Moment) {
        guard let next = newTokens.removeValue(forKey: ticket)?.refreshToken else { return }
        let id = ticket.request
        switch outcome {
        case .renewed(let account, let family):
            metrics.refreshes += 1
            answerLogin(id, account, family: family, next, now: now)
        case .unknown: fail(id, SignalingError(.tokenInvalid, "the refresh token is not valid"))
        case .expired: fail(id, SignalingError(.tokenExpired, "the refresh token has expired"))
        case .disabled: fail(id, SignalingError(.accountDisabled, "the account is disabled"))
        case .tooOften:
            fail(
                id, 429, SignalingError(.throttled, "refreshed too often, try again in 10 s"),
                headers: [HTTPHeader("Retry-After", "10")])
        case .reused(let family):
            log.warning("a refresh token was used twice, its family is revoked")
            hub.familyRevoked(family, now: now)
            fail(id, SignalingError(.tokenInvalid, "the refresh token was used before"))
        }
    }

    func logOut(_ request: HTTPRequest, now: Moment) throws(SignalingError) {
        let (account, claims) = try authenticate(request, now: now)
        records.submit(.logOut(account, family: claims.family, request.id.ticket))
        hub.familyRevoked(claims.family, now: now)
    }

    /// Whom a request's bearer token stands for.
    func authenticate(
        _ request: HTTPRequest, now: Moment
    ) throws(SignalingError) -> (account: Account, claims: TokenClaims) {
        guard let token = request.headers["authorization"]?.bearerToken else {
            throw SignalingError(.tokenMissing, "no bearer token in the Authorization header")
        }
        let claims = try tokens.verify(Redacted(token), now: tokenClock.time(now))
        return (try hub.directory.admit(claims), claims)
    }
}

extension HTTPRequest {
    /// The body, which must be JSON.
    func json() throws(SignalingError) -> JSONValue {
        if let type = headers["content-type"], !type.lowercased().hasPrefix("application/json") {
            throw SignalingError(.badRequest, "Content-Type must be application/json")
        }
        do throws(JSONError) {
            return try JSONValue(parsing: body, maximumDepth: 16)
        } catch {
            throw SignalingError(.badRequest, "the body is not JSON")
        }
    }
}
