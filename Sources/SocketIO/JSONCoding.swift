public enum JSONError: Error, Equatable, Sendable {
    /// No JSON text: the rule violated and where.
    case malformed(offset: Int)
    case tooDeep(limit: Int)
}

extension JSONValue {
    /// Parses one JSON text in UTF-8 (RFC 8259), strictly: no comments, no trailing bytes, no lone surrogates.
    /// - Parameter maximumDepth: arrays and objects within each other.
    public init(parsing text: [UInt8], maximumDepth: Int = 64) throws(JSONError) { self = .null }

    /// As JSON text in UTF-8, without white space.
    public var jsonText: [UInt8] { [] }
}
