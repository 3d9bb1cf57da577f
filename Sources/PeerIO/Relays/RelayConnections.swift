import Peer
import Primitives
import Reactor
import Service

/// The TCP and TLS connections to a session's TURN servers. `RelayMachine` decides; this dials, reads, writes and hangs up. Each server is
/// on its own: one that cannot be reached is tried again and holds nothing up.
struct RelayConnections {
    private static let log = Log("network")
    /// Reads from one connection before the others get their turn.
    private static let readsPerRound = 4

    private let trust: RelayTrust?
    private let registry: SocketRegistry
    private var machine: RelayMachine
    private var connections: [RelayConnection]
    /// What is read goes through it.
    private var buffer: [UInt8]

    /// - Parameter trust: nil where TURN over TLS is not possible.
    init(trust: RelayTrust?, registry: SocketRegistry) {
        self.trust = trust
        self.registry = registry
        machine = RelayMachine(canUseTLS: trust != nil)
        connections = []
        buffer = [UInt8](repeating: 0, count: 16 * 1024)
    }

    /// When `handleTimeout` is due.
    var nextTimeout: Instant? { machine.nextTimeout }

    // MARK: What the machine is told

    mutating func add(_ server: ResolvedICEServer, now: Instant) { machine.add(server, now: now) }

    mutating func allServersKnown() { machine.allServersKnown() }

    mutating func refused(from local: SocketAddress, alternate: SocketAddress?, domain: String?, now: Instant) {
        machine.refused(from: local, alternate: alternate, domain: domain, now: now)
    }

    mutating func addressesChanged(usable: [IPAddress], now: Instant) {
        machine.addressesChanged(usable: usable, now: now)
    }

    mutating func handleTimeout(now: Instant) { machine.handleTimeout(now: now) }

    // MARK: What it wants

    /// Does what the machine wants done to connections, until something is for the session.
    mutating func pollOrder(now: Instant) -> RelayMachine.SessionOrder? {
        while let action = machine.pollAction() {
            switch action {
            case .dial(let id, let server): dial(id, server, now: now)
            case .hangUp(let id, let reason): hangUp(id, because: reason)
            case .session(let order): return order
            }
        }
        return nil
    }

    private mutating func dial(_ id: RelayMachine.ID, _ server: ResolvedICEServer, now: Instant) {
        do {
            connections.append(try RelayConnection(id, to: server, trust: trust, registry: registry))
        } catch {
            note(server, "not reachable: \(error)")
            machine.lost(id, now: now)
        }
    }

    private mutating func hangUp(_ id: RelayMachine.ID, because reason: RelayMachine.HangUpReason) {
        guard let index = connections.firstIndex(where: { $0.id == id }) else { return }
        let connection = connections.remove(at: index)
        switch reason {
        case .noAnswer: note(connection.server, "no answer")
        case .noRelay: note(connection.server, "gives no relay")
        case .lost, .redirected, .addressGone: break
        }
        connection.close()
    }

    private func note(_ server: ResolvedICEServer, _ text: String) {
        RelayConnections.log.repeated(
            .info, "relay", "turn server \(Redacted(server.address)) over \(server.transport): \(text)")
    }

    // MARK: Bytes

    func connection(_ token: EventLoop.Token) -> RelayConnection? { connections.first { $0.token == token } }

    /// The connection can do something. Frames go to `frame`, with the server's address and ours.
    mutating func advance(
        _ connection: RelayConnection, _ event: EventLoop.Event, pool: PacketPool, now: Instant,
        frame: (inout PacketBuffer, SocketAddress, SocketAddress) -> Void
    ) {
        let wasConnected = connection.local != nil
        switch connection.finishConnect() {
        case .notYet: return
        case .lost(let why): return lose(connection, why, now: now)
        case .done: break
        }
        guard let local = connection.local else { return }
        if !wasConnected {
            machine.connected(connection.id, from: local)
            if connection.stream.phase == .open { machine.opened(connection.id) }
        }
        if event.isReadable || event.isHungUp {
            for _ in 0..<RelayConnections.readsPerRound {
                let wasOpening = connection.stream.phase == .opening
                switch connection.read(into: &buffer) {
                case .notYet: return connection.flush()
                case .lost(let why): return lose(connection, why, now: now)
                case .done: break
                }
                if wasOpening, connection.stream.phase == .open { machine.opened(connection.id) }
                while var packet = pool.take() {
                    guard connection.nextFrame(into: &packet) else { break }
                    frame(&packet, connection.server.address, local)
                }
                if let why = connection.streamEnd { return lose(connection, why, now: now) }
            }
        }
        connection.flush()
    }

    private mutating func lose(_ connection: RelayConnection, _ why: String, now: Instant) {
        note(connection.server, why)
        machine.lost(connection.id, now: now)
    }

    /// Queues a frame on the stream from `source`; false when there is none, or too much waits on it.
    func send(_ packet: borrowing PacketBuffer, from source: SocketAddress) -> Bool {
        guard let connection = connections.first(where: { $0.local == source && $0.stream.phase == .open }) else {
            return false
        }
        return connection.send(packet.bytes)
    }

    func flush() {
        for connection in connections where connection.local != nil && connection.stream.hasOutgoing {
            connection.flush()
        }
    }

    /// The session is over.
    mutating func closeAll() {
        for connection in connections { connection.close() }
        connections = []
    }
}
