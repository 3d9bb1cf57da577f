public import Primitives
public import SocketIO

/// `POST /api/auth/login`.
public struct LoginRequest: Sendable {
    public var username: String
    public var password: Redacted<String>
    public init(username: String, password: Redacted<String>) {
        self.username = username
        self.password = password
    }
    /// - Throws: `bad-request` that names the field.
    public init(json: JSONValue) throws(SignalingError) { throw SignalingError(.badRequest, "") }
    public var json: JSONValue { .null }
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
    public init(json: JSONValue) throws(SignalingError) { throw SignalingError(.badRequest, "") }
    public var json: JSONValue { .null }
}

/// `POST /api/auth/refresh`.
public struct RefreshRequest: Sendable {
    public var refreshToken: Redacted<String>
    public init(refreshToken: Redacted<String>) { self.refreshToken = refreshToken }
    public init(json: JSONValue) throws(SignalingError) { throw SignalingError(.badRequest, "") }
    public var json: JSONValue { ["refreshToken": .string(refreshToken.unredacted)] }
}

/// The body of every HTTP error: `{"error":{"code","message"}}`.
extension SignalingError {
    public var httpBody: JSONValue { ["error": json] }
    /// Reads the body of an HTTP error.
    public init(httpBody: JSONValue) throws(SignalingError) { throw SignalingError(.badRequest, "") }
}
