import Primitives

/// Ta (RFC 8445 section 14.2): two transactions never start closer to each other, whichever of checks, questions to STUN
/// servers and allocations they are. A retransmission starts nothing.
struct StartPacing: Sendable {
    private let interval: Duration
    /// Not before then does the next transaction start.
    private(set) var nextAt: Instant

    init(interval: Duration) {
        self.interval = interval
        nextAt = Instant(nanoseconds: .min)
    }

    func isOpen(now: Instant) -> Bool { now >= nextAt }

    mutating func start(now: Instant) { nextAt = now + interval }
}
