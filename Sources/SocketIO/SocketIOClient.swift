public import JSON
public import Primitives

/// What a Socket.IO client expects of its server.
public struct SocketIOClientConfiguration: Sendable {
    /// Begins with `/`.
    public var namespace: String = "/"
    /// From the open transport to the namespace's answer.
    public var connectTimeout: Duration = .seconds(20)
    /// Of one packet.
    public var maximumAttachments: Int = 10
    /// Nesting of one payload.
    public var maximumDepth: Int = 64

    /// The defaults above.
    public init() {}
}

/// One Socket.IO client in one namespace over one WebSocket, without a socket or clock.
///
/// It lives as long as its WebSocket; a driver that reconnects makes a new one:
///
///     waiting ──webSocketOpened──▶ opening ──packet 0──▶ connecting ──40──▶ connected
///        │                            │                      │ 44              │ 41, silence, bad packet, close
///        └────────────────────────────┴──────────────────────┴────────▶ ended ◀┘
///
/// Source: Engine.IO revision 4 (the server pings; silence for pingInterval + pingTimeout is death), Socket.IO revision 5.
public struct SocketIOClient: Sendable {
    /// What the driver does for the machine.
    public enum Action: Hashable, Sendable {
        case send(WebSocketMessage)
        /// Closes the WebSocket after what was sent before.
        case close
    }

    /// What the application hears.
    public enum Event: Hashable, Sendable {
        /// The namespace let us in; `sid` is the Socket.IO session id.
        case connected(sid: String)
        /// CONNECT_ERROR. The transport is closed with it; do not retry with the same credentials.
        case refused(ConnectError)
        case event(SocketIOEvent)
        case acknowledged(AcknowledgementID, [JSONValue])
        /// The last event, unless `refused` was; also when it never connected.
        case disconnected(DisconnectReason)
    }

    /// The query of the WebSocket's URL.
    public static let query = "EIO=4&transport=websocket"

    private enum Phase: Sendable {
        case waiting, opening, connecting, connected, ended
    }

    private let configuration: SocketIOClientConfiguration
    private let auth: JSONValue?
    private var phase: Phase
    private var decoder: SocketIODecoder
    private var actions: RingBuffer<Action>
    private var events: RingBuffer<Event>
    private var lastAcknowledgement: Int
    private var awaited: Set<AcknowledgementID>
    /// How long the server may be silent, once it has said so.
    private var patience: Duration?
    private var deadline: Instant?

    /// - Parameter auth: the CONNECT packet's payload, an object such as `{"token":…}`.
    public init(_ configuration: SocketIOClientConfiguration, auth: JSONValue?, now: Instant) {
        self.configuration = configuration
        self.auth = auth
        phase = .waiting
        decoder = SocketIODecoder(
            maximumAttachments: configuration.maximumAttachments, maximumDepth: configuration.maximumDepth)
        actions = RingBuffer(capacity: 4)
        events = RingBuffer(capacity: 4)
        lastAcknowledgement = 0
        awaited = []
        patience = nil
        deadline = nil
    }

    /// Whether `emit` sends.
    public var isConnected: Bool { phase == .connected }
    /// The oldest action not done yet; nil when there is none.
    public mutating func nextAction() -> Action? { actions.popFirst() }
    /// The oldest event not taken yet; nil when there is none.
    public mutating func nextEvent() -> Event? { events.popFirst() }

    // MARK: What the transport heard

    /// The WebSocket's handshake has succeeded: the server's open packet is waited for.
    public mutating func webSocketOpened(now: Instant) {
        guard phase == .waiting else { return }
        phase = .opening
        deadline = now + configuration.connectTimeout
    }

    /// A message of the WebSocket. One that breaks the protocol ends the client.
    public mutating func webSocketReceived(_ message: WebSocketMessage, now: Instant) {
        let packet: EngineIOPacket
        do {
            packet = try EngineIOPacket(message)
        } catch {
            return end(.protocolError)
        }
        switch (packet, phase) {
        case (_, .waiting), (_, .ended):
            break
        case (.open(let json), .opening):
            open(json, now: now)
        case (.ping(let data), _):
            actions.append(.send(EngineIOPacket.pong(data).webSocketMessage))
            if phase == .connected, let patience { deadline = now + patience }
        case (.message(let text), .connecting), (.message(let text), .connected):
            receive(now: now) { decoder throws(SocketIOPacket.DecodingError) in try decoder.decode(text: text) }
        case (.binary(let bytes), .connecting), (.binary(let bytes), .connected):
            receive(now: now) { decoder throws(SocketIOPacket.DecodingError) in try decoder.decode(attachment: bytes) }
        case (.close, _):
            end(.transportClosed)
        case (.noop, _):
            break
        case (.open, _), (.pong, _), (.upgrade, _), (.message, .opening), (.binary, .opening):
            end(.protocolError)
        }
    }

