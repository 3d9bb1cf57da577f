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

/// What one client may send.
struct MessageThrottles: Sendable {
    enum Admission: Hashable, Sendable {
        case admitted, refused
        /// It goes on although it has been refused for long.
        case hopeless
    }

    /// Candidates that one client may send at once: more than any machine with interfaces, relays and both families has.
    static let candidateBurst = 256
    /// Seconds' worth of messages that a client may send in vain before it is given up.
    static let patience = 20

    private var messages: MessageThrottle
    /// Candidates come at once, as many as a machine has addresses, and a lost one is sent by nobody again: they have a
    /// bucket of their own.
    private var candidates: MessageThrottle

    init(perSecond: Int, now: Instant) {
        messages = MessageThrottle(perSecond: perSecond, now: now)
        candidates = MessageThrottle(perSecond: perSecond, burst: MessageThrottles.candidateBurst, now: now)
    }

    mutating func take(_ limit: EventRule.Limit, perSecond: Int, now: Instant) -> Admission {
        switch limit {
        case .messages: MessageThrottles.take(&messages, perSecond: perSecond, now: now)
        case .candidates: MessageThrottles.take(&candidates, perSecond: perSecond, now: now)
        }
    }

    private static func take(_ bucket: inout MessageThrottle, perSecond: Int, now: Instant) -> Admission {
        if bucket.admits(perSecond: perSecond, now: now) { return .admitted }
        return bucket.refusedInARow > patience * perSecond ? .hopeless : .refused
    }
}
