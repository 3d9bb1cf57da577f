public import Primitives

/// What a Socket.IO client expects of its server.
public struct SocketIOClientConfiguration: Sendable {
    public var namespace: String = "/"
    /// From the open transport to the namespace's answer.
    public var connectTimeout: Duration = .seconds(20)
    public var maximumAttachments: Int = 10
    public var maximumDepth: Int = 64

    public init() {}
}

/// One Socket.IO client over one WebSocket (`transport=websocket`), without a socket or clock.
///
/// A client machine lives as long as its WebSocket; the driver that reconnects makes a new one.
public struct SocketIOClient: Sendable {
    public enum Action: Hashable, Sendable {
        case send(WebSocketMessage)
        /// Closes the WebSocket after what was sent before.
        case close
    }

    public enum Event: Hashable, Sendable {
        /// The namespace let us in; `sid` is the Socket.IO session id.
        case connected(sid: String)
        /// CONNECT_ERROR. The transport is closed with it; do not retry with the same credentials.
        case refused(ConnectError)
        case event(SocketIOEvent)
        case acknowledged(AcknowledgementID, [JSONValue])
        case disconnected(DisconnectReason)
    }

    /// The query of the WebSocket's URL: `EIO=4&transport=websocket`.
    public static let query = "EIO=4&transport=websocket"

    /// - Parameter auth: the CONNECT packet's payload, an object such as `{"token":…}`.
    public init(_ configuration: SocketIOClientConfiguration, auth: JSONValue?, now: Instant) {}

    public mutating func webSocketOpened(now: Instant) {}
    public mutating func webSocketReceived(_ message: WebSocketMessage, now: Instant) {}
    public mutating func webSocketClosed(now: Instant) {}

    /// Sends an event; before `connected` and after `disconnected` it is dropped and the answer is false.
    @discardableResult
    public mutating func emit(_ name: String, _ arguments: [JSONValue], now: Instant) -> Bool { false }
    /// Sends an event that asks for an acknowledgement; nil when not connected.
    public mutating func emitForAcknowledgement(_ name: String, _ arguments: [JSONValue], now: Instant)
        -> AcknowledgementID?
    { nil }
    public mutating func acknowledge(_ id: AcknowledgementID, _ arguments: [JSONValue], now: Instant) {}
    /// Leaves the namespace and closes the transport; no event follows.
    public mutating func disconnect(now: Instant) {}

    public mutating func nextAction() -> Action? { nil }
    public mutating func nextEvent() -> Event? { nil }
    public mutating func handleTimeout(now: Instant) {}
    public var nextTimeout: Instant? { nil }
    public var isConnected: Bool { false }
}
