import Primitives

/// How many offers a session may make: each costs the network thread a few milliseconds, in which no media leaves. A few at
/// once are a page that negotiates; beyond one a second they wait, and of those that wait only the newest is answered.
struct OfferLimit: Sendable {
    static let burst = 8
    static let spacing = Duration.seconds(1)

    private var tokens: Int
    private var refilledAt: Instant
    private(set) var waiting: String?

    init(now: Instant) {
        tokens = OfferLimit.burst
        refilledAt = now
        waiting = nil
    }

    /// When `take` gives what waits.
    var dueAt: Instant? { waiting == nil ? nil : refilledAt + OfferLimit.spacing }

    /// Whether an offer may be answered now; if not, it waits in place of the one that did.
    mutating func admits(_ sdp: String, now: Instant) -> Bool {
        refill(now: now)
        guard waiting == nil, tokens > 0 else {
            waiting = sdp
            return false
        }
        tokens -= 1
        return true
    }

    /// The offer whose time has come.
    mutating func take(now: Instant) -> String? {
        refill(now: now)
        guard let sdp = waiting, tokens > 0 else { return nil }
        tokens -= 1
        waiting = nil
        return sdp
    }

    private mutating func refill(now: Instant) {
        while tokens < OfferLimit.burst, now - refilledAt >= OfferLimit.spacing {
            tokens += 1
            refilledAt += OfferLimit.spacing
        }
        if tokens == OfferLimit.burst { refilledAt = max(refilledAt, now) }
    }
}
