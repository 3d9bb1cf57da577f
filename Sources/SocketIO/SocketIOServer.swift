public import JSON
public import Primitives

/// All Socket.IO v5 clients of one server, over long-polling and WebSocket, without a socket or clock.
///
/// The driver tells it what the transports heard (`requestReceived`, `webSocketOpened`, …), the application what it
/// decided (`accept`, `refuse`, `emit`, …); both then drain `nextAction()` for the transports and `nextEvent()` for
/// the application until both are nil, and arm a timer for `nextTimeout`.
///
/// One Engine.IO session carries one client, and a client has one socket per namespace:
///
///     opened ──CONNECT──▶ connecting ──accept──▶ connected ──41, close, timeout──▶ gone
///        │                    └──────refuse──▶ (44; the client may send another CONNECT, a few times)
///        └──connectTimeout, anything but CONNECT──▶ closed
///
/// Source: Socket.IO protocol, revision 5; timeouts and limits are the reference server's.
public struct SocketIOServer: Sendable {
    /// What the driver does for the machine.
    public typealias Action = EngineIOServer.Action

    /// What the application hears. Every `connecting` is followed by the application's `accept` or `refuse`;
    /// every accepted socket by exactly one `disconnected`, unless the application disconnected it.
    public enum Event: Hashable, Sendable {
        case connecting(SocketID, ConnectRequest)
        case event(SocketID, SocketIOEvent)
        case acknowledged(SocketID, AcknowledgementID, [JSONValue])
        /// Also for a socket that the application has not judged yet; its `accept` is ignored then.
        case disconnected(SocketID, DisconnectReason)
    }

    /// As it was made; it never changes.
    public var configuration: SocketIOServerConfiguration { engine.configuration }

    var engine: EngineIOServer
    var clients: ConnectedClients
    var vainConnects: VainConnects
    var recovery: RecoveryState
    private var connectDeadlines: RingBuffer<(at: Instant, session: EngineIOServer.SessionID)>
    private var events: RingBuffer<Event>
    private var counted: Counter<SocketIODrop>
    /// Bytes ever put aside of packets that were not whole.
    private var unfinishedBytes: UInt64

    /// - Parameter random: where session identifiers come from; `.system` in service.
    public init(_ configuration: SocketIOServerConfiguration, random: RandomSource) {
        engine = EngineIOServer(configuration, random: random)
        clients = ConnectedClients()
        vainConnects = VainConnects(perSecondPerAddress: configuration.vainConnectsPerSecondPerAddress)
        recovery = RecoveryState(
            window: configuration.recoveryWindow, bufferSize: configuration.recoveryBufferSize)
        connectDeadlines = RingBuffer()
        events = RingBuffer()
        counted = Counter()
        unfinishedBytes = 0
    }

    // MARK: What the transports heard

    /// A WebSocket was opened on the server's path. The answer may be its close.
    public mutating func webSocketOpened(_ connection: ConnectionID, _ handshake: EngineIOHandshake, now: Instant) {
        engine.webSocketOpened(connection, handshake, now: now)
        drainEngine(now: now)
    }

    /// A message of a WebSocket that was opened. One of a client that has gone is ignored.
    public mutating func webSocketReceived(_ connection: ConnectionID, _ message: WebSocketMessage, now: Instant) {
        engine.webSocketReceived(connection, message, now: now)
        drainEngine(now: now)
    }

    /// The WebSocket is gone, for whatever reason.
    public mutating func webSocketClosed(_ connection: ConnectionID, now: Instant) {
        engine.webSocketClosed(connection, now: now)
        drainEngine(now: now)
    }

    /// The head of a request is here and its body on its way; `requestReceived` or `requestAborted` follows.
    public mutating func requestAnnounced(_ request: RequestID, _ details: EngineIORequest, now: Instant) {
        engine.requestAnnounced(request, details)
        drainEngine(now: now)
    }

    /// A plain HTTP request on the server's path; exactly one `respond` follows, perhaps much later.
    public mutating func requestReceived(_ request: RequestID, _ details: EngineIORequest, now: Instant) {
        engine.requestReceived(request, details, now: now)
        drainEngine(now: now)
    }

    /// Bytes that the body of an announced request may have: few before the application has let its client in.
    public func bodyLimit(_ details: EngineIORequest) -> Int { engine.bodyLimit(details) }

    /// The client went away before its answer; no `respond` follows.
    public mutating func requestAborted(_ request: RequestID, now: Instant) {
        engine.requestAborted(request, now: now)
        drainEngine(now: now)
    }

    /// `now` is nil where no session can have begun.
    private mutating func drainEngine(now: Instant?) {
        while let event = engine.nextEvent() {
            switch event {
            case .opened(let session, let handshake):
                clients.insert(
                    ConnectedClients.Client(
                        session: session, handshake: handshake.withoutTransport,
                        decoder: SocketIODecoder(
                            maximumAttachments: configuration.maximumAttachments,
                            maximumDepth: configuration.maximumDepth, maximumNodes: configuration.maximumNodes,
                            maximumBytes: configuration.maximumPayload), sockets: [], vainConnects: 0))
                if let now { connectDeadlines.append((now + configuration.connectTimeout, session)) }
            case .message(let session, let message):
                if let now { received(message, on: session, now: now) }
            case .closed(let session, let reason):
                forget(session, reason, now: now)
            }
        }
    }

    // MARK: Results

    /// The oldest action not done yet; nil when there is none.
    public mutating func nextAction() -> Action? { engine.nextAction() }
    /// The oldest event not taken yet; nil when there is none.
    public mutating func nextEvent() -> Event? {
        // What the application just sent may have been too much for a client.
        drainEngine(now: nil)
        return events.popFirst()
    }

