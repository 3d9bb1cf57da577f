// ALSA's header includes poll.h, so the compiler may take its types to be ALSA's.
import CALSA
import Glibc
import Primitives
import Reactor

/// Waiting for devices and wake-ups with poll(2).
enum Poll {
    enum Result {
        /// Something is to be done with the descriptor.
        case ready
        case interrupted
        case timedOut
    }

    /// Waits until `deadline` unless `wake` is signaled before.
    static func sleep(until deadline: Instant, interruptedBy wake: WakeFD?) -> Result {
        wait(for: nil, until: deadline, interruptedBy: wake)
    }

    /// Waits until `descriptor` is readable or has failed.
    static func wait(for descriptor: Int32?, until deadline: Instant, interruptedBy wake: WakeFD?) -> Result {
        withUnsafeTemporaryAllocation(of: pollfd.self, capacity: 2) { entries in
            entries[0] = pollfd(fd: wake?.descriptor ?? -1, events: Int16(POLLIN), revents: 0)
            entries[1] = pollfd(fd: descriptor ?? -1, events: Int16(POLLIN), revents: 0)
            switch wait(UnsafeMutableBufferPointer(rebasing: entries[0..<2]), until: deadline) {
            case .timedOut: return .timedOut
            default: return entries[0].revents != 0 ? .interrupted : .ready
            }
        }
    }

    /// Waits for any of `entries`. Never `.interrupted`.
    static func wait(_ entries: UnsafeMutableBufferPointer<pollfd>, until deadline: Instant) -> Result {
        while true {
            let remaining = max(0, (deadline - MonotonicClock.now()).nanoseconds)
            // Rounded up, so that the deadline has passed when the wait ends.
            let milliseconds = Int32(clamping: (remaining + 999_999) / 1_000_000)
            switch Syscall.call({ poll(entries.baseAddress!, nfds_t(entries.count), milliseconds) }) {
            case .success(0): if MonotonicClock.now() >= deadline { return .timedOut }
            case .success: return .ready
            // Only a shortage of memory is left; the caller sees a time-out and opens again.
            case .failure: return .timedOut
            }
        }
    }
}
