public import Primitives

/// Maps the monotonic clock to NTP time for sender reports and capture times (RFC 3550 section 4).
///
/// The mapping is taken once per session and kept: a wall clock that is set during a session must not tear audio and
/// video apart. Peers compare NTP times of one sender only with each other.
public struct NTPClock: Hashable, Sendable {
    /// The time of day when the mapping was taken.
    public let wallClock: WallClock
    /// The same moment on the monotonic clock.
    public let instant: Instant

    /// `wallClock` was read at `instant`.
    public init(_ wallClock: WallClock, at instant: Instant) {
        self.wallClock = wallClock
        self.instant = instant
    }

    /// 32 bits of seconds since 1900, 32 bits of fraction.
    public func ntp(at now: Instant) -> UInt64 { (wallClock + (now - instant)).ntp }

    /// The middle 32 bits, as report blocks carry them.
    public func compactNTP(at now: Instant) -> UInt32 { UInt32(truncatingIfNeeded: ntp(at: now) >> 16) }

    /// 6 bits of seconds, 18 of fraction (abs-send-time).
    public func absoluteSendTime(at now: Instant) -> UInt32 {
        UInt32(truncatingIfNeeded: ntp(at: now) >> 14) & 0xFF_FFFF
    }
}
