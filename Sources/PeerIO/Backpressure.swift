import Primitives

/// Whether packets cannot leave because the kernel takes no more: a driver that holds its queue, a link that stands still.
///
/// What waits in a session makes it ask for the next moment at once, again and again, and none of it could leave then.
/// The writable socket is what the thread waits for; the session's own time goes on meanwhile in steps.
struct Backpressure: Sendable {
    /// Often enough for what must not be missed: consent that expires, pictures that have waited too long.
    static let step: Duration = .milliseconds(100)

    /// Nothing is asked of the session before; nil while packets leave.
    private var until: Instant?

    init() { until = nil }

    /// Packets were left in the session.
    mutating func hold(now: Instant) {
        // What comes in meanwhile must not put the step off for ever.
        if until == nil { until = now + Backpressure.step }
    }

    /// The session was emptied, or its time has come.
    mutating func release() { until = nil }

    /// When the session is called again, which wants it at `wake`.
    func postpone(_ wake: Wake?) -> Wake? {
        guard let wake, let until, wake.at < until else { return wake }
        return Wake(at: until, reason: wake.reason)
    }
}
