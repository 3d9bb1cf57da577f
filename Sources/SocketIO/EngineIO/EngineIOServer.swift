internal import JSON
public import Primitives

/// All Engine.IO v4 sessions of one path, over HTTP long-polling and WebSocket, without a socket or clock.
///
/// A session begins as polling or directly as a WebSocket, and may move once from the first to the second:
///
///                     ┌──────────── polling ───────────┐  GET waits ⇄ packets are queued
///     handshake GET ──┘    │ WebSocket with its sid    │
///                          ▼                           │ close, ping timeout, overlap, abort
///                       probing ── 2probe → 3probe     ├────────────────────▶ gone
///                          │ 5                         │
///     WebSocket ──────▶ webSocket ─────────────────────┘
///
/// Packets keep their order through the move: until packet `5` they go out in polls, what is queued then goes out
/// on the WebSocket, before anything later. Every duration is the same for all sessions, so deadlines fall due in the
/// order in which they were set and a queue per kind replaces a timer per session.
///
/// Source: Engine.IO protocol, revision 4; the JSON error bodies are the reference server's.
public struct EngineIOServer: Sendable {
    /// One session; never used again in the life of the process.
    public struct SessionID: Hashable, Sendable {
        /// The slot in the low 32 bits, its generation above.
        public var rawValue: UInt64
        var slot: Int { Int(truncatingIfNeeded: rawValue & 0xFFFF_FFFF) }
        init(slot: Int, generation: UInt32) { rawValue = UInt64(generation) << 32 | UInt64(slot) }
    }

    /// What the driver does for the machine.
    public enum Action: Hashable, Sendable {
        case send(ConnectionID, WebSocketMessage)
        /// Closes the WebSocket after what was sent before.
        case close(ConnectionID)
        /// The application has let this WebSocket's client in: its messages may have `maximumPayload` bytes from now on
        /// and no longer only `maximumMessageBeforeConnect`.
        case widen(ConnectionID)
        case respond(RequestID, EngineIOResponse)
    }

    /// What the layer above hears.
    public enum Event: Hashable, Sendable {
        case opened(SessionID, EngineIOHandshake)
        /// A message packet's data, without its type.
        case message(SessionID, WebSocketMessage)
        /// The last event of a session that this side did not close.
        case closed(SessionID, DisconnectReason)
    }

    /// As it was made; it never changes.
    public let configuration: SocketIOServerConfiguration
    /// What was refused, by reason.
    public private(set) var drops: Counter<SocketIODrop>

    var sessions: EngineIOSessions
    /// Bytes ever put aside for a later poll.
    private(set) var storedBytes: UInt64
    private var random: RandomSource
    private var admission: EngineIOAdmission
    private(set) var deadlines: EngineIODeadlines
    private var actions: RingBuffer<Action>
    private var events: RingBuffer<Event>

    /// - Parameter random: where session identifiers come from; `.system` in service.
    public init(_ configuration: SocketIOServerConfiguration, random: RandomSource) {
        self.configuration = configuration
        self.random = random
        drops = Counter()
        sessions = EngineIOSessions()
        storedBytes = 0
        admission = EngineIOAdmission(configuration)
        deadlines = EngineIODeadlines()
        actions = RingBuffer()
        events = RingBuffer()
    }

    /// Sessions alive, over both transports.
    public var sessionCount: Int { sessions.count }
    /// The oldest action not done yet; nil when there is none.
    public mutating func nextAction() -> Action? { actions.popFirst() }
    /// The oldest event not taken yet; nil when there is none.
    public mutating func nextEvent() -> Event? { events.popFirst() }

    mutating func drop(_ reason: SocketIODrop) { drops.add(reason) }

    mutating func act(_ action: Action) { actions.append(action) }

    // MARK: Sending

    /// Sends a message packet. A session that is gone is ignored.
    public mutating func send(_ message: WebSocketMessage, to session: SessionID) {
        switch message {
        case .text(let data): sendPacket(.text([UInt8(ascii: "4")] + data), to: session)
        case .binary: sendPacket(message, to: session)
        }
    }

