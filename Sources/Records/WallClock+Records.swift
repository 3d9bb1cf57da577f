public import Primitives

extension WallClock {
    /// Milliseconds since 1970, as the records keep times; the fraction is cut towards 1970.
    public var milliseconds: Int64 { nanosecondsSince1970 / 1_000_000 }

    /// From milliseconds since 1970. Wraps beyond the years 1677 to 2262.
    public init(milliseconds: Int64) { self.init(nanosecondsSince1970: milliseconds &* 1_000_000) }

    /// Wraps beyond the years 1677 to 2262.
    public static func - (a: WallClock, b: Duration) -> WallClock {
        WallClock(nanosecondsSince1970: a.nanosecondsSince1970 &- b.nanoseconds)
    }
}
