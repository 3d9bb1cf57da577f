public import JSON
public import Primitives

extension SocketIOServer {
    // MARK: What the application decided

    /// Lets a connecting socket in. One that `recovers` another gets that one's session id and missed events.
    /// - Parameters:
    ///   - owner: for whom memory is held from now on (`SocketIOHolding.owner`), also when its client is lost; nil where nobody asks.
    ///   - recovering: false where the application finds that the other was somebody else's.
    public mutating func accept(_ socket: SocketID, of owner: String? = nil, recovering: Bool = true, now: Instant) {
        guard let (slot, index) = clients.find(socket), !clients.slots[slot]!.sockets[index].isAccepted else { return }
        clients.slots[slot]!.sockets[index].isAccepted = true
        clients.slots[slot]!.sockets[index].owner = owner
        clients.slots[slot]!.vainConnects = 0
        vainConnects.accepted(clients.slots[slot]!.session, at: clients.slots[slot]!.address, now: now)
        engine.letIn(clients.slots[slot]!.session)
        if !recovering { clients.slots[slot]!.sockets[index].recovers = nil }
        var missed: [WebSocketMessage] = []
        if configuration.recoveryWindow != nil {
            if let old = recovery.takeOver(&clients.slots[slot]!.sockets[index]) {
                missed = old
            } else {
                clients.slots[slot]!.sockets[index].log = RecoveryLog(pid: engine.newIdentifier())
            }
        }
        let accepted = clients.slots[slot]!.sockets[index]
        var payload = JSONObject([("sid", .string(accepted.sid))])
        payload["pid"] = accepted.log.map { .string($0.pid) }
        send(SocketIOPacket(.connect, namespace: accepted.namespace, payload: .object(payload)), to: slot)
        for message in missed { engine.sendPacket(message, to: clients.slots[slot]!.session) }
    }

    /// Refuses a connecting socket; the transport stays, the client may try again, as often as the configuration lets it.
    public mutating func refuse(_ socket: SocketID, _ error: ConnectError, now: Instant) {
        guard let (slot, index) = clients.find(socket), !clients.slots[slot]!.sockets[index].isAccepted else { return }
        let removed = clients.remove(slot, index)
        send(.refusal(error, namespace: removed.namespace), to: slot)
    }

    /// Sends an event. For a lost socket that may still recover it is kept; one that is gone is ignored.
    public mutating func emit(_ name: String, _ arguments: [JSONValue], to socket: SocketID, now: Instant) {
        guard let (slot, index) = clients.find(socket) else {
            return recovery.keep(name, arguments, for: socket, now: now)
        }
        guard clients.slots[slot]!.sockets[index].isAccepted else { return }
        let namespace = clients.slots[slot]!.sockets[index].namespace
        guard
            let messages = recovery.write(
                name, arguments, namespace: namespace, into: &clients.slots[slot]!.sockets[index].log, now: now)
        else { return send(SocketIOPacket(event: name, arguments, namespace: namespace), to: slot) }
        for message in messages { engine.sendPacket(message, to: clients.slots[slot]!.session) }
    }

    /// Sends one event to many sockets, written once per namespace.
    public mutating func emit(
        _ name: String, _ arguments: [JSONValue], toAll recipients: some Sequence<SocketID>, now: Instant
    ) {
        var written: [String: [WebSocketMessage]] = [:]
        for socket in recipients {
            // With recovery every socket's event carries an offset of its own.
            if configuration.recoveryWindow != nil {
                emit(name, arguments, to: socket, now: now)
                continue
            }
            guard let (slot, index) = clients.find(socket), clients.slots[slot]!.sockets[index].isAccepted else {
                continue
            }
            let namespace = clients.slots[slot]!.sockets[index].namespace
            let messages =
                written[namespace] ?? SocketIOPacket(event: name, arguments, namespace: namespace).encoded()
            written[namespace] = messages
            for message in messages { engine.sendPacket(message, to: clients.slots[slot]!.session) }
        }
    }

    /// Sends an event that asks for an acknowledgement; `acknowledgement` is unique among those the socket owes.
    public mutating func emit(
        _ name: String, _ arguments: [JSONValue], to socket: SocketID, acknowledgement: AcknowledgementID, now: Instant
    ) {
        guard let (slot, index) = clients.find(socket), clients.slots[slot]!.sockets[index].isAccepted else { return }
        clients.slots[slot]!.sockets[index].awaited.insert(acknowledgement)
        var packet = SocketIOPacket(event: name, arguments, namespace: clients.slots[slot]!.sockets[index].namespace)
        packet.id = acknowledgement
        send(packet, to: slot)
    }

    /// Answers an event that asked for it.
    public mutating func acknowledge(
        _ id: AcknowledgementID, _ arguments: [JSONValue], to socket: SocketID, now: Instant
    ) {
        guard let (slot, index) = clients.find(socket), clients.slots[slot]!.sockets[index].isAccepted else { return }
        let namespace = clients.slots[slot]!.sockets[index].namespace
        send(SocketIOPacket(.acknowledgement, namespace: namespace, id: id, payload: .array(arguments)), to: slot)
    }

    /// Takes a socket out of its namespace; with `closingTransport` the whole connection goes.
    /// No `disconnected` event follows for this socket: the application knows.
    public mutating func disconnect(_ socket: SocketID, closingTransport: Bool, now: Instant) {
        guard let (slot, index) = clients.find(socket) else { return }
        let removed = clients.remove(slot, index)
        send(SocketIOPacket(.disconnect, namespace: removed.namespace), to: slot)
        if closingTransport { close(clients.slots[slot]!.session, .ended) }
    }

