public import Primitives

extension EngineIOServer {
    /// A WebSocket was opened on the server's path: a new session, or the upgrade of a polling one.
    public mutating func webSocketOpened(_ connection: ConnectionID, _ handshake: EngineIOHandshake, now: Instant) {
        guard handshake["transport"] == "websocket" else {
            drop(.unknownTransport)
            act(.close(connection))
            return
        }
        guard let sid = handshake["sid"] else {
            guard handshake["EIO"] == "4" else {
                drop(.unsupportedVersion)
                act(.close(connection))
                return
            }
            guard admits(handshake, now: now) else {
                drop(.tooManySessions)
                act(.close(connection))
                return
            }
            let slot = open(.webSocket(connection), handshake, now: now)
            act(.send(connection, openPacket(slot)))
            return
        }
        guard let slot = sessions.slot(named: sid) else {
            drop(.unknownSession)
            act(.close(connection))
            return
        }
        guard case .polling = sessions.slots[slot]!.transport, sessions.slots[slot]!.probe == nil else {
            drop(.secondWebSocket)
            act(.close(connection))
            return
        }
        sessions.beginProbe(slot, connection)
        awaitUpgrade(slot, now: now)
    }

    /// A message of a WebSocket that was opened. One of a session that has gone is ignored.
    public mutating func webSocketReceived(_ connection: ConnectionID, _ message: WebSocketMessage, now: Instant) {
        guard let slot = sessions.slot(of: connection) else { return }
        if let probe = sessions.slots[slot]!.probe, probe.connection == connection {
            return probeReceived(slot, probe, message)
        }
        guard message.count <= configuration.maximumPayload else {
            drop(.bodyTooLarge)
            return fail(slot, .protocolError)
        }
        let packet: EngineIOPacket
        do {
            packet = try EngineIOPacket(message)
        } catch {
            drop(.badPacket)
            return fail(slot, .protocolError)
        }
        _ = receive(packet, on: slot, now: now)
    }

    private mutating func probeReceived(_ slot: Int, _ probe: EngineIOSession.Probe, _ message: WebSocketMessage) {
        switch (try? EngineIOPacket(message), probe.isConfirmed) {
        case (.ping(let data), false) where data == Array("probe".utf8):
            sessions.slots[slot]!.probe?.isConfirmed = true
            act(.send(probe.connection, .text(Array("3probe".utf8))))
            // The client waits for its poll to end before it upgrades.
            releasePoll(slot)
        case (.upgrade, true):
            releasePoll(slot)
            let backlog = sessions.upgrade(slot, to: probe.connection)
            if sessions.slots[slot]!.isLetIn { act(.widen(probe.connection)) }
            for packet in backlog { act(.send(probe.connection, packet)) }
        default:
            drop(.unexpectedPacket)
            sessions.endProbe(slot)
            act(.close(probe.connection))
        }
    }

    /// The WebSocket is gone, for whatever reason. Its session ends with it; a probe alone leaves the session
    /// polling.
    public mutating func webSocketClosed(_ connection: ConnectionID, now: Instant) {
        guard let slot = sessions.lost(connection) else { return }
        if sessions.slots[slot]!.probe?.connection == connection {
            sessions.slots[slot]!.probe = nil
        } else {
            fail(slot, .transportClosed)
        }
    }
}
