internal import Database
internal import HTTP
internal import HTTPTransport
internal import Primitives
internal import Reactor
internal import Service
internal import Signaling
internal import SocketIO

extension Server {
    // MARK: Log in, refresh, log out

    func logIn(_ request: HTTPRequest, now: Moment) throws(SignalingError) {
        let login = try LoginRequest(json: try request.json())
        let address = clientAddress(request.peer, request.headers).address
        let attempt = LoginAttempt(
            request: request.id, name: login.username, password: login.password, address: address)
        if let wait = throttle.attemptBegan(account: attempt.name, address: address, now: now.instant) {
            metrics.loginsThrottled += 1
            return throttled(request.id, wait)
        }
        guard !passwords.isBusy else {
            throttle.attemptWithdrawn(account: attempt.name, address: address)
            metrics.loginsThrottled += 1
            return throttled(request.id, .seconds(2))
        }
        attempt.begin(records)
    }

    private func throttled(_ id: RequestID, _ wait: Duration) {
        let seconds = max(1, Int64(wait.seconds.rounded(.up)))
        fail(
            id, 429, SignalingError(.throttled, "too many attempts, try again in \(seconds) s"),
            headers: [HTTPHeader("Retry-After", "\(seconds)")])
    }

    func finish(_ attempt: LoginAttempt, _ outcome: LoginOutcome, now: Moment) {
        switch outcome {
        case .succeeded(let account, let family, let refreshToken):
            throttle.attemptSucceeded(account: attempt.name, address: attempt.address)
            metrics.logins += 1
            answerLogin(attempt.request, account, family: family, refreshToken, now: now)
        case .refused:
            metrics.loginFailures += 1
            log.repeated(
                .notice, "login-refused", "log-in refused",
                [LogField("NAME", Redacted(attempt.name)), LogField("ADDRESS", Redacted(attempt.address))])
            fail(attempt.request, SignalingError(.invalidCredentials, "the name or the password is wrong"))
        case .disabled:
            metrics.loginFailures += 1
            fail(attempt.request, SignalingError(.accountDisabled, "the account is disabled"))
        case .failed:
            throttle.attemptWithdrawn(account: attempt.name, address: attempt.address)
            fail(attempt.request, SignalingError(.internalError, "the records cannot be read"))
        }
    }

    private func answerLogin(
        _ id: RequestID, _ account: Account, family: String, _ refreshToken: Redacted<String>, now: Moment
    ) {
        guard let (token, claims) = tokens.issue(to: account, family: family, now: now.wall) else {
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
        let claims = try tokens.verify(Redacted(token), now: now.wall)
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