    // MARK: What clients send

    mutating func received(_ message: WebSocketMessage, on session: EngineIOServer.SessionID, now: Instant) {
        guard let client = clients.client(session) else { return }
        let slot = session.slot
        // What a stranger sends is judged by its first byte and its length, before anything is parsed or kept.
        if !client.sockets.contains(where: \.isAccepted), let reason = configuration.refusal(ofStranger: message) {
            drop(reason)
            return close(session, .protocolError)
        }
        let packet: SocketIOPacket?
        do throws(SocketIOPacket.DecodingError) {
            switch message {
            case .text(let text): packet = try clients.slots[slot]!.decoder.decode(text: text)
            case .binary(let bytes): packet = try clients.slots[slot]!.decoder.decode(attachment: bytes)
            }
        } catch {
            drop(error.drop)
            return close(session, .protocolError)
        }
        guard let packet else {
            // An attachment is missing.
            return putAside(message)
        }
        let index = clients.slots[slot]!.sockets.firstIndex { $0.namespace == packet.namespace }
        switch (packet.kind, index) {
        case (.connect, nil):
            connect(packet, on: session, now: now)
        case (.disconnect, let index?):
            tell(.disconnected(clients.remove(slot, index).id, .left))
        case (.event, let index?) where clients.slots[slot]!.sockets[index].isAccepted:
            tell(.event(clients.slots[slot]!.sockets[index].id, SocketIOEvent(packet)))
        case (.acknowledgement, let index?) where clients.slots[slot]!.sockets[index].isAccepted:
            guard let id = packet.id, clients.slots[slot]!.sockets[index].awaited.remove(id) != nil else {
                return drop(.unknownAcknowledgement)
            }
            tell(.acknowledged(clients.slots[slot]!.sockets[index].id, id, packet.payload?.array ?? []))
        case (.connect, _), (.disconnect, _), (.event, _), (.acknowledgement, _), (.connectError, _):
            drop(.unexpectedPacket)
            close(session, .protocolError)
        }
    }

    private mutating func connect(_ packet: SocketIOPacket, on session: EngineIOServer.SessionID, now: Instant) {
        let slot = session.slot
        guard configuration.namespaces.contains(packet.namespace) else {
            drop(.unknownNamespace)
            return send(.refusal(ConnectError(message: "Invalid namespace"), namespace: packet.namespace), to: slot)
        }
        guard clients.slots[slot]!.vainConnects < configuration.maximumVainConnects else {
            drop(.tooManyConnects)
            return close(session, .protocolError)
        }
        clients.slots[slot]!.vainConnects += 1
        guard vainConnects.take(session, at: clients.slots[slot]!.address, now: now) else {
            drop(.hastyConnect)
            return send(.refusal(.throttled, namespace: packet.namespace), to: slot)
        }
        let recovers = recovery.recoverable(packet)
        let socket = clients.connect(
            slot, namespace: packet.namespace, sid: engine.newIdentifier(), recovers: recovers)
        tell(
            .connecting(
                socket.id,
                ConnectRequest(
                    namespace: packet.namespace, auth: packet.payload, handshake: clients.slots[slot]!.handshake,
                    sid: recovers.flatMap { recovery.sid(of: $0) } ?? socket.sid, recovers: recovers)))
    }

    mutating func send(_ packet: SocketIOPacket, to slot: Int) {
        for message in packet.encoded() { engine.sendPacket(message, to: clients.slots[slot]!.session) }
    }
}

extension SocketIOPacket {
    init(event name: String, _ arguments: [JSONValue], namespace: String) {
        precondition(!SocketIOPacket.isReserved(name), "socket.io: a reserved name is no event")
        var elements: [JSONValue] = []
        elements.reserveCapacity(arguments.count + 1)
        elements.append(.string(name))
        elements.append(contentsOf: arguments)
        self.init(.event, namespace: namespace, payload: .array(elements))
    }

    static func refusal(_ error: ConnectError, namespace: String) -> SocketIOPacket {
        var payload = JSONObject()
        payload["message"] = .string(error.message)
        payload["data"] = error.data
        return SocketIOPacket(.connectError, namespace: namespace, payload: .object(payload))
    }
}

extension ConnectError {
    /// The CONNECT was not read: too many before it were refused.
    static let throttled = ConnectError(
        message: "too many refused connects, try again in a second", data: ["code": "throttled"])
}

extension SocketIOServerConfiguration {
    /// Why a message is refused of a client that has been accepted nowhere; nil where it may be read.
    func refusal(ofStranger message: WebSocketMessage) -> SocketIODrop? {
        switch message {
        case .binary: return .badAttachment
        case .text(let text):
            // Events and acknowledgements, with and without attachments, are for accepted clients.
            if let type = text.first, (0x32...0x33).contains(type) || (0x35...0x36).contains(type) {
                return .unexpectedPacket
            }
            return text.count <= maximumMessageBeforeConnect ? nil : .bodyTooLarge
        }
    }
}

extension SocketIOPacket.DecodingError {
    var drop: SocketIODrop {
        switch self {
        case .empty, .unknownType, .badNamespace, .badAcknowledgementID: .badPacket
        case .badJSON, .badPayload: .badPayload
        case .reservedEvent: .reservedEvent
        case .badAttachmentCount, .badPlaceholder, .unexpectedAttachment, .missingAttachment, .tooLarge: .badAttachment
        }
    }
}
