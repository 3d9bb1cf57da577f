internal import JSON
internal import Primitives
internal import SessionRules
internal import Signaling

extension TokenClaims {
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
