import Primitives

/// Whether packets cannot leave because the kernel takes no more: a driver that holds its queue, a link that stands still.
///
/// A session with packets that wait wants to be called again at once, again and again, and none of them could leave. The
/// thread therefore waits for the socket to become writable, and calls the session meanwhile once in each `step` for its
/// timers.
struct Backpressure: Sendable {
    /// Short enough for timers that must not be missed: consent that expires, pictures that have waited too long.
    static let step: Duration = .milliseconds(100)

    /// The session is not called before; nil while packets leave.
    private var until: Instant?

    init() { until = nil }

    /// Packets were left in the session.
    mutating func hold(now: Instant) {
        // Packets that arrive meanwhile must not put the call off for ever.
        if until == nil { until = now + Backpressure.step }
    }

    /// The session was emptied, or its time has come.
    mutating func release() { until = nil }

    /// When the session, which wants to be called at `wake`, is called again.
    func postpone(_ wake: Wake?) -> Wake? {
        guard let wake, let until, wake.at < until else { return wake }
        return Wake(at: until, reason: wake.reason)
    }
}
