import Glibc

/// The two clocks a log needs. Everything else is told the time.
enum Clock {
    static func monotonicNanoseconds() -> Int64 { read(CLOCK_MONOTONIC) }
    static func wallNanoseconds() -> Int64 { read(CLOCK_REALTIME) }

    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
    }
}
