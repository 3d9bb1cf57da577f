import CLinux
import Glibc

/// Wakes a thread that waits in an `EventLoop` or in poll(2): an eventfd. Any thread may signal it.
///
/// Signals that come before the waiter looks are one wake-up.
public final class WakeFD: Sendable {
    private let owned: FileDescriptor

    /// - Throws: when the process has no descriptor left.
    public init() throws(SystemError) {
        owned = FileDescriptor(
            takingOwnershipOf: try Syscall.call {
                eventfd(0, Int32(clinux_sock_nonblock | clinux_sock_cloexec))
            }.get("eventfd"))
    }

    /// To be waited on for reading.
    public var descriptor: Int32 { owned.rawValue }

    /// Makes the descriptor readable until `clear`.
    public func signal() {
        var one: UInt64 = 1
        // EAGAIN: the counter is full, so the waiter is being woken already.
        _ = withUnsafeBytes(of: &one) { Syscall.write(owned.rawValue, $0) }
    }

    /// Makes the descriptor unreadable again. Clear first, then look for work, so that no signal is lost.
    ///
    /// - Returns: whether there had been a signal.
    @discardableResult
    public func clear() -> Bool {
        var count: UInt64 = 0
        let outcome = withUnsafeMutableBytes(of: &count) { Syscall.read(owned.rawValue, $0) }
        if case .success = outcome { return true }
        return false
    }

    /// Whether a signal is pending. Takes nothing.
    public var isSignaled: Bool {
        var entry = pollfd(fd: owned.rawValue, events: Int16(POLLIN), revents: 0)
        if case .success(1) = Syscall.call({ poll(&entry, 1, 0) }) { return true }
        return false
    }
}
