internal import Database
internal import HTTP
internal import HTTPTransport
internal import JSON
internal import Primitives
internal import Reactor
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
        while let attempt = logins.next(now: now.instant) { attempt.begin(records) }
        for entry in refusedLogins.handleTimeout(now: now) { records.perform(.audit(entry)) }
    }

    private func throttled(_ id: RequestID, _ wait: Duration) {
        metrics.loginsThrottled += 1
        let seconds = max(1, Int64(wait.seconds.rounded(.up)))
        fail(
            id, 429, SignalingError(.throttled, "too many attempts, try again in \(seconds) s"),
            headers: [HTTPHeader("Retry-After", "\(seconds)")])
    }

    func finish(_ attempt: LoginAttempt, _ outcome: LoginOutcome, now: Moment) {
        switch outcome {
        case .succeeded(let account, let family, let refreshToken):
            logins.finished(account: attempt.name, address: attempt.address, isRight: true, now: now.instant)
            metrics.logins += 1
            answerLogin(attempt.request, account, family: family, refreshToken, now: now)
        case .refused(let organization):
            refused(attempt, organization, .invalidCredentials, now: now)
            fail(attempt.request, SignalingError(.invalidCredentials, "the name or the password is wrong"))
        case .disabled(let organization):
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
        records.perform(.audit(entry))
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
        let id = request.id
        records.submit(onFailure: .recordsUnavailable(id)) { store throws(DatabaseError) in
            let outcome = try store.refresh(hash: hash, nextHash: next.hash, now: SystemWallClock.now())
            return .refreshFinished(id, outcome, next: next.token)
        }
    }

    func finishRefresh(
        _ id: RequestID, _ outcome: Store.RefreshOutcome, _ next: Redacted<String>, now: Moment
    ) {
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
        let id = request.id
        records.submit(onFailure: .recordsUnavailable(id)) { store throws(DatabaseError) in
            try store.loggedOut(account, family: claims.family, request: id, now: SystemWallClock.now())
        }
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

extension ServerMessage {
    static func recordsUnavailable(_ id: RequestID) -> ServerMessage {
        .respond(id, .error(500, SignalingError(.internalError, "the records cannot be read or written")))
    }
}

extension Store {
    /// Logs out. The directory goes with the answer: one that was read before, and is still on its way to the serving
    /// thread, knows nothing of it.
    mutating func loggedOut(
        _ account: Account, family: String, request: RequestID, now: WallClock
    ) throws(DatabaseError) -> ServerMessage {
        try logOut(account, family: family, now: now)
        return .changed(try directory(now: now), request, HTTPResponse(status: 204))
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
