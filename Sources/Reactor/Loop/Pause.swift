import Glibc
import Primitives

/// Waiting for a wake-up and nothing else, for threads without an event loop.
public enum Pause {
    /// Until `wake` is signaled, or so long. Takes nothing from `wake`. May end early.
    public static func wait(for wake: WakeFD, atMost limit: Duration? = nil) {
        var entry = pollfd(fd: wake.descriptor, events: Int16(POLLIN), revents: 0)
        let milliseconds = limit.map { Int32(clamping: ($0.nanoseconds + 999_999) / 1_000_000) } ?? -1
        _ = poll(&entry, 1, milliseconds)
    }
}