    /// The WebSocket is gone, for whatever reason. The client ends with it.
    public mutating func webSocketClosed(now: Instant) {
        guard phase != .ended else { return }
        phase = .ended
        deadline = nil
        events.append(.disconnected(.transportClosed))
    }

    private mutating func open(_ json: [UInt8], now: Instant) {
        // A server that names absurd times must not overflow ours, nor make a dead one look alive for hours.
        guard let handshake = try? JSONValue(parsing: json), let interval = handshake["pingInterval"]?.integer,
            let timeout = handshake["pingTimeout"]?.integer, (1...3_600_000).contains(interval),
            (1...3_600_000).contains(timeout)
        else { return end(.protocolError) }
        patience = .milliseconds(interval + timeout)
        phase = .connecting
        send(SocketIOPacket(.connect, namespace: configuration.namespace, payload: auth))
    }

    private mutating func receive(
        now: Instant,
        _ decode: (inout SocketIODecoder) throws(SocketIOPacket.DecodingError) -> SocketIOPacket?
    ) {
        let packet: SocketIOPacket?
        do {
            packet = try decode(&decoder)
        } catch {
            return end(.protocolError)
        }
        guard let packet, packet.namespace == configuration.namespace else { return }
        switch (packet.kind, phase) {
        case (.connect, .connecting):
            guard let sid = packet.payload?["sid"]?.string else { return end(.protocolError) }
            phase = .connected
            deadline = patience.map { now + $0 }
            events.append(.connected(sid: sid))
        case (.connectError, .connecting):
            let message = packet.payload?["message"]?.string ?? packet.payload?.string ?? "refused"
            events.append(.refused(ConnectError(message: message, data: packet.payload?["data"])))
            phase = .ended
            deadline = nil
            actions.append(.close)
        case (.disconnect, .connecting), (.disconnect, .connected):
            end(.left)
        case (.event, .connected):
            events.append(.event(SocketIOEvent(packet)))
        case (.acknowledgement, .connected):
            guard let id = packet.id, awaited.remove(id) != nil else { return }
            events.append(.acknowledged(id, packet.payload?.array ?? []))
        case (.connect, _), (.connectError, _), (.disconnect, _), (.event, _), (.acknowledgement, _):
            break
        }
    }

    // MARK: What the application decided

    /// Sends an event; before `connected` and after the end it is dropped and the answer is false.
    @discardableResult
    public mutating func emit(_ name: String, _ arguments: [JSONValue], now: Instant) -> Bool {
        guard phase == .connected else { return false }
        send(SocketIOPacket(event: name, arguments, namespace: configuration.namespace))
        return true
    }

    /// Sends an event that asks for an acknowledgement; nil when not connected.
    public mutating func emitForAcknowledgement(
        _ name: String, _ arguments: [JSONValue], now: Instant
    ) -> AcknowledgementID? {
        guard phase == .connected else { return nil }
        let id = AcknowledgementID(rawValue: lastAcknowledgement)
        lastAcknowledgement += 1
        awaited.insert(id)
        var packet = SocketIOPacket(event: name, arguments, namespace: configuration.namespace)
        packet.id = id
        send(packet)
        return id
    }

    /// Answers an event that asked for it.
    public mutating func acknowledge(_ id: AcknowledgementID, _ arguments: [JSONValue], now: Instant) {
        guard phase == .connected else { return }
        send(
            SocketIOPacket(
                .acknowledgement, namespace: configuration.namespace, id: id, payload: .array(arguments)))
    }

    /// Leaves the namespace and closes the transport; no event follows.
    public mutating func disconnect(now: Instant) {
        guard phase != .ended else { return }
        if phase == .connected { send(SocketIOPacket(.disconnect, namespace: configuration.namespace)) }
        phase = .ended
        deadline = nil
        actions.append(.close)
    }

    private mutating func send(_ packet: SocketIOPacket) {
        for message in packet.encoded() { actions.append(.send(message)) }
    }

    private mutating func end(_ reason: DisconnectReason) {
        guard phase != .ended else { return }
        phase = .ended
        deadline = nil
        events.append(.disconnected(reason))
        actions.append(.close)
    }

    // MARK: Time

    /// When `handleTimeout` is due; nil before the WebSocket is open and after the end.
    public var nextTimeout: Instant? { deadline }

    /// Ends a client whose server has been silent for too long. Earlier calls do nothing.
    public mutating func handleTimeout(now: Instant) {
        guard let deadline, deadline <= now else { return }
        end(.pingTimeout)
    }
}
