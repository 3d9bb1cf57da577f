public import Primitives

/// WebRTC's data channels (RFC 8831) over one association, opened by DCEP (RFC 8832) or by agreement.
///
///     open ─▶ opening ─ACK or a message─▶ open ─close, or the peer's reset─▶ closing ─both directions reset─▶ closed
///
/// A machine like the others: what DTLS has decrypted goes in, packets for DTLS come out. It is made when the DTLS role is known and
/// started when DTLS is connected; channels may be opened and messages sent before.
///
///     var channels = DataChannels(configuration, role: .client, authenticator: …, random: .system)
///     let chat = try channels.open(DataChannelParameters(label: "chat"), now: now)
///     try channels.send(.text(Array("hello".utf8)), on: chat, now: now)
///     channels.start(now: now)
///     while channels.pollTransmit(into: &packet, now: now) { … }
public struct DataChannels: Sendable {
    /// More channels than this are not held, of both sides together.
    public static let maximumChannels = 1024

    /// So many refused channels wait to be closed; what is refused beyond is only counted.
    private static let maximumRefusals = 256

    private var association: Association
    private var table: ChannelTable
    /// Streams whose reset, which the peer has yet to confirm, was for a channel before the one that they have.
    private var reused: Set<StreamID>
    private var events: RingBuffer<DataChannelEvent>
    private var drops: Counter<SCTPDrop>

    /// Channels without association yet.
    ///
    /// - Parameters:
    ///   - role: Our DTLS role: its client opens channels on even streams, its server on odd ones (RFC 8832 section 6).
    ///   - authenticator: For the cookies of this association.
    ///   - random: The kernel's in service.
    ///   - maximumChannels: 1 … 65,535.
    public init(
        _ configuration: AssociationConfiguration, role: DTLSRole, authenticator: CookieAuthenticator,
        random: RandomSource, maximumChannels: Int = DataChannels.maximumChannels
    ) {
        association = Association(configuration, authenticator: authenticator, random: random)
        precondition((1...65_535).contains(maximumChannels), "data channels: 1 to 65,535 channels")
        table = ChannelTable(limit: maximumChannels, parity: role == .client ? 0 : 1)
        reused = []
        events = RingBuffer(capacity: 16)
        drops = Counter()
    }

    // MARK: State

    /// The association is established.
    public var isConnected: Bool { association.isEstablished }
    /// Nothing more happens.
    public var hasEnded: Bool { association.hasEnded }
    /// Channels that are not closed, of both sides.
    public var channelCount: Int { table.size }
    /// What was dropped, by reason.
    public var dropped: Counter<SCTPDrop> {
        var all = drops
        all.add(association.dropped)
        return all
    }
    /// Bytes of messages in memory, in both directions.
    public var heldBytes: Int { association.heldBytes }
    /// How many of our streams something is remembered of.
    public var rememberedStreams: Int { association.rememberedStreams }
    /// The smoothed round trip time; nil before the first measurement.
    public var roundTrip: Duration? { association.roundTrip }
    /// Bytes of data that are on their way.
    public var bytesInFlight: DataSize { association.bytesInFlight }
    /// cwnd, in bytes.
    public var congestionWindow: DataSize { association.congestionWindow }
    /// Whether data would go now with an allowance; see `Association.canSendData`.
    public var canSendData: Bool { association.canSendData }

    /// The oldest event that was not taken yet; nil when there is none. Poll packets behind it: some events have answers.
    public mutating func pollEvent() -> DataChannelEvent? {
        while events.isEmpty {
            guard let event = association.pollEvent() else { return nil }
            handle(event)
        }
        return events.popFirst()
    }

    // MARK: Verbs

    /// DTLS is connected: sends INIT.
    public mutating func start(now: Instant) { association.start(now: now) }

    /// Bytes that DTLS has decrypted: one SCTP packet (RFC 8261 section 4).
    public mutating func handle(_ bytes: Span<UInt8>, now: Instant) {
        association.handle(bytes, now: now)
    }

    /// The next packet for DTLS to encrypt; see `Association.pollTransmit`.
    public mutating func pollTransmit(into packet: inout PacketBuffer, allowance: DataSize? = nil, now: Instant) -> Bool
    {
        association.pollTransmit(into: &packet, allowance: allowance, now: now)
    }

    /// Does what is due by now.
    public mutating func handleTimeout(now: Instant) { association.handleTimeout(now: now) }

    /// When and why to call `handleTimeout`; nil: not before something else happens.
    public var nextTimeout: Wake? { association.nextTimeout }

    /// Sends what was taken, and then ends. Each channel is closed, then `ended` follows.
    public mutating func shutdown(now: Instant) { association.shutdown(now: now) }

    /// Ends at once; the peer is told. DTLS is going to be closed: send what `pollTransmit` still gives.
    public mutating func abort() { association.abort() }

