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
    /// By the slot of the Engine.IO session.
    var clients: [Client?]
    var sessionBySocket: [SocketID: EngineIOServer.SessionID]
    var lastSocket: UInt64
    var connectDeadlines: RingBuffer<(at: Instant, session: EngineIOServer.SessionID)>
    var events: RingBuffer<Event>
    var counted: Counter<SocketIODrop>
    /// CONNECTs that the application has not accepted.
    var vainByClient: TokenBuckets<EngineIOServer.SessionID>
    var vainByAddress: TokenBuckets<IPAddress>
    var recovery: RecoveryState
    /// Bytes ever put aside for recovery, or of packets that were not whole.
    var storedBytes: UInt64

    struct Client: Sendable {
        let session: EngineIOServer.SessionID
        let handshake: EngineIOHandshake
        var decoder: SocketIODecoder
        var sockets: [Socket]
        /// CONNECTs since the application last accepted one.
        var vainConnects: Int

        var address: IPAddress? { handshake.peer?.address.prefix64 }
    }

    struct Socket: Sendable {
        let id: SocketID
        let namespace: String
        var sid: String
        var isAccepted: Bool
        /// For whom the application has accepted it.
        var owner: String?
        /// Acknowledgements that the client owes.
        var awaited: Set<AcknowledgementID>
        /// What the client may ask for again; nil without connection state recovery.
        var log: RecoveryLog?
        /// The lost socket whose log this one takes over when it is accepted.
        var recovers: SocketID?
    }

    /// - Parameter random: where session identifiers come from; `.system` in service.
    public init(_ configuration: SocketIOServerConfiguration, random: RandomSource) {
        engine = EngineIOServer(configuration, random: random)
        clients = []
        sessionBySocket = [:]
        lastSocket = 0
        connectDeadlines = RingBuffer()
        events = RingBuffer()
        counted = Counter()
        vainByClient = TokenBuckets(burst: 2, perSecond: 1)
        let rate = configuration.vainConnectsPerSecondPerAddress
        vainByAddress = TokenBuckets(burst: rate, perSecond: Double(rate))
        recovery = RecoveryState()
        storedBytes = 0
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
                while clients.count <= session.slot { clients.append(nil) }
                clients[session.slot] = Client(
                    session: session, handshake: handshake.withoutTransport,
                    decoder: SocketIODecoder(
                        maximumAttachments: configuration.maximumAttachments, maximumDepth: configuration.maximumDepth,
                        maximumNodes: configuration.maximumNodes, maximumBytes: configuration.maximumPayload),
                    sockets: [], vainConnects: 0)
                if let now { connectDeadlines.append((now + configuration.connectTimeout, session)) }
            case .message(let session, let message):
                if let now { received(message, on: session, now: now) }
            case .closed(let session, let reason):
                forget(session, reason)
                park(now: now)
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
            guard let client = client(deadline.session), client.sockets.isEmpty else { continue }
            counted.add(.connectTimeout)
            close(deadline.session, .ended)
        }
        expireParked(now: now)
    }

    /// When `handleTimeout` is due; nil while there is no client.
    public var nextTimeout: Instant? {
        var earliest = engine.nextTimeout
        for at in [connectDeadlines.first?.at, recovery.deadlines.first?.at] {
            if let at, at < earliest ?? .distantFuture { earliest = at }
        }
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
    public var socketCount: Int { sessionBySocket.count }

    // MARK: Book-keeping

    func client(_ session: EngineIOServer.SessionID) -> Client? {
        guard session.slot < clients.count, let client = clients[session.slot], client.session == session else {
            return nil
        }
        return client
    }

    /// Where a socket lives: the slot of its client and its place among that client's sockets.
    func find(_ socket: SocketID) -> (slot: Int, index: Int)? {
        guard let session = sessionBySocket[socket], session.slot < clients.count,
            let index = clients[session.slot]?.sockets.firstIndex(where: { $0.id == socket })
        else { return nil }
        return (session.slot, index)
    }

    /// Ends a session from this side and tells the application about its sockets.
    mutating func close(_ session: EngineIOServer.SessionID, _ reason: DisconnectReason) {
        forget(session, reason)
        engine.close(session)
    }

    mutating func forget(_ session: EngineIOServer.SessionID, _ reason: DisconnectReason) {
        guard let client = client(session) else { return }
        clients[session.slot] = nil
        for socket in client.sockets {
            sessionBySocket[socket.id] = nil
            if socket.isAccepted, socket.log != nil, reason.isLoss { recovery.lost.append(socket) }
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
