public import Primitives
public import Signaling
internal import SocketIO

/// What an access token says (RFC 7519): `sub`, `role`, `org`, `iat`, `exp`, `jti`, and the family it belongs to.
public struct TokenClaims: Hashable, Sendable {
    public var subject: String
    public var role: Role
    public var organization: String
    public var issuedAt: WallClock
    public var expiresAt: WallClock
    public var tokenId: String
    /// The login it came from: revoking that revokes the token.
    public var family: String

    public init(
        subject: String, role: Role, organization: String, issuedAt: WallClock, expiresAt: WallClock, tokenId: String,
        family: String
    ) {
        self.subject = subject
        self.role = role
        self.organization = organization
        self.issuedAt = issuedAt
        self.expiresAt = expiresAt
        self.tokenId = tokenId
        self.family = family
    }

    var json: [UInt8] {
        let object: JSONValue = [
            "sub": .string(subject), "role": .string(role.rawValue), "org": .string(organization),
            "iat": .integer(issuedAt.secondsSince1970), "exp": .integer(expiresAt.secondsSince1970),
            "jti": .string(tokenId), "fam": .string(family),
        ]
        return object.jsonText
    }

    init?(json: [UInt8]) {
        guard let object = try? JSONValue(parsing: json, maximumDepth: 4), let subject = object["sub"]?.string,
            let role = object["role"]?.string.flatMap(Role.init(rawValue:)),
            let organization = object["org"]?.string, let issued = object["iat"]?.integer,
            let expires = object["exp"]?.integer, let id = object["jti"]?.string, let family = object["fam"]?.string
        else { return nil }
        self.init(
            subject: subject, role: role, organization: organization, issuedAt: WallClock(secondsSince1970: issued),
            expiresAt: WallClock(secondsSince1970: expires), tokenId: id, family: family)
    }
}
