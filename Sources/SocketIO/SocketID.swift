public import JSON

/// One client in one namespace, as the server's application names it; never used again in the life of the process.
public struct SocketID: Hashable, Comparable, Sendable, CustomStringConvertible {
    public var rawValue: UInt64
    @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }
    @inlinable public static func < (a: SocketID, b: SocketID) -> Bool { a.rawValue < b.rawValue }
    public var description: String { "socket \(rawValue)" }
}

/// The number that ties an acknowledgement to its event, per socket and direction.
public struct AcknowledgementID: Hashable, Sendable {
    public var rawValue: Int
    @inlinable public init(rawValue: Int) { self.rawValue = rawValue }
}

/// What a refused CONNECT says: `44{"message":…,"data":…}`.
public struct ConnectError: Hashable, Sendable {
    /// For people.
    public var message: String
    /// What a program decides by, such as `{"code":…}`.
    public var data: JSONValue?
    /// Nothing is checked.
    public init(message: String, data: JSONValue? = nil) {
        self.message = message
        self.data = data
    }
}

/// Why a socket is gone.
public enum DisconnectReason: String, Hashable, Sendable, CaseIterable {
    /// The other side left this namespace (packet 1).
    case left = "left"
    /// This side ended it.
    case ended = "ended"
    case transportClosed = "transport closed"
    /// No pong (server) or no ping (client) in time.
    case pingTimeout = "ping timeout"
    /// A packet that cannot be read or must not come.
    case protocolError = "protocol error"
    /// Two polls or two posts at once.
    case overlappingRequests = "overlapping requests"
    /// The client did not fetch what waited for it.
    case tooSlow = "too slow"
    case serverShutdown = "server shutdown"
}
