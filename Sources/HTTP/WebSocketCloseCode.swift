/// RFC 6455 section 7.4.
public struct WebSocketCloseCode: Hashable, Sendable, CustomStringConvertible {
    public var rawValue: UInt16
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// The purpose is fulfilled.
    public static let normal = WebSocketCloseCode(rawValue: 1000)
    /// A page is left, or the server ends.
    public static let goingAway = WebSocketCloseCode(rawValue: 1001)
    /// A frame against RFC 6455.
    public static let protocolError = WebSocketCloseCode(rawValue: 1002)
    /// A close frame without a code; never on the wire.
    public static let noStatus = WebSocketCloseCode(rawValue: 1005)
    /// The connection was lost without a close frame; never on the wire.
    public static let abnormal = WebSocketCloseCode(rawValue: 1006)
    /// Text that is no UTF-8.
    public static let invalidPayload = WebSocketCloseCode(rawValue: 1007)
    /// A message that the application does not take; here also: a peer that does not read.
    public static let policyViolation = WebSocketCloseCode(rawValue: 1008)
    /// More than `maximumMessageSize`.
    public static let messageTooBig = WebSocketCloseCode(rawValue: 1009)
    /// The server is overloaded (IANA "WebSocket Close Code Number").
    public static let tryAgainLater = WebSocketCloseCode(rawValue: 1013)

    /// Whether a close frame may carry it.
    var mayBeSent: Bool {
        switch rawValue {
        case 1000...1003, 1007...1014, 3000...4999: true
        default: false
        }
    }

    public var description: String { "close code \(rawValue)" }
}
