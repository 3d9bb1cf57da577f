internal import Primitives

/// The sessions of an Engine.IO server and what names them: their ids, WebSockets and requests that wait.
struct EngineIOSessions: Sendable {
    /// By slot; nil where one is free.
    var slots: [EngineIOSession?]
    private var generations: [UInt32]
    private var freeSlots: [Int]
    private var slotBySid: [String: Int]
    private var slotByConnection: [ConnectionID: Int]
    private var slotByRequest: [RequestID: Int]

    init() {
        slots = []
        generations = []
        freeSlots = []
        slotBySid = [:]
        slotByConnection = [:]
        slotByRequest = [:]
    }

    var count: Int { slotBySid.count }

    func slot(of id: EngineIOServer.SessionID) -> Int? {
        guard id.slot < slots.count, slots[id.slot]?.id == id else { return nil }
        return id.slot
    }

    /// - Parameter sid: as a request or WebSocket names its session; nil where it names none.
    func slot(named sid: String?) -> Int? { sid.flatMap { slotBySid[$0] } }

    func slot(of connection: ConnectionID) -> Int? { slotByConnection[connection] }

    mutating func insert(
        _ sid: String, _ transport: EngineIOSession.Transport, address: IPAddress?, now: Instant
    ) -> Int {
        let slot: Int
        if let free = freeSlots.popLast() {
            slot = free
            generations[slot] &+= 1
        } else {
            slot = slots.count
            slots.append(nil)
            generations.append(1)
        }
        slots[slot] = EngineIOSession(
            id: EngineIOServer.SessionID(slot: slot, generation: generations[slot]), sid: sid, transport: transport,
            address: address, openedAt: now)
        slotBySid[sid] = slot
        switch transport {
        case .webSocket(let connection): slotByConnection[connection] = slot
        case .polling(let request?): slotByRequest[request] = slot
        case .polling(nil): break
        }
        return slot
    }

    /// Nothing leads to it any more.
    mutating func remove(_ slot: Int) -> EngineIOSession {
        let session = slots[slot]!
        slots[slot] = nil
        freeSlots.append(slot)
        slotBySid[session.sid] = nil
        if let post = session.incomingPost { slotByRequest[post] = nil }
        if let probe = session.probe { slotByConnection[probe.connection] = nil }
        switch session.transport {
        case .webSocket(let connection): slotByConnection[connection] = nil
        case .polling(let request?): slotByRequest[request] = nil
        case .polling(nil): break
        }
        return session
    }

    // MARK: WebSockets

    /// A WebSocket wants to take over.
    mutating func beginProbe(_ slot: Int, _ connection: ConnectionID) {
        slots[slot]!.probe = EngineIOSession.Probe(connection: connection, isConfirmed: false)
        slots[slot]!.probeEpoch &+= 1
        slotByConnection[connection] = slot
    }

    /// It does not.
    mutating func endProbe(_ slot: Int) {
        guard let probe = slots[slot]!.probe else { return }
        slots[slot]!.probe = nil
        slotByConnection[probe.connection] = nil
    }

    /// It does.
    /// - Returns: what waited for the next poll, in order.
    mutating func upgrade(_ slot: Int, to connection: ConnectionID) -> [WebSocketMessage] {
        slots[slot]!.probe = nil
        slots[slot]!.transport = .webSocket(connection)
        let backlog = slots[slot]!.backlog
        slots[slot]!.backlog = []
        slots[slot]!.backlogSize = 0
        return backlog
    }

    /// The WebSocket is gone.
    /// - Returns: the session that it carried, or that it was to take over.
    mutating func lost(_ connection: ConnectionID) -> Int? { slotByConnection.removeValue(forKey: connection) }

    // MARK: Requests

    /// A poll waits for packets.
    mutating func wait(_ slot: Int, _ request: RequestID) {
        slots[slot]!.transport = .polling(request)
        slotByRequest[request] = slot
    }

    /// The waiting poll is to be answered.
    mutating func takePoll(_ slot: Int) -> RequestID? {
        guard case .polling(let request?) = slots[slot]!.transport else { return nil }
        slots[slot]!.transport = .polling(nil)
        slotByRequest[request] = nil
        return request
    }

    /// The body of a POST is on its way.
    mutating func expectPost(_ slot: Int, _ request: RequestID) {
        slots[slot]!.incomingPost = request
        slotByRequest[request] = slot
    }

    /// It is here; one that nobody announced may be, too.
    mutating func postArrived(_ slot: Int, _ request: RequestID) {
        guard slots[slot]!.incomingPost == request else { return }
        slots[slot]!.incomingPost = nil
        slotByRequest[request] = nil
    }

    /// The client went away, before the answer to its poll or the end of its POST.
    /// - Returns: its session.
    mutating func lost(_ request: RequestID) -> Int? {
        guard let slot = slotByRequest.removeValue(forKey: request) else { return nil }
        if slots[slot]!.incomingPost == request {
            slots[slot]!.incomingPost = nil
        } else {
            slots[slot]!.transport = .polling(nil)
        }
        return slot
    }
}

/// One session's own state; what concerns several lives in `EngineIOSessions`.
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
