import Primitives

/// Keeps requests for an offer that restarts ICE apart: a path that comes and goes must not make the monitor negotiate
/// without end.
struct RestartRequests {
    /// The time in which the monitor answers one, and its offer finds a path.
    static let pause = Duration.seconds(10)

    private var askedAt: Instant?

    /// There was a reason that allows no delay.
    mutating func asked(now: Instant) { askedAt = now }

    /// Whether one may be sent, which then counts as sent.
    mutating func mayAsk(now: Instant) -> Bool {
        if let askedAt, now - askedAt < RestartRequests.pause { return false }
        askedAt = now
        return true
    }
}
