public import Primitives

/// Now, on both clocks: intervals are measured on the one, records are dated by the other.
public struct Moment: Hashable, Sendable {
    public var instant: Instant
    public var wall: WallClock

    public init(instant: Instant, wall: WallClock) {
        self.instant = instant
        self.wall = wall
    }
}
