/// Which channels there are, by their number and by their stream.
struct ChannelTable: Sendable {
    /// How far a channel is.
    enum Phase: Sendable {
        /// We opened it, and the peer has neither acknowledged it nor sent a message. Next: open, closing.
        case opening
        /// Next: closing.
        case open
        /// Each direction's reset: what is true has happened. Next: gone, with both.
        case closing(ours: Bool, peers: Bool)
    }

    struct Channel: Sendable {
        let id: ChannelID
        let stream: StreamID
        var parameters: DataChannelParameters
        var phase: Phase
        /// Both sides know it without being told.
        let isNegotiated: Bool
    }

    let limit: Int
    private var byID: [ChannelID: Channel]
    private var byStream: [StreamID: ChannelID]
    private var count: UInt64
    /// The lowest stream of our parity that may be free.
    private var hint: Int
    /// Of our streams: 0 even, 1 odd.
    let parity: Int

    init(limit: Int, parity: Int) {
        self.limit = limit
        self.parity = parity
        byID = [:]
        byStream = [:]
        count = 0
        hint = parity
    }

    var isFull: Bool { byID.count >= limit }
    var size: Int { byID.count }
    /// In the order of opening.
    var all: [Channel] { byID.values.sorted { $0.id < $1.id } }

    subscript(id: ChannelID) -> Channel? { byID[id] }
    subscript(stream: StreamID) -> Channel? { byStream[stream].flatMap { byID[$0] } }

    /// The lowest free stream of our parity below `end`.
    mutating func freeStream(below end: Int) -> StreamID? {
        while hint < end, byStream[StreamID(UInt16(hint))] != nil { hint += 2 }
        return hint < end ? StreamID(UInt16(hint)) : nil
    }

    mutating func add(
        on stream: StreamID, _ parameters: DataChannelParameters, _ phase: Phase, isNegotiated: Bool
    ) -> ChannelID {
        count += 1
        let id = ChannelID(rawValue: count)
        byID[id] = Channel(
            id: id, stream: stream, parameters: parameters, phase: phase, isNegotiated: isNegotiated)
        byStream[stream] = id
        return id
    }

    mutating func setPhase(_ phase: Phase, of id: ChannelID) { byID[id]?.phase = phase }

    mutating func remove(_ id: ChannelID) {
        guard let channel = byID.removeValue(forKey: id) else { return }
        byStream[channel.stream] = nil
        if Int(channel.stream.rawValue) % 2 == parity { hint = min(hint, Int(channel.stream.rawValue)) }
    }
}
