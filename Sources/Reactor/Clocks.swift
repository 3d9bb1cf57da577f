import Glibc
public import Primitives

/// CLOCK_MONOTONIC: the clock of V4L2 and ALSA timestamps, epoll and everything that measures an interval.
public enum MonotonicClock {
    public static func now() -> Instant { Instant(nanoseconds: Clock.read(CLOCK_MONOTONIC)) }

    /// Sleeps until `instant` has passed. For threads that keep a pace and have nothing to wait for.
    public static func sleep(until instant: Instant) {
        var time = timespec(instant)
        // clock_nanosleep returns its error; with an absolute time a signal costs only the repetition.
        while clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nil) == EINTR {}
    }
}

/// CLOCK_REALTIME: the time of day, which may jump.
public enum SystemWallClock {
    public static func now() -> WallClock { WallClock(nanosecondsSince1970: Clock.read(CLOCK_REALTIME)) }
}

private enum Clock {
    static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        let result = clock_gettime(clock, &time)
        precondition(result == 0, "clock_gettime on a clock that every Linux has")
        return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
    }
}

extension timespec {
    init(_ instant: Instant) {
        let (seconds, rest) = max(0, instant.nanoseconds).quotientAndRemainder(dividingBy: 1_000_000_000)
        self.init(tv_sec: Int(seconds), tv_nsec: Int(rest))
    }

    init(nonNegative duration: Duration) {
        let (seconds, rest) = max(0, duration.nanoseconds).quotientAndRemainder(dividingBy: 1_000_000_000)
        self.init(tv_sec: Int(seconds), tv_nsec: Int(rest))
    }
}
