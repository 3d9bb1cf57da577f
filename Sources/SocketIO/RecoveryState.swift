internal import JSON
internal import Primitives

/// Connection state recovery: a client that lost its transport comes back with the private id (`pid`) it was given and
/// the offset of the last event it received, and gets the events it missed instead of a new beginning.
///
/// Every event then carries an offset as its last argument, as the reference server's do since 4.6. The application
/// judges the returning client's token as any other's: a lost account does not come back by its `pid`.
struct RecoveryState: Sendable {
    private struct Parked: Sendable {
        var sid: String
        var namespace: String
        var owner: String?
        var log: RecoveryLog
        var lostAt: Instant
        /// The offset that its client has asked to go on from.
        var offset: String?
    }

    /// Nil where nobody comes back.
    private let window: Duration?
    private let bufferSize: Int
    private var parked: [SocketID: Parked]
    private var socketByPid: [String: SocketID]
    private var deadlines: RingBuffer<(at: Instant, socket: SocketID)>
    /// Bytes ever put aside.
    private(set) var storedBytes: UInt64

    /// - Parameters:
    ///   - window: how long a lost client's events are kept; nil where nobody comes back.
    ///   - bufferSize: bytes kept for one client.
    init(window: Duration?, bufferSize: Int) {
        self.window = window
        self.bufferSize = bufferSize
        parked = [:]
        socketByPid = [:]
        deadlines = RingBuffer()
        storedBytes = 0
    }

    // MARK: While a client is here

    /// Begins the log of a socket that is about to be accepted with that of the lost one it recovers.
    /// - Returns: what that one missed; nil where the socket begins anew.
    mutating func takeOver(_ socket: inout ConnectedClients.Socket) -> [WebSocketMessage]? {
        guard let lost = socket.recovers, let old = parked[lost], let offset = old.offset,
            let missed = old.log.messages(after: offset)
        else {
            socket.recovers = nil
            return nil
        }
        forget(lost)
        socket.sid = old.sid
        socket.log = old.log
        return missed
    }

    /// Writes an event for a client, and keeps it.
    /// - Returns: nil where there is no log, and so no offset in the event.
    mutating func write(
        _ name: String, _ arguments: [JSONValue], namespace: String, into log: inout RecoveryLog?, now: Instant
    ) -> [WebSocketMessage]? {
        guard let window,
            let messages = log?.append(
                name, arguments, namespace: namespace, keeping: window, limit: bufferSize, now: now)
        else { return nil }
        for message in messages { storedBytes &+= UInt64(message.count) }
        return messages
    }

    // MARK: While it is away

    /// Keeps a socket that was just lost for its client's return.
    mutating func lost(_ socket: ConnectedClients.Socket, now: Instant) {
        guard let window, let log = socket.log else { return }
        parked[socket.id] = Parked(
            sid: socket.sid, namespace: socket.namespace, owner: socket.owner, log: log, lostAt: now)
        socketByPid[log.pid] = socket.id
        deadlines.append((now + window, socket.id))
    }

    /// An event for a socket that is lost but may come back.
    mutating func keep(_ name: String, _ arguments: [JSONValue], for socket: SocketID, now: Instant) {
        guard let window, let namespace = parked[socket]?.namespace else { return }
        let messages = parked[socket]?.log.append(
            name, arguments, namespace: namespace, keeping: window, limit: bufferSize, now: now)
        storedBytes &+= UInt64(messages?.reduce(0) { $0 + $1.count } ?? 0)
    }

    /// Nobody can come back as that socket any more.
    mutating func forget(_ socket: SocketID) {
        guard let removed = parked.removeValue(forKey: socket) else { return }
        socketByPid[removed.log.pid] = nil
    }

    /// The lost socket that a CONNECT packet wants back, when everything it missed is still here.
    mutating func recoverable(_ packet: SocketIOPacket) -> SocketID? {
        guard let pid = packet.payload?["pid"]?.string, let offset = packet.payload?["offset"]?.string,
            let socket = socketByPid[pid], let lost = parked[socket],
            lost.namespace == packet.namespace, lost.log.messages(after: offset) != nil
        else { return nil }
        parked[socket]?.offset = offset
        return socket
    }

    /// The Socket.IO session id of a lost socket.
    func sid(of socket: SocketID) -> String? { parked[socket]?.sid }

    /// What is kept for those who are away.
    var holdings: [SocketIOHolding] {
        parked.compactMap { socket, lost in
            guard lost.log.size > 0 else { return nil }
            return SocketIOHolding(
                holder: .lost(socket), owner: lost.owner, address: nil, bytes: lost.log.size, since: lost.lostAt)
        }
    }

    mutating func handleTimeout(now: Instant) {
        while let deadline = deadlines.first, deadline.at <= now {
            _ = deadlines.popFirst()
            forget(deadline.socket)
        }
    }

    var nextTimeout: Instant? { deadlines.first?.at }
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
