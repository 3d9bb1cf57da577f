public import Primitives

/// One SCTP association over DTLS (RFC 9260 over RFC 8261): one path, packets in and out as bytes, messages of streams above.
///
///     idle ─start─▶ cookieWait ─INIT ACK─▶ cookieEchoed ─COOKIE ACK─▶ established
///      │                │                       │                        │    │ SHUTDOWN
///      └─COOKIE ECHO────┴─COOKIE ECHO───────────┴──────────▶ established │    ▼
///                                                       shutdown(now:)   │  shutdownReceived ─all acknowledged─▶ shutdownAckSent
///                                                                        ▼                                            │
///                                       shutdownPending ─all acknowledged─▶ shutdownSent ─SHUTDOWN ACK─▶ ended ◀──────┘
///
///     from each phase: ABORT either way, and what nobody answers ─▶ ended
///
/// It joins machines that know nothing of each other, and answer with values:
///
///     packet ─▶ PacketAdmission ─▶ ChunkSequence ─┬─ INIT, INIT ACK, COOKIE ECHO ─▶ Handshake
///                                                 ├─ SHUTDOWN and its answers ────▶ AssociationPhase
///                                                 ├─ DATA, FORWARD TSN ───────────▶ IncomingData
///                                                 ├─ SACK ────────────────────────▶ OutgoingData
///                                                 ├─ RE-CONFIG ───────────────────▶ StreamResets
///                                                 └─ HEARTBEAT ACK ───────────────▶ Heartbeats
///
/// `ControlQueue` holds what they want to be sent, until `pollTransmit` takes it.
///
/// Both sides of WebRTC start; their INITs cross, which section 5.2.1 makes one association. A machine that was not started
/// answers. After the end nothing is taken; a peer that goes on is told by ABORT.
///
/// The driver hands in what DTLS has decrypted, takes packets for DTLS to encrypt, and calls:
///
///     handle(_:now:)              pollTransmit(into:allowance:now:) until false
///     handleTimeout(now:)         pollEvent() until nil
///     nextTimeout
public struct Association: Sendable {
    /// What was agreed at the beginning.
    public let configuration: AssociationConfiguration
    var phase: AssociationPhase
    var handshake: Handshake
    var timeout: RetransmissionTimeout
    var heartbeats: Heartbeats
    var outgoing: OutgoingData
    var incoming: IncomingData
    var resets: StreamResets
    var control: ControlQueue
    private var events: RingBuffer<AssociationEvent>
    private var drops: Counter<SCTPDrop>

    /// An association that has done nothing yet.
    ///
    /// - Parameters:
    ///   - authenticator: For the cookies of this machine.
    ///   - random: Of tags, first numbers and heartbeats; the kernel's in service.
    public init(_ configuration: AssociationConfiguration, authenticator: CookieAuthenticator, random: RandomSource) {
        precondition(
            configuration.maximumPacketSize >= 512 && configuration.maximumPacketSize % 4 == 0,
            "sctp: a packet has 512 bytes or more, and a multiple of four")
        precondition(configuration.streams > 0, "sctp: an association has streams")
        precondition(
            configuration.receiveBuffer >= 1500 && configuration.receiveBuffer <= 1 << 30,
            "sctp: a receive buffer has 1,500 bytes or more, and at most 1 GiB")
        self.configuration = configuration
        phase = .idle
        handshake = Handshake(configuration, authenticator: authenticator, random: random)
        timeout = RetransmissionTimeout(configuration)
        heartbeats = Heartbeats(configuration)
        outgoing = OutgoingData(configuration, initialTSN: handshake.own.initialTSN)
        incoming = IncomingData(configuration, initialTSN: TSN(0))
        resets = StreamResets(
            localTSN: handshake.own.initialTSN, peerTSN: TSN(0), packetSize: configuration.maximumPacketSize)
        control = ControlQueue(configuration)
        events = RingBuffer(capacity: 16)
        drops = Counter()
    }

    // MARK: State

    /// Data may flow both ways.
    public var isEstablished: Bool { if case .established = phase { true } else { false } }
    /// Nothing more happens.
    public var hasEnded: Bool { if case .ended = phase { true } else { false } }
    /// Streams that may be sent on; what was asked for, before the peer has answered.
    public var outgoingStreams: Int { Int(phase.remote?.outgoingStreams ?? configuration.streams) }
    /// What was dropped, by reason.
    public var dropped: Counter<SCTPDrop> {
        var all = drops
        all.add(incoming.dropped)
        all.add(outgoing.drops)
        all.add(resets.drops)
        return all
    }
    /// Bytes in memory for both directions: messages to send and on their way, messages incomplete and not taken.
    public var heldBytes: Int { outgoing.heldBytes + incoming.heldBytes }
    /// How many of our streams wait for their reset.
    public var pendingResets: Int { resets.pending }
    /// How many of our streams something is remembered of.
    public var rememberedStreams: Int { outgoing.streamCount }
    /// The smoothed round trip time; nil before the first measurement.
    public var roundTrip: Duration? { timeout.roundTrip }
    /// cwnd, in bytes.
    public var congestionWindow: DataSize { DataSize(bytes: outgoing.congestionWindow) }
    /// Bytes of data that are on their way.
    public var bytesInFlight: DataSize { DataSize(bytes: outgoing.bytesInFlight) }
    /// Whether data would go now with an allowance: for a pacer that gives them what media leave.
    public var canSendData: Bool { phase.sendsData && outgoing.canSend }

