internal import Primitives

/// How many messages one socket may send: a bucket that holds one second's worth and refills evenly.
struct Throttle: Sendable {
    private var tokens: Double
    private var last: Instant
    /// Messages refused since the last one that was let in.
    private(set) var refusedInARow: Int

    init(perSecond: Int, now: Instant) {
        tokens = Double(perSecond)
        last = now
        refusedInARow = 0
    }

    mutating func admits(perSecond: Int, now: Instant) -> Bool {
        if now > last {
            tokens = min(Double(perSecond), tokens + (now - last).seconds * Double(perSecond))
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
