internal import Primitives

/// How many messages one socket may send: a bucket that holds one second's worth, or more, and refills evenly.
struct MessageThrottle: Sendable {
    private let burst: Double
    private var tokens: Double
    private var last: Instant
    /// Messages refused since the last one that was let in.
    private(set) var refusedInARow: Int

    /// - Parameter burst: how many may come at once, never less than one second's worth.
    init(perSecond: Int, burst: Int = 0, now: Instant) {
        self.burst = Double(max(perSecond, burst))
        tokens = self.burst
        last = now
        refusedInARow = 0
    }

    mutating func admits(perSecond: Int, now: Instant) -> Bool {
        if now > last {
            tokens = min(burst, tokens + (now - last).seconds * Double(perSecond))
            last = now
        }
        guard tokens >= 1 else {
            refusedInARow += 1
            return false
        }
        tokens -= 1
        refusedInARow = 0
        return true
    }
}
