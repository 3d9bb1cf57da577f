import Primitives

/// Keeps a synthetic source at its rate, the way a device would: by the monotonic clock, without drift, and without
/// catching up when its reader was late.
struct Pace {
    private var next: Instant?
    private let interval: Duration

    init(every interval: Duration) {
        next = nil
        self.interval = interval
    }

    /// When the next unit is due, and how many were missed since the last one. The first is due at once.
    mutating func advance(now: Instant) -> (due: Instant, missed: Int) {
        guard let planned = next else {
            next = now + interval
            return (now, 0)
        }
        let late = max(0, (now - planned).nanoseconds)
        let missed = late / max(1, interval.nanoseconds)
        let due = planned + .nanoseconds(missed * interval.nanoseconds)
        next = due + interval
        return (due, Int(missed))
    }
}
