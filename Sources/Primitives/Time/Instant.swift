/// A point on the monotonic clock, in nanoseconds since an arbitrary origin (CLOCK_MONOTONIC of the machine).
///
/// Protocol machines never read it themselves: the driver passes `now` in. Differences are Swift's `Duration`.
public struct Instant: Hashable, Comparable, Sendable {
    /// Nanoseconds since the clock's origin.
    public var nanoseconds: Int64

    /// Nothing is checked; the reactor's clock and simulations make instants.
    @inlinable public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    /// The clock's origin; also where simulated time starts.
    @inlinable public static var zero: Instant { Instant(nanoseconds: 0) }
    /// Later than every real instant.
    @inlinable public static var distantFuture: Instant { Instant(nanoseconds: .max) }

    /// Wraps beyond 64 bits: 292 years.
    @inlinable public static func < (a: Instant, b: Instant) -> Bool { a.nanoseconds < b.nanoseconds }
    @inlinable public static func + (a: Instant, b: Duration) -> Instant {
        Instant(nanoseconds: a.nanoseconds &+ b.nanoseconds)
    }
    /// Wraps beyond 64 bits: 292 years.
    @inlinable public static func - (a: Instant, b: Duration) -> Instant {
        Instant(nanoseconds: a.nanoseconds &- b.nanoseconds)
    }
    /// Negative where `a` is the earlier one.
    @inlinable public static func - (a: Instant, b: Instant) -> Duration {
        .nanoseconds(a.nanoseconds &- b.nanoseconds)
    }
    /// Wraps beyond 64 bits: 292 years.
    @inlinable public static func += (a: inout Instant, b: Duration) { a = a + b }
}

extension Instant: CustomStringConvertible {
    public var description: String { "\(Double(nanoseconds) / 1e9) s" }
}

extension Duration {
    /// Whole nanoseconds; a duration of more than 292 years does not occur here.
    @inlinable public var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds &* 1_000_000_000 &+ attoseconds / 1_000_000_000
    }
    /// Milliseconds with their fraction, for arithmetic on rates and for people.
    @inlinable public var milliseconds: Double { Double(nanoseconds) / 1e6 }
    /// Seconds with their fraction.
    @inlinable public var seconds: Double { Double(nanoseconds) / 1e9 }
}
