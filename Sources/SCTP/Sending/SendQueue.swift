import Primitives

/// What the application has sent and no packet has carried yet: a queue for each stream, served in turn, message by message
/// (RFC 8831 section 6.4 leaves the order of streams open; without interleaving a message that was begun is ended first).
///
/// Queues are chains through one array, so that streams that come and go ask for no memory.
struct SendQueue: Sendable {
    /// How far the reset of a stream is.
    enum Reset: Sendable {
        case none
        /// What it has is sent, and nothing more is taken.
        case draining
        /// The peer is asked: messages wait for its answer, without numbers (RFC 6525 section 5.1.2, step A).
        case requested
    }

    struct Stream: Sendable {
        /// Of the next ordered message that is begun.
        var sequence: StreamSequence
        /// Bytes that no packet has carried yet, those of the message that was begun included.
        var buffered: Int
        /// Bytes in memory: buffered and on their way.
        var held: Int
        /// Falling to or below it is told.
        var lowThreshold: Int
        /// Whether it is to begin anew.
        var reset: Reset
        fileprivate var first: Int?
        fileprivate var last: Int?

        fileprivate init() {
            sequence = .zero
            buffered = 0
            held = 0
            lowThreshold = 0
            reset = .none
            first = nil
            last = nil
        }

        fileprivate var isForgettable: Bool {
            sequence == .zero && held == 0 && lowThreshold == 0 && reset == .none && first == nil
        }
    }

    private struct Node: Sendable {
        var message: OutgoingMessage?
        var next: Int?
    }

    private var nodes: [Node]
    private var free: Int?
    private var streams: [StreamID: Stream]
    /// Streams that have messages waiting, the next one first.
    private var turn: RingBuffer<StreamID>
    /// Bytes in memory, of all streams.
    private(set) var held: Int
    private var lowStreams: RingBuffer<StreamID>

    init() {
        nodes = []
        free = nil
        streams = [:]
        turn = RingBuffer(capacity: 16)
        held = 0
        lowStreams = RingBuffer(capacity: 4)
    }

    var isEmpty: Bool { turn.isEmpty }
    /// How many streams something is remembered of.
    var streamCount: Int { streams.count }

    subscript(stream: StreamID) -> Stream { streams[stream] ?? Stream() }

    /// A stream whose buffered amount has fallen to its threshold; nil when there is none.
    mutating func nextLowStream() -> StreamID? { lowStreams.popFirst() }

    mutating func append(_ message: OutgoingMessage) {
        let id = message.stream
        var stream = streams[id] ?? Stream()
        let node: Int
        if let reused = free {
            node = reused
            free = nodes[node].next
            nodes[node] = Node(message: message, next: nil)
        } else {
            node = nodes.count
            nodes.append(Node(message: message, next: nil))
        }
        if let last = stream.last {
            nodes[last].next = node
        } else {
            stream.first = node
            if stream.reset != .requested { turn.append(id) }
        }
        stream.last = node
        stream.buffered += message.payload.count
        stream.held += message.payload.count
        held += message.payload.count
        streams[id] = stream
    }

    /// Bytes of the next message; nil when none waits.
    var nextSize: Int? {
        guard let id = turn.first, let node = streams[id]?.first else { return nil }
        return nodes[node].message?.payload.count
    }

    /// The next message, with its number in the stream when it is ordered; nil when none waits.
    mutating func next(now: Instant) -> OutgoingMessage? {
        while let id = turn.popFirst() {
            guard var stream = streams[id], let node = stream.first, var message = nodes[node].message else { continue }
            stream.first = nodes[node].next
            if stream.first == nil { stream.last = nil } else { turn.append(id) }
            nodes[node] = Node(message: nil, next: free)
            free = node
            if !message.isUnordered, !message.isExpired(at: now) {
                message.sequence = stream.sequence
                stream.sequence = stream.sequence.next
            }
            streams[id] = stream
            return message
        }
        return nil
    }

    /// A packet carried so many bytes of the stream, or they will not be sent.
    mutating func noteSent(_ bytes: Int, of id: StreamID) {
        guard var stream = streams[id] else { return }
        let before = stream.buffered
        stream.buffered -= bytes
        if before > stream.lowThreshold, stream.buffered <= stream.lowThreshold { lowStreams.append(id) }
        streams[id] = stream
    }

    /// So many bytes of the stream are no longer in memory.
    mutating func noteReleased(_ bytes: Int, of id: StreamID) {
        held -= bytes
        guard var stream = streams[id] else { return }
        stream.held -= bytes
        streams[id] = stream.isForgettable ? nil : stream
    }

    mutating func setLowThreshold(_ threshold: Int, of id: StreamID) {
        var stream = streams[id] ?? Stream()
        stream.lowThreshold = threshold
        streams[id] = stream.isForgettable ? nil : stream
    }

    /// The stream takes no more messages until it has sent what it has.
    mutating func beginReset(_ id: StreamID) {
        var stream = streams[id] ?? Stream()
        stream.reset = .draining
        streams[id] = stream
    }

    /// The peer is asked.
    mutating func noteResetRequested(_ id: StreamID) { streams[id]?.reset = .requested }

    /// The stream begins anew (RFC 6525 section 5.2.7), or goes on where it was when the peer would not.
    mutating func endReset(_ id: StreamID, isReset: Bool) {
        guard var stream = streams[id] else { return }
        if stream.reset == .requested, stream.first != nil { turn.append(id) }
        stream.reset = .none
        if isReset {
            stream.sequence = .zero
            if stream.first == nil { stream.lowThreshold = 0 }
        }
        streams[id] = stream.isForgettable ? nil : stream
    }

    /// Forgets the streams from this one on, and what waits on them. Returns how many messages that were.
    mutating func discard(from limit: UInt16) -> Int {
        var count = 0
        for (id, stream) in streams where id.rawValue >= limit {
            var next = stream.first
            while let node = next {
                next = nodes[node].next
                nodes[node] = Node(message: nil, next: free)
                free = node
                count += 1
            }
            held -= stream.held
            streams[id] = nil
        }
        return count
    }

    /// Forgets all; the association has ended.
    mutating func removeAll() { self = SendQueue() }
}
