/// A position on a media timeline: ticks of an RTP clock (90 kHz for video, 48 kHz for Opus), unwrapped.
public struct MediaTime: Hashable, Sendable {
    /// May be negative: before the origin.
    public var ticks: Int64
    /// Ticks per second.
    public var rate: Int32

    /// `rate` must be positive.
    @inlinable public init(ticks: Int64, rate: Int32) {
        self.ticks = ticks
        self.rate = rate
    }

    /// The tick of a timeline that began at `origin`, at the time `instant` was captured.
    @inlinable public init(_ instant: Instant, since origin: Instant, rate: Int32) {
        let elapsed = instant.nanoseconds &- origin.nanoseconds
        let (seconds, rest) = elapsed.quotientAndRemainder(dividingBy: 1_000_000_000)
        self.init(ticks: seconds &* Int64(rate) &+ rest &* Int64(rate) / 1_000_000_000, rate: rate)
    }

    /// The 32 bits that travel in an RTP header, after a random offset is added (RFC 3550 section 5.1).
    @inlinable public func rtpTimestamp(offset: UInt32) -> UInt32 {
        UInt32(truncatingIfNeeded: ticks) &+ offset
    }
}
