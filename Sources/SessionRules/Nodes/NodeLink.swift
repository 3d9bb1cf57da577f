public import Primitives

/// One node's end of the way to another, over a bus that delays, repeats and loses: while both hear each other, each message arrives once
/// and in order.
///
///     apart ──a frame that answers our life──▶ joined ──silence, or a greater life of the other──▶ apart
///
/// A life is one span in which a node has kept its end. Whoever gives the other one up begins a new life, and a frame counts only when it
/// names the present lives of both, so that nothing of before is taken for something of now. Numbers begin anew with each pair of lives.
/// Frames are sent again until they are acknowledged, all of them in order (go-back-N): nodes are few, and loss between them is rare.
public struct NodeLink: Sendable {
    /// Orders the lives of one node: by its starts, and within one start by how often it gave the other up.
    public struct Life: Hashable, Comparable, Sendable {
        /// A number that grows with every start of the node, whatever clocks do: the records count them.
        public var start: UInt64
        /// How often the other node was given up since.
        public var connection: UInt64

        public static func < (a: Life, b: Life) -> Bool { (a.start, a.connection) < (b.start, b.connection) }
    }

    /// What travels over the bus.
    public struct Frame: Hashable, Sendable {
        /// The sender's.
        public var life: Life
        /// The life of the receiver that the sender has heard; nil before it has heard any.
        public var hears: Life?
        /// The greatest number up to which everything has arrived.
        public var acknowledged: UInt64
        /// From 1; 0 without a message.
        public var sequence: UInt64
        /// Nil for a beat or an acknowledgement alone.
        public var message: NodeMessage?
    }

    /// What became of the link.
    public enum Event: Hashable, Sendable {
        /// Both hear each other, and know nothing of each other yet.
        case joined
        /// The other is gone, or has forgotten us.
        /// - Parameter undelivered: what it has not acknowledged; it may have arrived all the same.
        case left(undelivered: [NodeMessage])
        case received(NodeMessage)
    }

    private struct Joined: Sendable {
        /// The next to be received.
        var expected: UInt64 = 1
        var nextSequence: UInt64 = 1
        var unacknowledged: [(sequence: UInt64, message: NodeMessage)] = []
        var resendsAt: Instant?
    }

    private enum Phase: Sendable {
        case apart
        case joined(Joined)
    }

    /// After so long without a frame the other is gone.
    public static let silenceLimit: Duration = .seconds(5)
    static let beatInterval: Duration = .seconds(1)
    static let resendInterval: Duration = .milliseconds(300)
    /// Messages that may wait for their acknowledgement. One who is further behind is given up.
    static let waitingLimit = 10_000

    private var life: Life
    private var other: Life?
    private var phase: Phase
    private var lastHeard: Instant
    private var beatsAt: Instant
    private var events: [Event]
    private var frames: [Frame]

    /// - Parameter start: greater than at every earlier start of this node.
    public init(start: UInt64, now: Instant) {
        life = Life(start: start, connection: 0)
        other = nil
        phase = .apart
        lastHeard = now
        beatsAt = now
        events = []
        frames = []
    }

    /// Whether both hear each other.
    public var isJoined: Bool {
        switch phase {
        case .apart: false
        case .joined: true
        }
    }

    /// What happened, in order.
    public mutating func takeEvents() -> [Event] {
        defer { events = [] }
        return events
    }

    /// What to put on the bus, in order.
    public mutating func takeFrames() -> [Frame] {
        defer { frames = [] }
        return frames
    }

    /// Sends a message; one to a node that is apart goes nowhere, because who joins is told everything.
    public mutating func send(_ message: NodeMessage, now: Instant) {
        guard case .joined(var joined) = phase else { return }
        joined.unacknowledged.append((joined.nextSequence, message))
        frames.append(frame(joined, joined.nextSequence, message))
        joined.nextSequence += 1
        joined.resendsAt = joined.resendsAt ?? now + NodeLink.resendInterval
        phase = .joined(joined)
        if joined.unacknowledged.count > NodeLink.waitingLimit { giveUp() }
    }

    /// A frame came off the bus.
    public mutating func received(_ frame: Frame, now: Instant) {
        if let other, frame.life < other { return }
        if other != frame.life {
            leave()
            other = frame.life
            beatsAt = now
        }
        lastHeard = now
        guard frame.hears == life else { return }
        if !isJoined {
            phase = .joined(Joined())
            events.append(.joined)
        }
        guard case .joined(var joined) = phase else { return }
        let arrived = joined.unacknowledged.prefix { $0.sequence <= frame.acknowledged }.count
        if arrived > 0 {
            joined.unacknowledged.removeFirst(arrived)
            joined.resendsAt = joined.unacknowledged.isEmpty ? nil : now + NodeLink.resendInterval
        }
        if let message = frame.message {
            if frame.sequence == joined.expected {
                joined.expected += 1
                events.append(.received(message))
            }
            // Also for a repeated one: its acknowledgement was lost.
            frames.append(self.frame(joined, 0, nil))
        }
        phase = .joined(joined)
    }

    /// Gives up one that is silent, sends again, beats.
    public mutating func handleTimeout(now: Instant) {
        if isJoined, lastHeard + NodeLink.silenceLimit <= now { giveUp() }
        if case .joined(var joined) = phase, let resendsAt = joined.resendsAt, resendsAt <= now {
            for (sequence, message) in joined.unacknowledged { frames.append(frame(joined, sequence, message)) }
            joined.resendsAt = now + NodeLink.resendInterval
            phase = .joined(joined)
        }
        guard beatsAt <= now else { return }
        beatsAt = now + NodeLink.beatInterval
        switch phase {
        case .apart: frames.append(frame(Joined(), 0, nil))
        case .joined(let joined): frames.append(frame(joined, 0, nil))
        }
    }

    /// When `handleTimeout` is to be called next at the latest.
    public var nextTimeout: Instant {
        guard case .joined(let joined) = phase else { return beatsAt }
        return min(beatsAt, lastHeard + NodeLink.silenceLimit, joined.resendsAt ?? .distantFuture)
    }

    private func frame(_ joined: Joined, _ sequence: UInt64, _ message: NodeMessage?) -> Frame {
        Frame(
            life: life, hears: other, acknowledged: joined.expected - 1, sequence: sequence, message: message)
    }

    private mutating func giveUp() {
        leave()
        life.connection += 1
    }

    private mutating func leave() {
        guard case .joined(let joined) = phase else { return }
        phase = .apart
        events.append(.left(undelivered: joined.unacknowledged.map(\.message)))
    }
}
