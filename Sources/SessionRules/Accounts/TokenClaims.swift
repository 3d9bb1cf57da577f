public import Primitives
public import Signaling

/// What an access token says (RFC 7519): `sub`, `role`, `org`, `iat`, `exp`, `jti`, the family it belongs to (`fam`) and the
/// account's generation (`gen`).
public struct TokenClaims: Hashable, Sendable {
    public var subject: String
    public var role: Role
    public var organization: String
    public var issuedAt: WallClock
    public var expiresAt: WallClock
    public var tokenId: String
    /// The login it came from: revoking that revokes the token.
    public var family: String
    /// The account's when it was issued; nil in tokens of before there were generations.
    public var generation: Int64?

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
