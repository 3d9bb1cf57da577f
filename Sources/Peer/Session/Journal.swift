import ICE
import Primitives

/// What a session has to tell: events that the driver has not taken, and what was counted and timed.
struct Journal: Sendable {
    var events: RingBuffer<PeerSession.Event>
    var timeline: PeerTimeline
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
}
