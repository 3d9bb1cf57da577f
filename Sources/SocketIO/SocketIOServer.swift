public import Primitives

/// All Engine.IO and Socket.IO sessions of one server, over long-polling and WebSocket, without a socket or clock.
///
/// The driver tells it what the transports heard (`requestReceived`, `webSocketOpened`, …), the application what it
/// decided (`accept`, `refuse`, `emit`, …); both then drain `nextAction()` for the transports and `nextEvent()` for
/// the application until both are nil, and arm a timer for `nextTimeout`.
public struct SocketIOServer: Sendable {
    /// What the driver does for the machine.
    public enum Action: Hashable, Sendable {
        case send(ConnectionID, WebSocketMessage)
        /// Closes the WebSocket after what was sent before.
        case close(ConnectionID)
        case respond(RequestID, EngineIOResponse)
    }

    /// What the application hears. Every `connecting` is followed by the application's `accept` or `refuse`;
    /// every accepted socket by exactly one `disconnected`.
    public enum Event: Hashable, Sendable {
        case connecting(SocketID, ConnectRequest)
        case event(SocketID, SocketIOEvent)
        case acknowledged(SocketID, AcknowledgementID, [JSONValue])
        case disconnected(SocketID, DisconnectReason)
    }

    public let configuration: SocketIOServerConfiguration

    /// - Parameter random: where session identifiers come from; `.system` in service.
    public init(_ configuration: SocketIOServerConfiguration, random: RandomSource) {
        self.configuration = configuration
    }

    // MARK: What the transports heard

    /// A WebSocket was opened on the server's path. The answer may be its close.
    public mutating func webSocketOpened(_ connection: ConnectionID, _ handshake: EngineIOHandshake, now: Instant) {}
    public mutating func webSocketReceived(_ connection: ConnectionID, _ message: WebSocketMessage, now: Instant) {}
    public mutating func webSocketClosed(_ connection: ConnectionID, now: Instant) {}
    /// A plain HTTP request on the server's path; exactly one `respond` follows, perhaps much later.
    public mutating func requestReceived(_ request: RequestID, _ details: EngineIORequest, now: Instant) {}
    /// The client went away before its answer; no `respond` follows.
    public mutating func requestAborted(_ request: RequestID, now: Instant) {}

    // MARK: What the application decided

    /// Lets a connecting socket in.
    public mutating func accept(_ socket: SocketID, now: Instant) {}
    /// Refuses a connecting socket; the transport stays, the client may try again.
    public mutating func refuse(_ socket: SocketID, _ error: ConnectError, now: Instant) {}
    /// Sends an event. A socket that is gone is ignored.
    public mutating func emit(_ name: String, _ arguments: [JSONValue], to socket: SocketID, now: Instant) {}
    /// Sends an event that asks for an acknowledgement.
    public mutating func emit(
        _ name: String, _ arguments: [JSONValue], to socket: SocketID, acknowledgement: AcknowledgementID, now: Instant
    ) {}
    /// Answers an event that asked for it.
    public mutating func acknowledge(
        _ id: AcknowledgementID, _ arguments: [JSONValue], to socket: SocketID, now: Instant
    ) {}
    /// Takes a socket out of its namespace; with `closingTransport` the whole connection goes.
    /// No `disconnected` event follows: the application knows.
    public mutating func disconnect(_ socket: SocketID, closingTransport: Bool, now: Instant) {}
    /// Tells every client and closes every transport; no events follow.
    public mutating func shutDown(now: Instant) {}

    // MARK: Results

    public mutating func nextAction() -> Action? { nil }
    public mutating func nextEvent() -> Event? { nil }
    public mutating func handleTimeout(now: Instant) {}
    public var nextTimeout: Instant? { nil }

    /// What was refused or dropped, by name.
    public var drops: Counter<SocketIODrop> { Counter() }
    /// Engine.IO sessions alive.
    public var sessionCount: Int { 0 }
}

/// A client's wish to enter a namespace.
public struct ConnectRequest: Hashable, Sendable {
    public var namespace: String
    /// The CONNECT packet's payload, an object; nil when it had none.
    public var auth: JSONValue?
    /// The HTTP request that opened the transport.
    public var handshake: EngineIOHandshake
    /// The Socket.IO session id that the client will be told.
    public var sid: String
    /// The socket whose state and missed packets come back when this one is accepted (connection state recovery).
    public var recovers: SocketID?
}

/// An event with its arguments.
public struct SocketIOEvent: Hashable, Sendable {
    public var name: String
    public var arguments: [JSONValue]
    /// Set when the sender asks for an acknowledgement.
    public var acknowledgement: AcknowledgementID?

    public init(name: String, arguments: [JSONValue], acknowledgement: AcknowledgementID? = nil) {
        self.name = name
        self.arguments = arguments
        self.acknowledgement = acknowledgement
    }
}

/// Why something from a client was refused.
public enum SocketIODrop: Int, CaseIterable, Sendable {
    case unknownTransport, unknownSession, badMethod, badRequest, forbidden, unsupportedVersion
    case bodyTooLarge, overlappingRequest, abortedPoll
    case badPacket, badPayload, badAttachment, unexpectedPacket, reservedEvent
    case unknownNamespace, connectTimeout, pingTimeout, upgradeTimeout, tooSlow, unknownAcknowledgement
    case secondWebSocket
}