    /// How much longer a round trip may become by the data that is sent; see `Association.giveWay`.
    public mutating func giveWay(_ target: Duration?) { association.giveWay(target) }

    // MARK: Channels

    /// Opens a channel on a free stream of ours. The event `accepted` follows when the peer has it; messages may be sent at once.
    public mutating func open(_ parameters: DataChannelParameters, now: Instant) throws(DataChannelError) -> ChannelID {
        let limit = EstablishmentMessage.maximumTextSize
        guard parameters.label.utf8.count <= limit, parameters.subprotocol.utf8.count <= limit else {
            throw .textTooLong(limit: limit)
        }
        try checkRoom()
        guard let stream = table.freeStream(below: association.outgoingStreams) else { throw .noStreamFree }
        do throws(SendRefusal) {
            try association.send(
                EstablishmentMessage.open(parameters).bytes, on: stream, .establishment, now: now)
        } catch { throw .refused(error) }
        return table.add(on: stream, parameters, .opening, isNegotiated: false)
    }

    /// A channel that both sides agreed on elsewhere, on this stream (`negotiated: true` of the browsers). Nothing is sent.
    public mutating func open(_ parameters: DataChannelParameters, negotiatedOn stream: StreamID)
        throws(DataChannelError) -> ChannelID
    {
        try checkRoom()
        guard Int(stream.rawValue) < association.outgoingStreams, table[stream] == nil else {
            throw .streamUnavailable(stream)
        }
        return table.add(on: stream, parameters, .open, isNegotiated: true)
    }

    private func checkRoom() throws(DataChannelError) {
        guard !association.hasEnded else { throw .refused(.associationEnded) }
        guard !table.isFull else { throw .tooManyChannels(limit: table.limit) }
    }

    /// Takes a message to send, of at most the peer's `a=max-message-size`. An empty one goes as RFC 8831 section 6.6 has it.
    public mutating func send(_ message: DataChannelMessage, on id: ChannelID, now: Instant) throws(DataChannelError) {
        let channel = try usable(id)
        let (payload, payloadProtocol): ([UInt8], PayloadProtocol) =
            switch message {
            case .text(let bytes): bytes.isEmpty ? ([0], .emptyString) : (bytes, .string)
            case .binary(let bytes): bytes.isEmpty ? ([0], .emptyBinary) : (bytes, .binary)
            }
        // "MUST be sent ordered" until the peer is known to have the channel (RFC 8832 section 6).
        let isKnown = if case .open = channel.phase { true } else { false }
        do throws(SendRefusal) {
            try association.send(
                payload, on: channel.stream, payloadProtocol, isUnordered: isKnown && !channel.parameters.isOrdered,
                reliability: channel.parameters.reliability, now: now)
        } catch { throw .refused(error) }
    }

    /// Closes the channel when all that was sent on it has gone: both directions are reset (RFC 8831 section 6.7). The event
    /// `closed` follows. One that is closing or gone stays so.
    public mutating func close(_ id: ChannelID) {
        guard let channel = table[id] else { return }
        switch channel.phase {
        case .opening, .open: beginClosing(channel, peers: false)
        case .closing: break
        }
    }

    /// The stream that a channel uses, its `id` in browsers; nil for one that is gone.
    public func stream(of id: ChannelID) -> StreamID? { table[id]?.stream }
    /// What a channel was opened with; nil for one that is gone.
    public func parameters(of id: ChannelID) -> DataChannelParameters? { table[id]?.parameters }

    /// Bytes that no packet has carried yet; 0 for a channel that is gone.
    public func bufferedAmount(of id: ChannelID) -> Int {
        table[id].map { association.bufferedAmount(of: $0.stream) } ?? 0
    }

    /// Where `bufferedAmountLow` is told, in bytes: when the buffered amount falls to it or below. 0 at first.
    public mutating func setBufferedAmountLowThreshold(_ threshold: Int, of id: ChannelID) throws(DataChannelError) {
        association.setBufferedAmountLowThreshold(threshold, of: try usable(id).stream)
    }

    private func usable(_ id: ChannelID) throws(DataChannelError) -> ChannelTable.Channel {
        guard let channel = table[id] else { throw .channelUnknown }
        if case .closing = channel.phase { throw .channelClosing }
        return channel
    }

    // MARK: What the association says