    /// Sends a packet that is already in its WebSocket form.
    mutating func sendPacket(_ packet: WebSocketMessage, to id: SessionID) {
        guard let slot = sessions.slot(of: id) else { return }
        switch sessions.slots[slot]!.transport {
        case .webSocket(let connection): act(.send(connection, packet))
        case .polling:
            sessions.slots[slot]!.backlog.append(packet)
            sessions.slots[slot]!.backlogSize += packet.count
            storedBytes &+= UInt64(packet.count)
            flush(slot)
            if let session = sessions.slots[slot], session.backlogSize > configuration.maximumPollingBacklog {
                drop(.tooSlow)
                fail(slot, .tooSlow)
            }
        }
    }

    /// Ends a session from this side; no `closed` event follows.
    public mutating func close(_ id: SessionID) {
        guard let slot = sessions.slot(of: id) else { return }
        remove(slot, answeringPollWith: .close)
    }

    // MARK: Time

    /// When `handleTimeout` is due; nil while no session lives.
    public var nextTimeout: Instant? { deadlines.next }

    /// Sends pings that are due and ends sessions whose pong or upgrade is late.
    public mutating func handleTimeout(now: Instant) {
        while let entry = deadlines.take(.ping, now: now) {
            guard let slot = sessions.slot(of: entry.session), sessions.slots[slot]!.heartbeatEpoch == entry.epoch
            else { continue }
            sendPacket(.text([UInt8(ascii: "2")]), to: entry.session)
            if sessions.slots[slot] != nil { awaitPong(slot, now: now) }
        }
        while let entry = deadlines.take(.pong, now: now) {
            guard let slot = sessions.slot(of: entry.session), sessions.slots[slot]!.heartbeatEpoch == entry.epoch
            else { continue }
            drop(.pingTimeout)
            fail(slot, .pingTimeout)
        }
        while let entry = deadlines.take(.upgrade, now: now) {
            guard let slot = sessions.slot(of: entry.session), let probe = sessions.slots[slot]!.probe,
                sessions.slots[slot]!.probeEpoch == entry.epoch
            else { continue }
            drop(.upgradeTimeout)
            sessions.endProbe(slot)
            act(.close(probe.connection))
        }
    }

    private mutating func awaitPing(_ slot: Int, now: Instant) {
        sessions.slots[slot]!.heartbeatEpoch &+= 1
        sessions.slots[slot]!.owesPong = false
        let session = sessions.slots[slot]!
        deadlines.set(.ping, at: now + configuration.pingInterval, session.id, epoch: session.heartbeatEpoch)
    }

    private mutating func awaitPong(_ slot: Int, now: Instant) {
        sessions.slots[slot]!.heartbeatEpoch &+= 1
        sessions.slots[slot]!.owesPong = true
        let session = sessions.slots[slot]!
        deadlines.set(.pong, at: now + configuration.pingTimeout, session.id, epoch: session.heartbeatEpoch)
    }

    /// A probe has begun.
    mutating func awaitUpgrade(_ slot: Int, now: Instant) {
        let session = sessions.slots[slot]!
        deadlines.set(.upgrade, at: now + configuration.upgradeTimeout, session.id, epoch: session.probeEpoch)
    }

    // MARK: Life of a session

    /// The session that a request or WebSocket names.
    func session(of handshake: EngineIOHandshake) -> SessionID? {
        sessions.slot(named: handshake["sid"]).flatMap { sessions.slots[$0]?.id }
    }

    /// Whether a client at that address may begin a session.
    mutating func admits(_ handshake: EngineIOHandshake, now: Instant) -> Bool {
        sessionCount < configuration.maximumSessions && admission.admits(handshake.address, now: now)
    }

