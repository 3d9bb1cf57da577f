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

    func logIn(_ request: HTTPRequest, now: Moment) throws(SignalingError) {
        let login = try LoginRequest(json: try request.json())
        let address = clientAddress(request.peer, request.headers).address
        let attempt = LoginAttempt(
            request: request.id, name: login.username, password: login.password, address: address)
        switch logins.arrived(attempt, request.id, account: attempt.name, address: address, now: now.instant) {
        case .mustWait(let wait): throttled(request.id, wait)
        case .queued(let givesWay?): throttled(givesWay.request, Logins.pause)
        case .queued(nil): break
        }
    }

    typealias Logins = LoginGate<LoginAttempt, RequestID>

    /// Has those judged whose turn it is, and tells those to come back who have waited for too long.
    func serveLogins(now: Moment) {
        for attempt in logins.handleTimeout(now: now.instant) { throttled(attempt.request, Logins.pause) }
        while let attempt = logins.next(now: now.instant) {
            attempts[attempt.request.ticket] = attempt
            records.submit(.readCredentials(name: attempt.name, attempt.request.ticket))
        }
        for entry in refusedLogins.handleTimeout(now: now) { records.submit(.keep(.audit(entry))) }
    }

    private func throttled(_ id: RequestID, _ wait: Duration) {
        metrics.loginsThrottled += 1
        let seconds = max(1, Int64(wait.seconds.rounded(.up)))
        fail(
            id, 429, SignalingError(.throttled, "too many attempts, try again in \(seconds) s"),
            headers: [HTTPHeader("Retry-After", "\(seconds)")])
    }

    /// No thread waits for another: the records, the passwords, the records again.
    func checkPassword(_ ticket: RecordTicket, against found: StoredCredentials?) {
        guard let attempt = attempts[ticket] else { return }
        let (inbox, password) = (inbox, attempt.password)
        passwords.submit {
            // A name that nobody has takes as long as one that somebody has.
            let isRight = (found?.password ?? PasswordHash.decoy).matches(password)
            inbox.post(.passwordChecked(ticket, found, isRight: isRight))
        }
    }

    func passwordChecked(_ ticket: RecordTicket, against found: StoredCredentials?, isRight: Bool) {
        guard var attempt = attempts[ticket] else { return }
        let refresh = Tokens.newRefreshToken()
        attempt.family = Tokens.newIdentifier()
        attempt.refreshToken = refresh.token
        attempts[ticket] = attempt
        records.submit(
            .logIn(
                CheckedLogIn(
                    name: attempt.name, checkedAgainst: found, isRight: isRight, address: attempt.address,
                    family: attempt.family, refreshHash: refresh.hash), ticket))
    }

    func finish(_ ticket: RecordTicket, _ outcome: LoginOutcome, now: Moment) {
        guard let attempt = attempts.removeValue(forKey: ticket) else { return }
        switch outcome {
        case .judged(.succeeded(let account)):
            logins.finished(account: attempt.name, address: attempt.address, isRight: true, now: now.instant)
            metrics.logins += 1
            answerLogin(
                attempt.request, account, family: attempt.family, attempt.refreshToken ?? Redacted(""), now: now)
        case .judged(.refused(let organization)):
            refused(attempt, organization, .invalidCredentials, now: now)
            fail(attempt.request, SignalingError(.invalidCredentials, "the name or the password is wrong"))
        case .judged(.disabled(let organization)):
            refused(attempt, organization, .accountDisabled, now: now)
            fail(attempt.request, SignalingError(.accountDisabled, "the account is disabled"))
        case .failed:
            logins.finished(account: attempt.name, address: attempt.address, isRight: nil, now: now.instant)
            fail(attempt.request, SignalingError(.internalError, "the records cannot be read"))
        }
    }

    private func refused(
        _ attempt: LoginAttempt, _ organization: String, _ code: SignalingErrorCode, now: Moment
    ) {
        logins.finished(account: attempt.name, address: attempt.address, isRight: false, now: now.instant)
        metrics.loginFailures += 1
        let refusal = RefusedLogins.Refusal(
            organization: organization, name: attempt.name, address: attempt.address, code: code.rawValue)
        guard let entry = refusedLogins.refused(refusal, now: now) else { return }
        records.submit(.keep(.audit(entry)))
        guard configuration.log.identities else { return log.notice("log-in refused (\(code.rawValue))") }
        log.notice(
            "log-in refused: \(attempt.name) from \(attempt.address) (\(code.rawValue))",
            [LogField("NAME", attempt.name), LogField("ADDRESS", attempt.address), LogField("CODE", code.rawValue)])
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
        refreshTokens[request.id.ticket] = next.token
        records.submit(.refresh(hash: hash, nextHash: next.hash, request.id.ticket))
    }

    func finishRefresh(_ ticket: RecordTicket, _ outcome: RefreshOutcome, now: Moment) {
        guard let next = refreshTokens.removeValue(forKey: ticket) else { return }
        let id = ticket.request
        switch outcome {
        case .renewed(let account, let family):
            metrics.refreshes += 1
            answerLogin(id, account, family: family, next, now: now)
        case .unknown: fail(id, SignalingError(.tokenInvalid, "the refresh token is not valid"))
        case .expired: fail(id, SignalingError(.tokenExpired, "the refresh token has expired"))
        case .disabled: fail(id, SignalingError(.accountDisabled, "the account is disabled"))
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
