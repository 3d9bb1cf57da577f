import JSON
import Primitives

/// Connection state recovery: a client that lost its transport comes back with the private id (`pid`) it was given and
/// the offset of the last event it received, and gets the events it missed instead of a new beginning.
///
/// Every event then carries an offset as its last argument, as the reference server's do since 4.6. The application
/// judges the returning client's token as any other's: a lost account does not come back by its `pid`.
struct RecoveryState: Sendable {
    /// Sockets lost in this step, not parked yet.
    var lost: [SocketIOServer.Socket] = []
    var parked: [SocketID: Parked] = [:]
    var socketByPid: [String: SocketID] = [:]
    var deadlines = RingBuffer<(at: Instant, socket: SocketID)>()

    struct Parked: Sendable {
        var sid: String
        var namespace: String
        var owner: String?
        var log: RecoveryLog
        var lostAt: Instant
        /// The offset that its client has asked to go on from.
        var offset: String?
    }
}

/// The last events sent to one socket.
struct RecoveryLog: Sendable {
    struct Entry: Sendable {
        var offset: String
        var messages: [WebSocketMessage]
        var size: Int
        var at: Instant
    }

    let pid: String
    private var entries: RingBuffer<Entry>
    private(set) var size: Int
    private var lastOffset: UInt64

    init(pid: String) {
        self.pid = pid
        entries = RingBuffer(capacity: 1)
        size = 0
        lastOffset = 0
    }

    /// Writes an event with its offset, keeps it, and forgets what is too old or too much.
    mutating func append(
        _ name: String, _ arguments: [JSONValue], namespace: String, keeping window: Duration, limit: Int, now: Instant
    ) -> [WebSocketMessage] {
        lastOffset += 1
        let offset = String(lastOffset, radix: 36)
        let messages = SocketIOPacket(event: name, arguments + [.string(offset)], namespace: namespace).encoded()
        let entrySize = messages.reduce(64) { $0 + $1.count }
        entries.append(Entry(offset: offset, messages: messages, size: entrySize, at: now))
        size += entrySize
        while let oldest = entries.first, size > limit || oldest.at + window < now {
            size -= oldest.size
            _ = entries.popFirst()
        }
        return messages
    }

    /// What was sent behind `offset`; nil when that is no longer known.
    func messages(after offset: String) -> [WebSocketMessage]? {
        for index in 0..<entries.count where entries[index].offset == offset {
            return (index + 1..<entries.count).flatMap { entries[$0].messages }
        }
        return nil
    }
}

extension SocketIOServer {
    /// Keeps the sockets that were just lost for their clients' return.
    mutating func park(now: Instant?) {
        let lost = recovery.lost
        recovery.lost.removeAll()
        guard let now, let window = configuration.recoveryWindow else { return }
        for socket in lost {
            guard let log = socket.log else { continue }
            recovery.parked[socket.id] = .init(
                sid: socket.sid, namespace: socket.namespace, owner: socket.owner, log: log, lostAt: now)
            recovery.socketByPid[log.pid] = socket.id
            recovery.deadlines.append((now + window, socket.id))
        }
    }

    mutating func expireParked(now: Instant) {
        while let deadline = recovery.deadlines.first, deadline.at <= now {
            _ = recovery.deadlines.popFirst()
            unpark(deadline.socket)
        }
    }

    mutating func unpark(_ socket: SocketID) {
        guard let parked = recovery.parked.removeValue(forKey: socket) else { return }
        recovery.socketByPid[parked.log.pid] = nil
    }

    /// An event for a socket that is lost but may come back.
    mutating func keep(_ name: String, _ arguments: [JSONValue], for socket: SocketID, now: Instant) {
        guard let window = configuration.recoveryWindow, let namespace = recovery.parked[socket]?.namespace else {
            return
        }
        let limit = configuration.recoveryBufferSize
        let messages = recovery.parked[socket]?.log.append(
            name, arguments, namespace: namespace, keeping: window, limit: limit, now: now)
        storedBytes &+= UInt64(messages?.reduce(0) { $0 + $1.count } ?? 0)
    }

    /// The lost socket that a CONNECT packet wants back, when everything it missed is still here.
    mutating func recoverable(_ packet: SocketIOPacket) -> SocketID? {
        guard let pid = packet.payload?["pid"]?.string, let offset = packet.payload?["offset"]?.string,
            let socket = recovery.socketByPid[pid], let parked = recovery.parked[socket],
            parked.namespace == packet.namespace, parked.log.messages(after: offset) != nil
        else { return nil }
        recovery.parked[socket]?.offset = offset
        return socket
    }

    /// Begins an accepted socket's log or takes over that of the one it recovers; returns what that one missed.
    mutating func startLog(_ slot: Int, _ index: Int) -> [WebSocketMessage] {
        guard configuration.recoveryWindow != nil else { return [] }
        if let lost = clients[slot]!.sockets[index].recovers, let parked = recovery.parked[lost],
            let offset = parked.offset, let missed = parked.log.messages(after: offset)
        {
            unpark(lost)
            clients[slot]!.sockets[index].sid = parked.sid
            clients[slot]!.sockets[index].log = parked.log
            return missed
        }
        clients[slot]!.sockets[index].recovers = nil
        clients[slot]!.sockets[index].log = RecoveryLog(pid: engine.newIdentifier())
        return []
    }
}
