public import Primitives

extension EngineIOServer {
    /// A WebSocket was opened on the server's path: a new session, or the upgrade of a polling one.
    public mutating func webSocketOpened(_ connection: ConnectionID, _ handshake: EngineIOHandshake, now: Instant) {
        guard handshake["transport"] == "websocket" else {
            drop(.unknownTransport)
            actions.append(.close(connection))
            return
        }
        guard let sid = handshake["sid"] else {
            guard handshake["EIO"] == "4" else {
                drop(.unsupportedVersion)
                actions.append(.close(connection))
                return
            }
            guard admits(handshake, now: now) else {
                drop(.tooManySessions)
                actions.append(.close(connection))
                return
            }
            let slot = open(.webSocket(connection), handshake, now: now)
            slotByConnection[connection] = slot
            actions.append(.send(connection, openPacket(slot)))
            return
        }
        guard let slot = slotBySid[sid] else {
            drop(.unknownSession)
            actions.append(.close(connection))
            return
        }
        guard case .polling = sessions[slot]!.transport, sessions[slot]!.probe == nil else {
            drop(.secondWebSocket)
            actions.append(.close(connection))
            return
        }
        sessions[slot]!.probe = .init(connection: connection, isConfirmed: false)
        sessions[slot]!.probeEpoch &+= 1
        slotByConnection[connection] = slot
        deadlines.upgrade.append(
            .init(
                at: now + configuration.upgradeTimeout, session: sessions[slot]!.id, epoch: sessions[slot]!.probeEpoch))
    }

    /// A message of a WebSocket that was opened. One of a session that has gone is ignored.
    public mutating func webSocketReceived(_ connection: ConnectionID, _ message: WebSocketMessage, now: Instant) {
        guard let slot = slotByConnection[connection] else { return }
        if let probe = sessions[slot]!.probe, probe.connection == connection {
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
            sessions[slot]!.probe?.isConfirmed = true
            actions.append(.send(probe.connection, .text(Array("3probe".utf8))))
            // The client waits for its poll to end before it upgrades.
            releasePoll(slot)
        case (.upgrade, true):
            releasePoll(slot)
            sessions[slot]!.probe = nil
            sessions[slot]!.transport = .webSocket(probe.connection)
            if sessions[slot]!.isLetIn { actions.append(.widen(probe.connection)) }
            let backlog = sessions[slot]!.backlog
            sessions[slot]!.backlog = []
            sessions[slot]!.backlogSize = 0
            for packet in backlog { actions.append(.send(probe.connection, packet)) }
        default:
            drop(.unexpectedPacket)
            sessions[slot]!.probe = nil
            slotByConnection[probe.connection] = nil
            actions.append(.close(probe.connection))
        }
    }

    /// The WebSocket is gone, for whatever reason. Its session ends with it; a probe alone leaves the session
    /// polling.
    public mutating func webSocketClosed(_ connection: ConnectionID, now: Instant) {
        guard let slot = slotByConnection.removeValue(forKey: connection) else { return }
        if sessions[slot]!.probe?.connection == connection {
            sessions[slot]!.probe = nil
        } else {
            fail(slot, .transportClosed)
        }
    }
}