    private mutating func handle(_ event: AssociationEvent) {
        switch event {
        case .established:
            events.append(.connected)
            // Those that were opened before the peer said how many streams it has.
            for channel in table.all where Int(channel.stream.rawValue) >= association.outgoingStreams {
                gone(channel.id)
            }
        case .restarted:
            reused = []
            for channel in table.all { gone(channel.id) }
            events.append(.connected)
        case .message(let message): handle(message)
        case .peerReset(let streams):
            // No channel is on a stream that the list does not name.
            let channels = streams.isEmpty ? table.all : streams.compactMap { table[$0] }
            for channel in channels { handlePeerReset(channel) }
        case .reset(let streams): for stream in streams { handleReset(stream, isReset: true) }
        case .resetRefused(let streams): for stream in streams { handleReset(stream, isReset: false) }
        case .bufferLow(let stream): if let channel = table[stream] { events.append(.bufferedAmountLow(channel.id)) }
        case .ended(let how):
            for channel in table.all { gone(channel.id) }
            events.append(.ended(how))
        }
    }

    private mutating func gone(_ id: ChannelID) {
        table.remove(id)
        events.append(.closed(id))
    }

    private mutating func beginClosing(_ channel: ChannelTable.Channel, peers: Bool) {
        table.setPhase(.closing(ours: false, peers: peers), of: channel.id)
        association.reset(channel.stream)
    }

    private mutating func handlePeerReset(_ channel: ChannelTable.Channel) {
        switch channel.phase {
        case .opening, .open: beginClosing(channel, peers: true)
        case .closing(let ours, _):
            table.setPhase(.closing(ours: ours, peers: true), of: channel.id)
            if ours { gone(channel.id) }
        }
    }

    private mutating func handleReset(_ stream: StreamID, isReset: Bool) {
        let isEarlier = reused.remove(stream) != nil
        guard let channel = table[stream] else { return }
        if isEarlier {
            if case .closing = channel.phase { association.reset(stream) }
            return
        }
        switch channel.phase {
        case .opening, .open:
            // The peer asked for it by its own request (RFC 6525 section 5.2.3): it closes the channel.
            table.setPhase(.closing(ours: true, peers: false), of: channel.id)
        case .closing(_, let peers):
            // A peer that does not reset will not reset its side either.
            if peers || !isReset { return gone(channel.id) }
            table.setPhase(.closing(ours: true, peers: false), of: channel.id)
        }
    }

    private mutating func handle(_ message: AssociationMessage) {
        if message.payloadProtocol == .establishment { return handleEstablishment(message) }
        guard let channel = table[message.stream] else { return drops.add(.channelUnknown) }
        switch channel.phase {
        case .opening: accept(channel.id)
        case .open, .closing(_, peers: false): break
        // The peer has closed it: this is of a channel that we do not know yet.
        case .closing(_, peers: true): return drops.add(.channelUnknown)
        }
        switch message.payloadProtocol {
        case .string:
            guard String(validating: message.bytes, as: UTF8.self) != nil else { return drops.add(.textInvalid) }
            events.append(.message(channel.id, .text(message.bytes)))
        case .binary: events.append(.message(channel.id, .binary(message.bytes)))
        case .emptyString: events.append(.message(channel.id, .text([])))
        case .emptyBinary: events.append(.message(channel.id, .binary([])))
        default: drops.add(.payloadProtocolUnknown)
        }
    }

    /// Closes our side of a stream whose channel we do not take, so that the peer closes its own.
    private mutating func refuse(_ stream: StreamID) {
        guard association.pendingResets < Self.maximumRefusals else { return }
        association.reset(stream)
    }

    private mutating func accept(_ id: ChannelID) {
        table.setPhase(.open, of: id)
        events.append(.accepted(id))
    }

    private mutating func handleEstablishment(_ message: AssociationMessage) {
        let parsed: EstablishmentMessage
        do { parsed = try EstablishmentMessage(message.bytes.span) } catch {
            drops.add(.establishmentMalformed)
            if table[message.stream] == nil { refuse(message.stream) }
            return
        }
        switch parsed {
        case .acknowledgement:
            guard let channel = table[message.stream] else { return drops.add(.channelUnknown) }
            if case .opening = channel.phase { accept(channel.id) }
        case .open(let parameters):
            // A peer that uses the stream again has closed both directions: only its word that it did is still on its way.
            if let before = table[message.stream], case .closing(_, peers: true) = before.phase {
                reused.insert(message.stream)
                gone(before.id)
            }
            guard table[message.stream] == nil else { return drops.add(.establishmentRefused) }
            guard Int(message.stream.rawValue) % 2 != table.parity,
                Int(message.stream.rawValue) < association.outgoingStreams
            else {
                drops.add(.establishmentRefused)
                return refuse(message.stream)
            }
            guard !table.isFull else {
                drops.add(.tooManyChannels)
                return refuse(message.stream)
            }
            do throws(SendRefusal) {
                // Reliable, so that the time means nothing.
                try association.send(
                    EstablishmentMessage.acknowledgement.bytes, on: message.stream, .establishment, now: .zero)
            } catch {
                drops.add(.establishmentRefused)
                return refuse(message.stream)
            }
            let id = table.add(on: message.stream, parameters, .open, isNegotiated: false)
            events.append(.opened(id, message.stream, parameters))
        }
    }
}
