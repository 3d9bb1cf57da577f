/// A time of day: nanoseconds since 1970-01-01T00:00:00Z. It may jump; never use it for intervals.
public struct WallClock: Hashable, Comparable, Sendable {
    /// Negative before 1970.
    public var nanosecondsSince1970: Int64

    /// Nothing is checked.
    @inlinable public init(nanosecondsSince1970: Int64) { self.nanosecondsSince1970 = nanosecondsSince1970 }

    /// Times beyond the years 1677 to 2262 are taken for the nearest that can be held: certificates without an end
    /// say 9999 (RFC 5280 section 4.1.2.5).
    @inlinable public init(secondsSince1970: Int64) {
        let (nanoseconds, overflow) = secondsSince1970.multipliedReportingOverflow(by: 1_000_000_000)
        nanosecondsSince1970 = !overflow ? nanoseconds : secondsSince1970 > 0 ? .max : .min
    }

    /// The fraction is cut towards 1970.
    @inlinable public var secondsSince1970: Int64 { nanosecondsSince1970 / 1_000_000_000 }

    /// 2025-01-01: before this program was written no clock that is right can have been.
    public static let earliestSane = WallClock(secondsSince1970: 1_735_689_600)

    @inlinable public static func < (a: WallClock, b: WallClock) -> Bool {
        a.nanosecondsSince1970 < b.nanosecondsSince1970
    }
    /// Wraps beyond the years 1677 to 2262.
    @inlinable public static func + (a: WallClock, b: Duration) -> WallClock {
        WallClock(nanosecondsSince1970: a.nanosecondsSince1970 &+ b.nanoseconds)
    }
    /// Negative where `a` is the earlier one.
    @inlinable public static func - (a: WallClock, b: WallClock) -> Duration {
        .nanoseconds(a.nanosecondsSince1970 &- b.nanosecondsSince1970)
    }

    /// NTP timestamp format: seconds since 1900 in the upper 32 bits, fraction in the lower (RFC 3550 section 4).
    @inlinable public var ntp: UInt64 {
        let seconds = UInt64(bitPattern: nanosecondsSince1970 / 1_000_000_000) &+ 2_208_988_800
        let fraction = (UInt64(nanosecondsSince1970 % 1_000_000_000) << 32) / 1_000_000_000
        return (seconds << 32) | fraction
    }
}
