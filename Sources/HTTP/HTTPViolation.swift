/// What a peer did that ends its connection, as the status that a server answers with (RFC 9110 section 15) and a
/// sentence for the peer's programmer.
public struct HTTPViolation: Error, Hashable, Sendable, CustomStringConvertible {
    /// 400 … 599: what a server answers with. A client shows `message` alone.
    public var status: Int
    /// Which rule was broken, lower case.
    public var message: String

    init(_ status: Int, _ message: String) {
        self.status = status
        self.message = message
    }

    static func malformed(_ message: String) -> HTTPViolation { HTTPViolation(400, message) }

    public var description: String { "http: \(message)" }
}

/// How much of a message is taken before its body. Its sender may be a stranger.
public struct HTTPLimits: Hashable, Sendable {
    /// Bytes of a request line or status line.
    public var startLine: Int
    /// Bytes of all header fields together, and of all trailer fields.
    public var fields: Int
    /// Header fields.
    public var fieldCount: Int

    /// What a server is told to take from strangers, unless its configuration says otherwise.
    public init(startLine: Int = 8 * 1024, fields: Int = 16 * 1024, fieldCount: Int = 100) {
        self.startLine = startLine
        self.fields = fields
        self.fieldCount = fieldCount
    }
}
