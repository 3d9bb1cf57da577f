public import Primitives

/// Virtual time: it moves only when a test moves it.
public struct ManualClock: Sendable {
    public private(set) var now: Instant

    /// Starts at an odd moment, so that code that takes the clock's origin for "never" is found out.
    public init(now: Instant = Instant(nanoseconds: 1_000_000_000_007)) { self.now = now }

    public mutating func advance(by duration: Duration) { advance(to: now + duration) }

    public mutating func advance(to instant: Instant) {
        precondition(instant >= now, "manual clock: time does not run backwards")
        now = instant
    }
}
