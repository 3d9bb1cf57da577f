public import JSON
public import Primitives

/// `POST /api/auth/login`.
public struct LoginRequest: Sendable {
    /// The account's name, such as `KIOSK_01`.
    public var username: String
    /// In clear: never in a log, and on the server only until it has been hashed.
    public var password: Redacted<String>
    /// Nothing is checked: the client's side.
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
    /// With the password in clear: for the request body only.
    public var json: JSONValue { ["username": .string(username), "password": .string(password.unredacted)] }
}

/// What a login and a refresh answer.
public struct LoginAnswer: Sendable {
    /// The account that the tokens belong to.
    public struct User: Hashable, Sendable {
        /// The account's name, the JWT's `sub`.
        public var id: String
        /// What the account may do.
        public var role: Role
        /// Kiosks and monitors of one organization see each other.
        public var organization: String
        /// For people; empty where none was given.
        public var displayName: String
        /// Nothing is checked: the server's side.
        public init(id: String, role: Role, organization: String, displayName: String) {
            self.id = id
            self.role = role
            self.organization = organization
            self.displayName = displayName
        }
    }
    /// The access token, a JWT. It goes into CONNECT and into `Authorization: Bearer`.
    public var token: Redacted<String>
    /// ISO 8601 in UTC.
    public var expiresAt: String
    /// Good for one refresh.
    public var refreshToken: Redacted<String>
    /// The account that logged in.
    public var user: User

    /// `expiresAt` is the access token's end.
    public init(token: Redacted<String>, expiresAt: String, refreshToken: Redacted<String>, user: User) {
        self.token = token
        self.expiresAt = expiresAt
        self.refreshToken = refreshToken
        self.user = user
    }
    /// - Throws: `bad-request` that names the field.
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
    /// With both tokens in clear: for the response body only.
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
    /// The one that the last log-in or refresh gave.
    public var refreshToken: Redacted<String>
    /// Nothing is checked: the client's side.
    public init(refreshToken: Redacted<String>) { self.refreshToken = refreshToken }
    /// - Throws: `bad-request` that names the field, also for a token of more than 8,192 bytes.
    public init(json: JSONValue) throws(SignalingError) {
        let fields = try Fields(json: json, what: "refresh")
        self.init(refreshToken: Redacted(try fields.string("refreshToken", limit: 8192)))
    }
    /// With the token in clear: for the request body only.
    public var json: JSONValue { ["refreshToken": .string(refreshToken.unredacted)] }
}

/// The body of every HTTP error: `{"error":{"code","message"}}`.
extension SignalingError {
    /// The error as an HTTP response's body.
    public var httpBody: JSONValue { ["error": json] }
    /// Reads the body of an HTTP error.
    public init(httpBody: JSONValue) throws(SignalingError) {
        try self.init(try Fields(json: httpBody, what: "error").fields("error"))
    }
}
