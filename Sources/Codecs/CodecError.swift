/// What a codec library refused: "vp8 encode: rule (detail)".
public struct CodecError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The codec and the operation, lower case.
    public var operation: String
    /// The library's own words.
    public var reason: String

    public var description: String { "\(operation): \(reason)" }
}