    /// The application has let the session's client in.
    mutating func letIn(_ id: SessionID) {
        guard let slot = sessions.slot(of: id), !sessions.slots[slot]!.isLetIn else { return }
        sessions.slots[slot]!.isLetIn = true
        if case .webSocket(let connection) = sessions.slots[slot]!.transport { act(.widen(connection)) }
    }

    /// Bytes that the body of an announced request may have.
    func bodyLimit(_ details: EngineIORequest) -> Int {
        let slot = sessions.slot(named: details.handshake["sid"])
        // A CONNECT, and what Engine.IO has to say before it.
        return slot.map { sessions.slots[$0]!.isLetIn } == true
            ? configuration.maximumPayload
            : min(configuration.maximumPayload, 2 * configuration.maximumMessageBeforeConnect)
    }

    /// Makes a session; its open packet is not sent yet.
    mutating func open(_ transport: EngineIOSession.Transport, _ handshake: EngineIOHandshake, now: Instant) -> Int {
        let slot = sessions.insert(newIdentifier(), transport, address: handshake.address, now: now)
        if let address = handshake.address { admission.opened(address) }
        events.append(.opened(sessions.slots[slot]!.id, handshake))
        awaitPing(slot, now: now)
        return slot
    }

    mutating func newIdentifier() -> String {
        var bytes: [UInt8] = []
        for _ in 0..<2 {
            let word = random.next()
            for shift in stride(from: UInt64(0), to: 64, by: 8) {
                bytes.append(UInt8(truncatingIfNeeded: word >> shift))
            }
        }
        bytes.removeLast()
        return Base64.encode(bytes.span, alphabet: .url)
    }

    func openPacket(_ slot: Int) -> WebSocketMessage {
        var upgrades: [JSONValue] = []
        if case .polling = sessions.slots[slot]!.transport { upgrades = ["websocket"] }
        let json: JSONValue = [
            "sid": .string(sessions.slots[slot]!.sid),
            "upgrades": .array(upgrades),
            "pingInterval": .integer(configuration.pingInterval.nanoseconds / 1_000_000),
            "pingTimeout": .integer(configuration.pingTimeout.nanoseconds / 1_000_000),
            "maxPayload": .integer(configuration.maximumPayload),
        ]
        return .text([UInt8(ascii: "0")] + json.jsonText)
    }

    /// Ends a session because of the other side.
    mutating func fail(_ slot: Int, _ reason: DisconnectReason, pollAnswer: EngineIOPacket = .close) {
        events.append(.closed(sessions.slots[slot]!.id, reason))
        remove(slot, answeringPollWith: pollAnswer)
    }

    private mutating func remove(_ slot: Int, answeringPollWith packet: EngineIOPacket) {
        let session = sessions.remove(slot)
        if let address = session.address { admission.closed(address) }
        if let probe = session.probe { act(.close(probe.connection)) }
        switch session.transport {
        case .webSocket(let connection): act(.close(connection))
        case .polling(let request?): act(.respond(request, .packets([packet.webSocketMessage])))
        case .polling(nil): break
        }
    }

    /// What a client sent, over either transport. Returns false when the session is gone.
    mutating func receive(_ packet: EngineIOPacket, on slot: Int, now: Instant) -> Bool {
        switch packet {
        case .pong:
            // Each answered one sets a deadline: unasked ones would heap them up, and put off the next ping for ever.
            guard sessions.slots[slot]!.owesPong else {
                drop(.unexpectedPacket)
                break
            }
            awaitPing(slot, now: now)
        case .message(let data):
            events.append(.message(sessions.slots[slot]!.id, .text(data)))
        case .binary(let data):
            events.append(.message(sessions.slots[slot]!.id, .binary(data)))
        case .close:
            // The reference answers a waiting poll with a noop here, as the client has already said goodbye.
            fail(slot, .transportClosed, pollAnswer: .noop)
            return false
        case .ping:
            // In revision 4 the server pings; a client that does speaks another revision.
            drop(.unexpectedPacket)
            fail(slot, .protocolError)
            return false
        case .open, .upgrade, .noop:
            break
        }
        return true
    }
}
