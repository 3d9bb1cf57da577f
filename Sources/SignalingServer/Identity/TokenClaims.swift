internal import JSON
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

    var json: [UInt8] {
        var object = JSONObject([
            ("sub", .string(subject)), ("role", .string(role.rawValue)), ("org", .string(organization)),
            ("iat", .integer(issuedAt.secondsSince1970)), ("exp", .integer(expiresAt.secondsSince1970)),
            ("jti", .string(tokenId)), ("fam", .string(family)),
        ])
        object["gen"] = generation.map { .integer($0) }
        return JSONValue.object(object).jsonText
    }

    init?(json: [UInt8]) {
        guard let object = try? JSONValue(parsing: json, maximumDepth: 4), let subject = object["sub"]?.string,
            let role = object["role"]?.string.flatMap(Role.init(rawValue:)),
            let organization = object["org"]?.string, let issued = object["iat"]?.integer,
            let expires = object["exp"]?.integer, let id = object["jti"]?.string, let family = object["fam"]?.string
        else { return nil }
        self.init(
            subject: subject, role: role, organization: organization, issuedAt: WallClock(secondsSince1970: issued),
            expiresAt: WallClock(secondsSince1970: expires), tokenId: id, family: family,
            generation: object["gen"]?.integer)
    }
}
