public import Primitives

/// When a session reached its milestones, for the breakdown of the time to the first picture.
public struct PeerTimeline: Hashable, Sendable {
    /// The session was granted: sockets and certificate are made.
    public var createdAt: Instant
    /// All candidates of ours are known.
    public var gatheredAt: Instant?
    /// The peer's first description arrived.
    public var describedAt: Instant?
    /// ICE has a working pair.
    public var pathFoundAt: Instant?
    /// The keys are there.
    public var handshakeDoneAt: Instant?
    /// The first packet of the first picture has left.
    public var firstVideoPacketAt: Instant?

    /// Nothing else reached yet.
    public init(createdAt: Instant) {
        self.createdAt = createdAt
        gatheredAt = nil
        describedAt = nil
        pathFoundAt = nil
        handshakeDoneAt = nil
        firstVideoPacketAt = nil
    }

    /// Where the time to the first picture went.
    public struct Breakdown: Hashable, Sendable {
        /// From the grant to the peer's description: its part of the signaling.
        public var signaling: Duration?
        /// From the grant until all candidates of ours were known; runs beside the others.
        public var gathering: Duration?
        /// From the description to a path that works.
        public var ice: Duration?
        /// From the path to the keys.
        public var dtls: Duration?
        /// From the keys to the first packet of the first picture.
        public var firstFrame: Duration?
        /// From the description to the first packet of the first picture.
        public var total: Duration?
    }

    /// The differences; nil where a milestone was not reached.
    public var breakdown: Breakdown {
        Breakdown(
            signaling: span(createdAt, describedAt), gathering: span(createdAt, gatheredAt),
            ice: span(describedAt, pathFoundAt), dtls: span(pathFoundAt, handshakeDoneAt),
            firstFrame: span(handshakeDoneAt, firstVideoPacketAt), total: span(describedAt, firstVideoPacketAt))
    }

    private func span(_ start: Instant?, _ end: Instant?) -> Duration? {
        guard let start, let end else { return nil }
        return end - start
    }
}
