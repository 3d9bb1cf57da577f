import ICE
import Primitives

/// What a session has to tell: events that the driver has not taken, and what was counted and timed.
struct Journal: Sendable {
    private var events: RingBuffer<PeerSessionEvent>
    private(set) var timeline: PeerTimeline
    /// Datagrams and frames that were dropped before any protocol machine saw them.
    var drops: Counter<PeerDrop>
    /// DTLS and media that left and that were taken in, over all paths.
    var traffic: PathTraffic

    init(now: Instant) {
        events = RingBuffer(capacity: 32)
        timeline = PeerTimeline(createdAt: now)
        drops = Counter()
        traffic = PathTraffic()
    }

    // MARK: Events

    mutating func report(_ event: PeerSessionEvent) { events.append(event) }

    /// The oldest event not taken yet; nil when there is none.
    mutating func pollEvent() -> PeerSessionEvent? { events.popFirst() }

    /// Events about candidates that stand in a description itself would only repeat it.
    mutating func discardCandidates() {
        for _ in 0..<events.count {
            guard let event = events.popFirst() else { return }
            switch event {
            case .localCandidate, .endOfLocalCandidates: break
            case .nameSocketsNeeded, .nameSocketsIdle, .relayStreamFailed, .relayRefused, .connected,
                .firstVideoPacketSent, .keyframeRequested, .lossReported, .videoBitrateChanged, .audioBitrateChanged,
                .sentKindsChanged, .channel, .disconnected, .reconnected, .restartNeeded, .closed:
                events.append(event)
            }
        }
    }

    // MARK: Milestones

    /// Only the first of each counts.
    mutating func gathered(now: Instant) { timeline.gatheredAt = timeline.gatheredAt ?? now }
    mutating func described(now: Instant) { timeline.describedAt = timeline.describedAt ?? now }
    mutating func pathFound(now: Instant) { timeline.pathFoundAt = timeline.pathFoundAt ?? now }

    /// - Returns: whether it is the first.
    mutating func handshakeDone(now: Instant) -> Bool {
        guard timeline.handshakeDoneAt == nil else { return false }
        timeline.handshakeDoneAt = now
        return true
    }

    /// - Returns: whether it is the first.
    mutating func firstVideoPacketSent(now: Instant) -> Bool {
        guard timeline.firstVideoPacketAt == nil else { return false }
        timeline.firstVideoPacketAt = now
        return true
    }
}
