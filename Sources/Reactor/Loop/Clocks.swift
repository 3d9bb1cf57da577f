import Glibc
public import Primitives

/// CLOCK_MONOTONIC: the clock of V4L2 and ALSA timestamps, epoll and everything that measures an interval.
public enum MonotonicClock {
    /// Nanoseconds since boot, without the time the machine slept.
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
    /// Nanoseconds since 1970, as the machine believes them.
    public static func now() -> WallClock { WallClock(nanosecondsSince1970: Clock.read(CLOCK_REALTIME)) }
}

extension Moment {
    /// Both clocks now: what a loop asks once per round and passes on.
    public static var now: Moment { Moment(instant: MonotonicClock.now(), wall: SystemWallClock.now()) }
}

/// A point in the life of the running system, whatever its time of day is set to: CLOCK_BOOTTIME and which boot it
/// counts from. Two of the same boot are so far apart as they say; two of different boots cannot be compared.
public struct BootTime: Hashable, Sendable {
    /// The kernel's random name of the boot, `/proc/sys/kernel/random/boot_id`.
    public var boot: String
    /// Since that boot.
    public var nanoseconds: Int64

    /// Only for what was stored before; `now` reads the clock.
    public init(boot: String, nanoseconds: Int64) {
        self.boot = boot
        self.nanoseconds = nanoseconds
    }

    /// Counts the time the machine slept, too.
    public static func now() -> BootTime {
        BootTime(boot: currentBoot, nanoseconds: Clock.read(CLOCK_BOOTTIME))
    }

    /// The kernel's name for this boot.
    private static let currentBoot: String = {
        let descriptor = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 64)
        let count = max(0, read(descriptor, &bytes, bytes.count))
        return String(decoding: bytes[..<count].prefix { $0 > 0x20 }, as: UTF8.self)
    }()
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
