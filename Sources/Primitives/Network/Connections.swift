/// One connection of a transport, for as long as it lives; never used again in the life of the process.
public struct ConnectionID: Hashable, Comparable, Sendable, CustomStringConvertible {
    public var rawValue: UInt64
    @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }
    @inlinable public static func < (a: ConnectionID, b: ConnectionID) -> Bool { a.rawValue < b.rawValue }
    public var description: String { "connection \(rawValue)" }
}

/// One HTTP request and its answer; never used again in the life of the process.
public struct RequestID: Hashable, Comparable, Sendable, CustomStringConvertible {
    public var rawValue: UInt64
    @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }
    @inlinable public static func < (a: RequestID, b: RequestID) -> Bool { a.rawValue < b.rawValue }
    public var description: String { "request \(rawValue)" }
}

/// A whole WebSocket message (RFC 6455 section 5.6). A text's bytes are UTF-8 once the receiver has checked them.
public enum WebSocketMessage: Hashable, Sendable {
    case text([UInt8])
    case binary([UInt8])

    /// Bytes of payload.
    @inlinable public var count: Int {
        switch self {
        case .text(let bytes), .binary(let bytes): bytes.count
        }
    }
}

/// One `name=value` of a URL's query, percent-decoded.
public struct QueryItem: Hashable, Sendable {
    /// Percent-decoded; case counts.
    public var name: String
    /// Percent-decoded; empty without a `=`.
    public var value: String

    /// Nothing is checked.
    public init(name: String, value: String) {
        self.name = name
        self.value = value
    }
}
