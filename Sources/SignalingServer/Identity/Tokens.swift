internal import Crypto
public import Primitives
public import SessionRules
public import Signaling

/// Makes access tokens and judges them, with the keys of the database.
public struct Tokens {
    public static let accessLifetime: Duration = .seconds(15 * 60)
    public static let refreshLifetime: Duration = .seconds(30 * 24 * 3600)

    /// How long after its use a refresh token may be used once more by a client that did not get the answer.
    public static let refreshGrace: Duration = .seconds(60)

    /// How many refresh tokens one log-in may be given within a time: what they are traded for is kept until they expire.
    static let refreshesPerWindow = 60
    static let refreshWindow: Duration = .seconds(300)

    /// By how much the clocks of two servers, or of one before and after a restart, may differ.
    static let futureTolerance: Duration = .seconds(5 * 60)

    private var signing: TokenKey?
    private var keys: [String: TokenKey]

    public init() {
        signing = nil
        keys = [:]
    }

    /// A key as the database holds it.
    public struct StoredKey: Hashable, Sendable {
        public var id: String
        public var jwk: Redacted<String>
        /// A retired key signs nothing more; it still verifies until its last token has expired.
        public var isRetired: Bool

        public init(id: String, jwk: Redacted<String>, isRetired: Bool) {
            self.id = id
            self.jwk = jwk
            self.isRetired = isRetired
        }
    }

    /// - Parameter stored: oldest first; the newest that is not retired signs.
    public mutating func use(_ stored: [StoredKey]) {
        keys = [:]
        signing = nil
        for key in stored {
            guard let usable = TokenKey(id: key.id, jwk: key.jwk) else { continue }
            keys[key.id] = usable
            if !key.isRetired { signing = usable }
        }
    }

    /// - Returns: nil when there is no key to sign with.
    public func issue(to account: Account, family: String, now: WallClock) -> (
        token: Redacted<String>, claims: TokenClaims
    )? {
        let claims = TokenClaims(
            subject: account.id, role: account.role, organization: account.organization, issuedAt: now,
            expiresAt: now + Tokens.accessLifetime, tokenId: Tokens.newIdentifier(), family: family,
            generation: account.generation)
        return signing?.sign(claims.json).map { (Redacted($0), claims) }
    }

    /// What the token says, once signature and time are right. Whether its account may still use it is the
    /// directory's to say.
    public func verify(_ token: Redacted<String>, now: WallClock) throws(SignalingError) -> TokenClaims {
        guard let signed = SignedToken(token), let key = signed.keyId.flatMap({ keys[$0] }),
            let payload = key.verify(signed), let claims = TokenClaims(json: payload)
        else { throw SignalingError(.tokenInvalid, "the token is not valid") }
        // One of the future was made when a clock was ahead; its client fetches another.
        guard claims.expiresAt > now, claims.issuedAt < now + Tokens.futureTolerance else {
            throw SignalingError(.tokenExpired, "the token has expired")
        }
        return claims
    }

    /// 128 random bits, for tokens, families, sessions.
    public static func newIdentifier() -> String { Base64.encode(SecureRandom.bytes(16).span, alphabet: .url) }

    /// What a client is given to refresh with, and what the database keeps of it.
    public static func newRefreshToken() -> (token: Redacted<String>, hash: [UInt8]) {
        let token = Redacted(Base64.encode(SecureRandom.bytes(32).span, alphabet: .url))
        return (token, hash(ofRefreshToken: token))
    }

    /// A refresh token is 256 random bits, so one fast hash is enough to keep it.
    public static func hash(ofRefreshToken token: Redacted<String>) -> [UInt8] {
        Digest.hash(utf8: token.unredacted, using: .sha256)
    }
}

@available(*, unavailable, message: "its keys stay on one thread")
extension Tokens: Sendable {}
