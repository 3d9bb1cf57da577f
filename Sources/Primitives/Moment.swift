/// Now, on both clocks: intervals are measured on the one, records are dated by the other.
public struct Moment: Hashable, Sendable {
    /// Monotonic: what deadlines are reckoned by.
    public var instant: Instant
    /// The time of day, which may be set.
    public var wall: WallClock

    /// The same moment on both clocks.
    public init(instant: Instant, wall: WallClock) {
        self.instant = instant
        self.wall = wall
    }
}
