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

    var random: RandomSource
    var sessions: [EngineIOSession?]
    var generations: [UInt32]
    var freeSlots: [Int]
    var slotBySid: [String: Int]
    var slotByConnection: [ConnectionID: Int]
    var slotByRequest: [RequestID: Int]
    var sessionsByAddress: [IPAddress: Int]
    var handshakes: TokenBuckets<IPAddress>
    var actions: RingBuffer<Action>
    var events: RingBuffer<Event>
    var deadlines: Deadlines
    /// Bytes ever put aside for a later poll.
    var storedBytes: UInt64

    /// Deadlines of each kind in the order in which they fall due. A stale one is skipped by its epoch.
    struct Deadlines: Sendable {
        struct Entry: Sendable {
            var at: Instant
            var session: SessionID
            var epoch: UInt32
        }
        var ping = RingBuffer<Entry>()
        var pong = RingBuffer<Entry>()
        var upgrade = RingBuffer<Entry>()
    }

    /// - Parameter random: where session identifiers come from; `.system` in service.
    public init(_ configuration: SocketIOServerConfiguration, random: RandomSource) {
        self.configuration = configuration
        self.random = random
        drops = Counter()
        sessions = []
        generations = []
        freeSlots = []
        slotBySid = [:]
        slotByConnection = [:]
        slotByRequest = [:]
        sessionsByAddress = [:]
        let rate = configuration.handshakesPerSecondPerAddress
        handshakes = TokenBuckets(
            burst: rate.multipliedReportingOverflow(by: 10).overflow ? rate : rate * 10, perSecond: Double(rate))
        actions = RingBuffer()
        events = RingBuffer()
        deadlines = Deadlines()
        storedBytes = 0
    }

    /// Sessions alive, over both transports.
    public var sessionCount: Int { slotBySid.count }
    /// The oldest action not done yet; nil when there is none.
    public mutating func nextAction() -> Action? { actions.popFirst() }
    /// The oldest event not taken yet; nil when there is none.
    public mutating func nextEvent() -> Event? { events.popFirst() }

    mutating func drop(_ reason: SocketIODrop) { drops.add(reason) }

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
        guard let slot = liveSlot(id) else { return }
        switch sessions[slot]!.transport {
        case .webSocket(let connection): actions.append(.send(connection, packet))
        case .polling:
            sessions[slot]!.backlog.append(packet)
            sessions[slot]!.backlogSize += packet.count
            storedBytes &+= UInt64(packet.count)
            flush(slot)
            if let session = sessions[slot], session.backlogSize > configuration.maximumPollingBacklog {
                drop(.tooSlow)
                fail(slot, .tooSlow)
            }
        }
    }

    /// Ends a session from this side; no `closed` event follows.
    public mutating func close(_ id: SessionID) {
        guard let slot = liveSlot(id) else { return }
        remove(slot, answeringPollWith: .close)
    }

    // MARK: Time

    /// When `handleTimeout` is due; nil while no session lives.
    public var nextTimeout: Instant? {
        var earliest: Instant?
        for entry in [deadlines.ping.first, deadlines.pong.first, deadlines.upgrade.first] {
            if let at = entry?.at, at < earliest ?? .distantFuture { earliest = at }
        }
        return earliest
    }

    /// Sends pings that are due and ends sessions whose pong or upgrade is late.
    public mutating func handleTimeout(now: Instant) {
        while let entry = deadlines.ping.first, entry.at <= now {
            _ = deadlines.ping.popFirst()
            guard let slot = liveSlot(entry.session), sessions[slot]!.heartbeatEpoch == entry.epoch else { continue }
            sendPacket(.text([UInt8(ascii: "2")]), to: entry.session)
            if sessions[slot] != nil { awaitPong(slot, now: now) }
        }
        while let entry = deadlines.pong.first, entry.at <= now {
            _ = deadlines.pong.popFirst()
            guard let slot = liveSlot(entry.session), sessions[slot]!.heartbeatEpoch == entry.epoch else { continue }
            drop(.pingTimeout)
            fail(slot, .pingTimeout)
        }
        while let entry = deadlines.upgrade.first, entry.at <= now {
            _ = deadlines.upgrade.popFirst()
            guard let slot = liveSlot(entry.session), let probe = sessions[slot]!.probe,
                sessions[slot]!.probeEpoch == entry.epoch
            else { continue }
            drop(.upgradeTimeout)
            sessions[slot]!.probe = nil
            slotByConnection[probe.connection] = nil
            actions.append(.close(probe.connection))
        }
    }

    private mutating func awaitPing(_ slot: Int, now: Instant) {
        sessions[slot]!.heartbeatEpoch &+= 1
        sessions[slot]!.owesPong = false
        deadlines.ping.append(
            .init(
                at: now + configuration.pingInterval, session: sessions[slot]!.id,
                epoch: sessions[slot]!.heartbeatEpoch))
    }

    private mutating func awaitPong(_ slot: Int, now: Instant) {
        sessions[slot]!.heartbeatEpoch &+= 1
        sessions[slot]!.owesPong = true
        deadlines.pong.append(
            .init(
                at: now + configuration.pingTimeout, session: sessions[slot]!.id, epoch: sessions[slot]!.heartbeatEpoch)
        )
    }

    // MARK: Life of a session

    /// The session that a request or WebSocket names.
    func session(of handshake: EngineIOHandshake) -> SessionID? {
        handshake["sid"].flatMap { slotBySid[$0] }.flatMap { sessions[$0]?.id }
    }

    func liveSlot(_ id: SessionID) -> Int? {
        guard id.slot < sessions.count, sessions[id.slot]?.id == id else { return nil }
        return id.slot
    }

    /// Whether a client at that address may begin a session.
    mutating func admits(_ handshake: EngineIOHandshake, now: Instant) -> Bool {
        guard sessionCount < configuration.maximumSessions else { return false }
        guard let address = handshake.peer?.address.prefix64 else { return true }
        return sessionsByAddress[address, default: 0] < configuration.maximumSessionsPerAddress
            && handshakes.take(address, now: now)
    }

    /// The application has let the session's client in.
    mutating func letIn(_ id: SessionID) {
        guard let slot = liveSlot(id), !sessions[slot]!.isLetIn else { return }
        sessions[slot]!.isLetIn = true
        if case .webSocket(let connection) = sessions[slot]!.transport { actions.append(.widen(connection)) }
    }

    /// Bytes that the body of an announced request may have.
    func bodyLimit(_ details: EngineIORequest) -> Int {
        let slot = details.handshake["sid"].flatMap { slotBySid[$0] }
        // A CONNECT, and what Engine.IO has to say before it.
        return slot.map { sessions[$0]!.isLetIn } == true
            ? configuration.maximumPayload
            : min(configuration.maximumPayload, 2 * configuration.maximumMessageBeforeConnect)
    }

    /// Makes a session; its open packet is not sent yet.
    mutating func open(_ transport: EngineIOSession.Transport, _ handshake: EngineIOHandshake, now: Instant) -> Int {
        let slot: Int
        if let free = freeSlots.popLast() {
            slot = free
            generations[slot] &+= 1
        } else {
            slot = sessions.count
            sessions.append(nil)
            generations.append(1)
        }
        let sid = newIdentifier()
        let id = SessionID(slot: slot, generation: generations[slot])
        let address = handshake.peer?.address.prefix64
        if let address { sessionsByAddress[address, default: 0] += 1 }
        sessions[slot] = EngineIOSession(id: id, sid: sid, transport: transport, address: address, openedAt: now)
        slotBySid[sid] = slot
        events.append(.opened(id, handshake))
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
        if case .polling = sessions[slot]!.transport { upgrades = ["websocket"] }
        let json: JSONValue = [
            "sid": .string(sessions[slot]!.sid),
            "upgrades": .array(upgrades),
            "pingInterval": .integer(configuration.pingInterval.nanoseconds / 1_000_000),
            "pingTimeout": .integer(configuration.pingTimeout.nanoseconds / 1_000_000),
            "maxPayload": .integer(configuration.maximumPayload),
        ]
        return .text([UInt8(ascii: "0")] + json.jsonText)
    }

    /// Ends a session because of the other side.
    mutating func fail(_ slot: Int, _ reason: DisconnectReason, pollAnswer: EngineIOPacket = .close) {
        events.append(.closed(sessions[slot]!.id, reason))
        remove(slot, answeringPollWith: pollAnswer)
    }

    private mutating func remove(_ slot: Int, answeringPollWith packet: EngineIOPacket) {
        let session = sessions[slot]!
        sessions[slot] = nil
        freeSlots.append(slot)
        slotBySid[session.sid] = nil
        if let post = session.incomingPost { slotByRequest[post] = nil }
        if let address = session.address {
            let others = sessionsByAddress[address, default: 1] - 1
            sessionsByAddress[address] = others > 0 ? others : nil
        }
        if let probe = session.probe {
            slotByConnection[probe.connection] = nil
            actions.append(.close(probe.connection))
        }
        switch session.transport {
        case .webSocket(let connection):
            slotByConnection[connection] = nil
            actions.append(.close(connection))
        case .polling(let request?):
            slotByRequest[request] = nil
            actions.append(.respond(request, .packets([packet.webSocketMessage])))
        case .polling(nil): break
        }
    }

    /// What a client sent, over either transport. Returns false when the session is gone.
    mutating func receive(_ packet: EngineIOPacket, on slot: Int, now: Instant) -> Bool {
        switch packet {
        case .pong:
            // Each answered one sets a deadline: unasked ones would heap them up, and put off the next ping for ever.
            guard sessions[slot]!.owesPong else {
                drop(.unexpectedPacket)
                break
            }
            awaitPing(slot, now: now)
        case .message(let data):
            events.append(.message(sessions[slot]!.id, .text(data)))
        case .binary(let data):
            events.append(.message(sessions[slot]!.id, .binary(data)))
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

/// One session's own state; what concerns several lives in `EngineIOServer`.
struct EngineIOSession: Sendable {
    enum Transport: Sendable {
        /// The poll that waits, if one does.
        case polling(RequestID?)
        case webSocket(ConnectionID)
    }

    /// A WebSocket that wants to take over from polling.
    struct Probe: Sendable {
        var connection: ConnectionID
        /// Whether `2probe` has come.
        var isConfirmed: Bool
    }

    let id: EngineIOServer.SessionID
    let sid: String
    /// Where its client is counted.
    let address: IPAddress?
    let openedAt: Instant
    var transport: Transport
    /// Whether the application has accepted a CONNECT of its client.
    var isLetIn: Bool
    var probe: Probe?
    var probeEpoch: UInt32
    /// A POST whose body is on its way.
    var incomingPost: RequestID?
    var heartbeatEpoch: UInt32
    /// Whether a ping is unanswered.
    var owesPong: Bool
    /// Packets for the next poll, in their WebSocket form.
    var backlog: [WebSocketMessage]
    var backlogSize: Int

    init(
        id: EngineIOServer.SessionID, sid: String, transport: Transport, address: IPAddress?, openedAt: Instant
    ) {
        self.id = id
        self.sid = sid
        self.address = address
        self.openedAt = openedAt
        self.transport = transport
        isLetIn = false
        probe = nil
        probeEpoch = 0
        incomingPost = nil
        heartbeatEpoch = 0
        owesPong = false
        backlog = []
        backlogSize = 0
    }
}
