import CLinux
import Glibc

/// The signals that end a service or make it read its configuration again, as readable events (signalfd).
///
/// Make it on the main thread before any other thread starts: from then on the signals are blocked everywhere and
/// come only from here. SIGPIPE is ignored.
public struct SignalSource: ~Copyable, Sendable {
    /// SIGHUP, SIGINT and SIGTERM.
    public enum Signal: Int32, Sendable, CaseIterable {
        case hangup = 1
        case interrupt = 2
        case terminate = 15
    }

    private let owned: FileDescriptor

    /// Blocks the signals for the calling thread and all that it starts, and ignores SIGPIPE.
    public init() throws(SystemError) {
        var set = sigset_t()
        sigemptyset(&set)
        for signal in Signal.allCases { sigaddset(&set, signal.rawValue) }
        let code = pthread_sigmask(SIG_BLOCK, &set, nil)
        guard code == 0 else { throw SystemError("pthread_sigmask", code) }
        signal(SIGPIPE, SIG_IGN)
        owned = FileDescriptor(
            takingOwnershipOf: try Syscall.call {
                signalfd(-1, &set, Int32(clinux_sock_nonblock | clinux_sock_cloexec))
            }.get("signalfd"))
    }

    /// For the event loop.
    public var descriptor: Int32 { owned.rawValue }

    /// The next signal that has arrived, or nil.
    public mutating func next() -> Signal? {
        var information = signalfd_siginfo()
        let outcome = withUnsafeMutableBytes(of: &information) { Syscall.read(owned.rawValue, $0) }
        guard case .success(let count) = outcome, count == MemoryLayout<signalfd_siginfo>.size else { return nil }
        return Signal(rawValue: Int32(information.ssi_signo))
    }
}
