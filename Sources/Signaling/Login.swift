public import JSON
public import Primitives

/// `POST /api/auth/login`.
public struct LoginRequest: Sendable {
    public var username: String
    public var password: Redacted<String>
    public init(username: String, password: Redacted<String>) {
        self.username = username
        self.password = password
    }
    /// - Throws: `bad-request` that names the field.
    public init(json: JSONValue) throws(SignalingError) {
        let fields = try Fields(json: json, what: "login")
        self.init(
            username: try fields.identifier("username"),
            password: Redacted(try fields.string("password", limit: 1024, rule: .secret)))
    }
    public var json: JSONValue { ["username": .string(username), "password": .string(password.unredacted)] }
}

/// What a login and a refresh answer.
public struct LoginAnswer: Sendable {
    public struct User: Hashable, Sendable {
        public var id: String
        public var role: Role
        public var organization: String
        public var displayName: String
        public init(id: String, role: Role, organization: String, displayName: String) {
            self.id = id
            self.role = role
            self.organization = organization
            self.displayName = displayName
        }
    }
    public var token: Redacted<String>
    /// ISO 8601 in UTC.
    public var expiresAt: String
    public var refreshToken: Redacted<String>
    public var user: User

    public init(token: Redacted<String>, expiresAt: String, refreshToken: Redacted<String>, user: User) {
        self.token = token
        self.expiresAt = expiresAt
        self.refreshToken = refreshToken
        self.user = user
    }
    public init(json: JSONValue) throws(SignalingError) {
        let fields = try Fields(json: json, what: "login answer")
        let user = try fields.fields("user")
        self.init(
            token: Redacted(try fields.string("token", limit: 8192)),
            expiresAt: try fields.string("expiresAt"),
            refreshToken: Redacted(try fields.string("refreshToken", limit: 8192)),
            user: User(
                id: try user.identifier("id"), role: try user.word("role", Role.self),
                organization: try user.string("organization", mayBeEmpty: true),
                displayName: try user.string("displayName", mayBeEmpty: true)))
    }
    public var json: JSONValue {
        ObjectBuilder.json {
            $0.set("token", token.unredacted)
            $0.set("expiresAt", expiresAt)
            $0.set("refreshToken", refreshToken.unredacted)
            $0.set(
                "user",
                [
                    "id": .string(user.id), "role": .string(user.role.rawValue),
                    "organization": .string(user.organization), "displayName": .string(user.displayName),
                ])
        }
    }
}

/// `POST /api/auth/refresh`.
public struct RefreshRequest: Sendable {
    public var refreshToken: Redacted<String>
    public init(refreshToken: Redacted<String>) { self.refreshToken = refreshToken }
    public init(json: JSONValue) throws(SignalingError) {
        let fields = try Fields(json: json, what: "refresh")
        self.init(refreshToken: Redacted(try fields.string("refreshToken", limit: 8192)))
    }
    public var json: JSONValue { ["refreshToken": .string(refreshToken.unredacted)] }
}

/// The body of every HTTP error: `{"error":{"code","message"}}`.
extension SignalingError {
    public var httpBody: JSONValue { ["error": json] }
    /// Reads the body of an HTTP error.
    public init(httpBody: JSONValue) throws(SignalingError) {
        try self.init(try Fields(json: httpBody, what: "error").fields("error"))
    }
}