    /// How much longer than the shortest known a round trip may become by the data that is sent, because other traffic on the path
    /// goes first (RFC 6817); nil: as long as the congestion window lets it. The window begins anew.
    public mutating func giveWay(_ target: Duration?) { outgoing.giveWay(target) }

    /// The oldest event that was not taken yet; nil when there is none.
    public mutating func pollEvent() -> AssociationEvent? {
        guard let event = events.popFirst() else { return nil }
        if case .message(let message) = event { incoming.noteTaken(message) }
        return event
    }

    // MARK: The application

    /// Sends INIT. A second call does nothing, nor does one in an association that the peer began.
    public mutating func start(now: Instant) {
        guard case .idle = phase else { return }
        phase = .cookieWait
        control.start(.initiation, rto: timeout.value, now: now)
    }

    /// Takes a message to send, before the association is established, too. Its bytes are shared, not copied.
    ///
    /// - Throws: What stands against it; nothing is taken then.
    public mutating func send(
        _ payload: [UInt8], on stream: StreamID, _ payloadProtocol: PayloadProtocol, isUnordered: Bool = false,
        reliability: Reliability = .reliable, now: Instant
    ) throws(SendRefusal) {
        switch phase {
        case .idle, .cookieWait, .cookieEchoed, .established: break
        case .shutdownPending, .shutdownSent, .shutdownReceived, .shutdownAckSent, .ended: throw .associationEnded
        }
        guard Int(stream.rawValue) < outgoingStreams else { throw .streamUnknown(limit: outgoingStreams) }
        try outgoing.append(
            OutgoingMessage(
                payload, stream: stream, payloadProtocol: payloadProtocol, isUnordered: isUnordered,
                reliability: reliability, now: now))
    }

    /// Bytes of the stream that no packet has carried yet (`bufferedAmount` of a data channel).
    public func bufferedAmount(of stream: StreamID) -> Int { outgoing.stream(stream).buffered }

    /// Where `bufferLow` is told, in bytes: when the buffered amount falls to it or below. 0 at first.
    public mutating func setBufferedAmountLowThreshold(_ threshold: Int, of stream: StreamID) {
        precondition(threshold >= 0, "sctp: a threshold is not negative")
        outgoing.setLowThreshold(threshold, of: stream)
    }

    /// Resets our side of the stream when all that was sent on it has gone (RFC 6525). Until then it takes no messages; from then until
    /// the peer has answered they wait. The event `reset` or `resetRefused` follows.
    public mutating func reset(_ stream: StreamID) {
        guard !hasEnded, outgoing.stream(stream).reset == .none else { return }
        outgoing.beginReset(stream)
        resets.want(stream)
    }

    /// Sends what was taken, and then ends (RFC 9260 section 9.2). One that is not established ends at once.
    public mutating func shutdown(now: Instant) {
        switch phase.applicationShutsDown() {
        case .begun: advanceShutdown(now: now)
        case .notEstablished: abort()
        case .repeated: break
        }
    }

    /// Ends at once; the peer is told by ABORT, if it is known (RFC 9260 section 9.1).
    public mutating func abort() {
        guard !hasEnded else { return }
        if let remote = phase.remote {
            reply(tag: remote.tag) { $0.writeChunk(.abort) { $0.writeCause(.userInitiatedAbort) } }
        }
        end(.aborted)
    }

    // MARK: For the parts

    mutating func emit(_ event: AssociationEvent) { events.append(event) }
    mutating func drop(_ reason: SCTPDrop) { drops.add(reason) }

    mutating func reply(tag: UInt32, _ body: (inout ByteWriter) -> Void) {
        if !control.reply(tag: tag, body) { drop(.replyQueueFull) }
    }

    mutating func end(_ how: AssociationEnd) {
        guard !hasEnded else { return }
        phase = .ended
        control.stop()
        control.due = []
        heartbeats.stop()
        outgoing.removeAll()
        incoming = IncomingData(configuration, initialTSN: TSN(0), drops: incoming.dropped)
        emit(.ended(how))
    }

    /// The peer broke a rule: it is told, and the association ends. `peer` where it is not the phase's yet.
    mutating func abort(_ cause: ErrorCause, _ detail: [UInt8] = [], to peer: RemoteEndpoint? = nil) {
        guard let remote = peer ?? phase.remote else { return }
        reply(tag: remote.tag) { $0.writeChunk(.abort) { $0.writeCause(cause) { $0.write(detail) } } }
        end(.peerViolation(cause))
    }

    /// Takes complete messages, resets and low buffers out of the parts.
    mutating func collect() {
        while let message = incoming.nextMessage() { emit(.message(message)) }
        while let streams = resets.nextPeerRequest() { for stream in streams { reset(stream) } }
        while let streams = resets.nextPeerReset() { emit(.peerReset(streams)) }
        while let outcome = resets.nextOutcome() {
            switch outcome {
            case .performed(let streams):
                for stream in streams { outgoing.endReset(stream, isReset: true) }
                emit(.reset(streams))
            case .refused(let streams):
                for stream in streams { outgoing.endReset(stream, isReset: false) }
                emit(.resetRefused(streams))
            }
        }
        while let stream = outgoing.nextLowStream() { emit(.bufferLow(stream)) }
    }
}