    /// Does what is due at `now`: pings, and the ends of clients that are late. Earlier calls do nothing.
    public mutating func handleTimeout(now: Instant) {
        engine.handleTimeout(now: now)
        drainEngine(now: now)
        while let deadline = connectDeadlines.first, deadline.at <= now {
            _ = connectDeadlines.popFirst()
            guard let client = clients.client(deadline.session), client.sockets.isEmpty else { continue }
            drop(.connectTimeout)
            close(deadline.session, .ended)
        }
        recovery.handleTimeout(now: now)
    }

    /// When `handleTimeout` is due; nil while there is no client.
    public var nextTimeout: Instant? {
        var earliest = engine.nextTimeout
        if let at = connectDeadlines.first?.at, at < earliest ?? .distantFuture { earliest = at }
        if let at = recovery.nextTimeout, at < earliest ?? .distantFuture { earliest = at }
        return earliest
    }

    /// What was refused or dropped, by name.
    public var drops: Counter<SocketIODrop> {
        var sum = counted
        for name in SocketIODrop.allCases { sum.add(name, engine.drops[name]) }
        return sum
    }

    /// Engine.IO sessions alive.
    public var sessionCount: Int { engine.sessionCount }
    /// Sockets alive, those not judged yet included.
    public var socketCount: Int { clients.count }

    /// Bytes that were ever put aside for a client: what was there when `holdings` was last asked for cannot have grown by
    /// more than this has.
    public var bytesPutAside: UInt64 { unfinishedBytes &+ recovery.storedBytes &+ engine.storedBytes }

    /// Closes every transport, after what was sent before; no events follow. Clients come back by themselves,
    /// which they would not after a DISCONNECT packet.
    public mutating func shutDown(now: Instant) {
        for client in clients.slots {
            guard let client else { continue }
            forget(client.session, .serverShutdown, now: nil)
            engine.close(client.session)
        }
        events.removeAll()
    }

    // MARK: Book-keeping

    mutating func tell(_ event: Event) { events.append(event) }

    mutating func drop(_ reason: SocketIODrop) { counted.add(reason) }

    /// A packet waits for its attachments.
    mutating func putAside(_ message: WebSocketMessage) { unfinishedBytes &+= UInt64(message.count) }

    /// Ends a session from this side and tells the application about its sockets.
    mutating func close(_ session: EngineIOServer.SessionID, _ reason: DisconnectReason) {
        forget(session, reason, now: nil)
        engine.close(session)
    }

    /// - Parameter now: nil where nobody comes back.
    private mutating func forget(_ session: EngineIOServer.SessionID, _ reason: DisconnectReason, now: Instant?) {
        guard let client = clients.remove(session) else { return }
        for socket in client.sockets {
            if socket.isAccepted, reason.isLoss, let now { recovery.lost(socket, now: now) }
            events.append(.disconnected(socket.id, reason))
        }
    }
}

extension DisconnectReason {
    /// Whether the client may not even know, and wants to go on where it was.
    public var isLoss: Bool {
        switch self {
        case .transportClosed, .pingTimeout: true
        case .left, .ended, .protocolError, .overlappingRequests, .tooSlow, .serverShutdown: false
        }
    }
}

/// A client's wish to enter a namespace.
public struct ConnectRequest: Hashable, Sendable {
    /// `/` or another of the configuration's.
    public var namespace: String
    /// The CONNECT packet's payload, an object; nil when it had none.
    public var auth: JSONValue?
    /// The HTTP request that opened the transport, without Engine.IO's own parameters.
    public var handshake: EngineIOHandshake
    /// The Socket.IO session id that the client will be told.
    public var sid: String
    /// The socket whose state and missed packets come back when this one is accepted (connection state recovery).
    public var recovers: SocketID?
}

/// An event with its arguments.
public struct SocketIOEvent: Hashable, Sendable {
    /// The event's name on the wire.
    public var name: String
    /// What stands behind the name in the payload.
    public var arguments: [JSONValue]
    /// Set when the sender asks for an acknowledgement.
    public var acknowledgement: AcknowledgementID?

    /// Nothing is checked.
    public init(name: String, arguments: [JSONValue], acknowledgement: AcknowledgementID? = nil) {
        self.name = name
        self.arguments = arguments
        self.acknowledgement = acknowledgement
    }

    /// Reads the payload of an EVENT packet that the decoder has checked.
    init(_ packet: SocketIOPacket) {
        var elements = packet.payload?.array ?? []
        let first = elements.isEmpty ? JSONValue.null : elements.removeFirst()
        switch first {
        case .string(let text): name = text
        case .number(let number): name = number.text
        case .null, .bool, .array, .object, .binary: preconditionFailure("socket.io: an event has a name")
        }
        arguments = elements
        acknowledgement = packet.id
    }
}

/// Why something from a client was refused.
public enum SocketIODrop: Int, CaseIterable, Sendable {
    case unknownTransport, unknownSession, badMethod, badRequest, forbidden, unsupportedVersion
    case bodyTooLarge, overlappingRequest, abortedPoll
    case badPacket, badPayload, badAttachment, unexpectedPacket, reservedEvent
    case unknownNamespace, connectTimeout, pingTimeout, upgradeTimeout, tooSlow, unknownAcknowledgement
    case secondWebSocket, tooManySessions, tooManyConnects, hastyConnect
}

extension EngineIOHandshake {
    /// Most clients send nothing of their own, so that thousands of idle ones keep nothing here.
    var withoutTransport: EngineIOHandshake {
        var rest = self
        rest.query.removeAll { ["EIO", "transport", "t", "sid", "b64"].contains($0.name) }
        if rest.query.isEmpty { rest.query = [] }
        return rest
    }
}
