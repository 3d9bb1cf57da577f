public import Primitives

/// What the server keeps in memory for one client between its requests and messages.
public struct SocketIOHolding: Hashable, Sendable {
    /// The client that the memory is held for.
    public enum Holder: Hashable, Sendable {
        case client(EngineIOServer.SessionID)
        /// A lost one that may come back (connection state recovery).
        case lost(SocketID)
    }

    /// For `evict`.
    public var holder: Holder
    /// For whom the application has accepted a socket of this client; nil for a stranger's.
    public var owner: String?
    /// Where its client is counted.
    public var address: IPAddress?
    /// Bytes kept, without what the process needs for any client.
    public var bytes: Int
    /// When the client came, or was lost.
    public var since: Instant
}

extension SocketIOServer {
    // MARK: Memory

    /// Every client for which something is kept: packets for its next poll, a packet of which attachments are missing,
    /// what it may ask for again.
    public var holdings: [SocketIOHolding] {
        var all: [SocketIOHolding] = []
        for case let client? in clients.slots {
            guard let session = engine.sessions.slots[client.session.slot] else { continue }
            let bytes =
                session.backlogSize + client.decoder.heldBytes + client.sockets.reduce(0) { $0 + ($1.log?.size ?? 0) }
            guard bytes > 0 else { continue }
            all.append(
                SocketIOHolding(
                    holder: .client(client.session), owner: client.sockets.first(where: \.isAccepted)?.owner,
                    address: session.address, bytes: bytes, since: session.openedAt))
        }
        all += recovery.holdings
        return all
    }

    /// Ends a client for what it holds, or forgets what a lost one has missed.
    public mutating func evict(_ holder: SocketIOHolding.Holder) {
        switch holder {
        case .client(let session):
            guard clients.client(session) != nil else { return }
            drop(.tooSlow)
            close(session, .tooSlow)
        case .lost(let socket): recovery.forget(socket)
        }
    }

    /// The accepted socket for which a request or WebSocket speaks, by its session.
    public func acceptedSocket(of handshake: EngineIOHandshake) -> SocketID? {
        guard let session = engine.session(of: handshake) else { return nil }
        return clients.client(session)?.sockets.first(where: \.isAccepted)?.id
    }

    /// The WebSocket that carries a socket; nil while it polls.
    public func connection(of socket: SocketID) -> ConnectionID? {
        guard let (slot, _) = clients.find(socket),
            let session = engine.sessions.slots[clients.slots[slot]!.session.slot],
            case .webSocket(let connection) = session.transport
        else { return nil }
        return connection
    }
}
