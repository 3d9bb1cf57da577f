internal import JSON
internal import Primitives

/// The clients of a Socket.IO server and their sockets: one in each namespace.
struct ConnectedClients: Sendable {
    struct Client: Sendable {
        let session: EngineIOServer.SessionID
        let handshake: EngineIOHandshake
        var decoder: SocketIODecoder
        var sockets: [Socket]
        /// CONNECTs since the application last accepted one.
        var vainConnects: Int

        /// Where it is counted.
        var address: IPAddress? { handshake.address }
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

    /// By the slot of the Engine.IO session.
    var slots: [Client?]
    private var sessionBySocket: [SocketID: EngineIOServer.SessionID]
    private var lastSocket: UInt64

    init() {
        slots = []
        sessionBySocket = [:]
        lastSocket = 0
    }

    /// Sockets alive, those not judged yet included.
    var count: Int { sessionBySocket.count }

    func client(_ session: EngineIOServer.SessionID) -> Client? {
        guard session.slot < slots.count, let client = slots[session.slot], client.session == session else {
            return nil
        }
        return client
    }

    /// Where a socket lives: the slot of its client and its place among that client's sockets.
    func find(_ socket: SocketID) -> (slot: Int, index: Int)? {
        guard let session = sessionBySocket[socket], session.slot < slots.count,
            let index = slots[session.slot]?.sockets.firstIndex(where: { $0.id == socket })
        else { return nil }
        return (session.slot, index)
    }

    mutating func insert(_ client: Client) {
        while slots.count <= client.session.slot { slots.append(nil) }
        slots[client.session.slot] = client
    }

    /// - Returns: what it was; nil where it is gone already.
    mutating func remove(_ session: EngineIOServer.SessionID) -> Client? {
        guard let client = client(session) else { return nil }
        slots[session.slot] = nil
        for socket in client.sockets { sessionBySocket[socket.id] = nil }
        return client
    }

    /// A client sent a CONNECT that the application has to judge.
    mutating func connect(
        _ slot: Int, namespace: String, sid: String, recovers: SocketID?
    ) -> Socket {
        lastSocket += 1
        let socket = Socket(
            id: SocketID(rawValue: lastSocket), namespace: namespace, sid: sid, isAccepted: false, awaited: [],
            log: nil, recovers: recovers)
        slots[slot]!.sockets.append(socket)
        sessionBySocket[socket.id] = slots[slot]!.session
        return socket
    }

    /// A socket leaves its namespace; its client stays.
    mutating func remove(_ slot: Int, _ index: Int) -> Socket {
        let removed = slots[slot]!.sockets.remove(at: index)
        sessionBySocket[removed.id] = nil
        return removed
    }
}
