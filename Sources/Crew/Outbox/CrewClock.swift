import Primitives
import Reactor
import Signaling

/// The server's time, kept as an offset from the time since boot, so that later changes of this machine's clock do not
/// affect it.
struct CrewClock: Sendable, Equatable {
    /// The boot that is meant, and the server's time when it began.
    private(set) var boot: String
    private(set) var epoch: WallClock

    /// A smaller difference is not corrected: heartbeats measure to some hundred milliseconds.
    static let tolerance = Duration.seconds(5)

    /// - Parameter offset: the server's clock minus this machine's.
    init(offset: Duration, wall: WallClock, at: BootTime) {
        boot = at.boot
        epoch = wall + offset + .nanoseconds(-at.nanoseconds)
    }

    /// The right time at a point of this boot; nil for another.
    func time(at point: BootTime) -> WallClock? {
        point.boot == boot ? epoch + .nanoseconds(point.nanoseconds) : nil
    }

    /// What to write for an event: the clock's time, or the right one when they differ.
    static func judge(_ wall: WallClock, _ right: WallClock?) -> (time: WallClock, clock: CrewEvent.Clock?) {
        guard let right else { return (wall, nil) }
        return (right - wall > tolerance || wall - right > tolerance) ? (right, .corrected) : (wall, nil)
    }
}
