internal import HTTP
internal import HTTPTransport
internal import Identity
internal import Primitives
internal import SessionRules
internal import Signaling

/// The keys of access tokens and the time by which they are judged, for sockets and requests alike.
final class AccessTokens {
    private var tokens: Tokens
    private var clock: TokenClock

    init(_ keys: [Tokens.StoredKey]) {
        tokens = Tokens()
        clock = TokenClock()
        tokens.use(keys)
    }

    func use(_ keys: [Tokens.StoredKey]) { tokens.use(keys) }

    /// - Returns: nil when there is no key to sign with.
    func issue(
        to account: Account, family: String, now: Moment
    ) -> (token: Redacted<String>, claims: TokenClaims)? {
        tokens.issue(to: account, family: family, now: clock.time(now))
    }

    func verify(_ token: Redacted<String>, now: Moment) throws(SignalingError) -> TokenClaims {
        try tokens.verify(token, now: clock.time(now))
    }

    /// Whom a request's bearer token stands for.
    func caller(
        of request: HTTPRequest, in directory: Directory, now: Moment
    ) throws(SignalingError) -> (account: Account, claims: TokenClaims) {
        guard let token = request.headers["authorization"]?.bearerToken else {
            throw SignalingError(.tokenMissing, "no bearer token in the Authorization header")
        }
        let claims = try verify(Redacted(token), now: now)
        return (try directory.admit(claims), claims)
    }
}
