public import Primitives
public import Signaling

/// What an access token says (RFC 7519): `sub`, `role`, `org`, `iat`, `exp`, `jti`, the family it belongs to (`fam`) and the
/// account's generation (`gen`).
public struct TokenClaims: Hashable, Sendable {
    /// The account's name (`sub`).
    public var subject: String
    /// The account's role when the token was issued.
    public var role: Role
    /// The account's organization then (`org`).
    public var organization: String
    /// In whole seconds (`iat`).
    public var issuedAt: WallClock
    /// In whole seconds (`exp`); from then on it is void.
    public var expiresAt: WallClock
    /// Unique (`jti`).
    public var tokenId: String
    /// The login it came from: revoking that revokes the token.
    public var family: String
    /// The account's when it was issued; nil in tokens of before there were generations.
    public var generation: Int64?

    /// Nothing is checked: what makes tokens and what has verified one.
    public init(
        subject: String, role: Role, organization: String, issuedAt: WallClock, expiresAt: WallClock, tokenId: String,
        family: String, generation: Int64? = nil
    ) {
        self.subject = subject
        self.role = role
        self.organization = organization
        self.issuedAt = issuedAt
        self.expiresAt = expiresAt
        self.tokenId = tokenId
        self.family = family
        self.generation = generation
    }
}
