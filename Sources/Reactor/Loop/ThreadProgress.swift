public import Primitives
import Synchronization

/// When a thread last went round its loop. The thread writes it, the watchdog reads it.
public final class ThreadProgress: Sendable {
    private let last = Atomic<Int64>(0)

    /// Of a thread that has not begun.
    public init() {}

    /// The thread goes round its loop, at `now`.
    public func beat(now: Instant) { last.store(now.nanoseconds, ordering: .relaxed) }

    /// Nil before the first beat and after `rest`.
    public var lastBeat: Instant? {
        let value = last.load(ordering: .relaxed)
        return value == 0 ? nil : Instant(nanoseconds: value)
    }

    /// The thread ended as it should: nobody waits for its next beat.
    public func rest() { last.store(0, ordering: .relaxed) }
}
