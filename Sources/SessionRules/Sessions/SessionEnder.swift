/// Who ended a session, where a person or the server did.
public struct SessionEnder: Hashable, Sendable {
    /// The account, or `server`.
    public var id: String
    /// What an administrator said why; nil where none was given. One line of text.
    public var reason: String?

    /// Nothing is checked.
    public init(_ id: String, reason: String? = nil) {
        self.id = id
        self.reason = reason
    }

    /// The server itself, at its start or its stop.
    public static let server = SessionEnder("server")
}
