import CLinux
import Glibc
import Synchronization

/// Tells a thread that it is to end: a flag for loops, and a descriptor for those that sleep in the kernel.
public final class StopFlag: Sendable {
    private let requested: Atomic<Bool>
    /// Signaled once by `request` and never cleared.
    public let wake: WakeFD

    /// - Throws: when the process has no descriptor left.
    public init() throws(SystemError) {
        requested = Atomic(false)
        wake = try WakeFD()
    }

    /// Read with acquire order: what the requester wrote before is seen.
    public var isRequested: Bool { requested.load(ordering: .acquiring) }

    /// Any thread may; a second request changes nothing.
    public func request() {
        requested.store(true, ordering: .releasing)
        wake.signal()
    }
}

/// A named thread of the operating system, for work that blocks: captures, encoders, the network's event loop.
///
/// It must be joined before it is let go, so that no thread outlives what it works on.
public final class WorkerThread: Sendable {
    private enum State {
        case running(pthread_t)
        case joining
        case joined
    }

    private final class Start {
        let name: String
        let body: @Sendable (StopFlag) -> Void
        let stop: StopFlag

        init(name: String, stop: StopFlag, body: @escaping @Sendable (StopFlag) -> Void) {
            self.name = name
            self.stop = stop
            self.body = body
        }
    }

    /// At most 15 bytes of it are what `ps -L` shows.
    public let name: String
    /// The same flag that `body` is given.
    public let stop: StopFlag
    private let state: Mutex<State>

    /// Starts the thread. `body` runs on it and must return soon after the flag it is given is set.
    ///
    /// Signals stay with the thread that owns the `SignalSource`: this one blocks them all.
    public init(
        name: String, stackSize: Int = 512 * 1024, _ body: @escaping @Sendable (StopFlag) -> Void
    ) throws(SystemError) {
        self.name = name
        let stop = try StopFlag()
        self.stop = stop
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        let page = 4096
        let size = (max(stackSize, 64 * 1024) + page - 1) / page * page
        let sized = pthread_attr_setstacksize(&attributes, size)
        precondition(sized == 0, "worker thread: a stack size the system does not accept")

        let start = Unmanaged.passRetained(Start(name: name, stop: stop, body: body))
        var everything = sigset_t()
        var before = sigset_t()
        sigfillset(&everything)
        pthread_sigmask(SIG_SETMASK, &everything, &before)
        var thread = pthread_t()
        let code = pthread_create(
            &thread, &attributes,
            { argument in
                let start = Unmanaged<Start>.fromOpaque(argument!).takeRetainedValue()
                _ = clinux_pthread_setname(pthread_self(), String(start.name.prefix(15)))
                start.body(start.stop)
                return nil
            }, start.toOpaque())
        pthread_sigmask(SIG_SETMASK, &before, nil)
        guard code == 0 else {
            start.release()
            throw SystemError("start of thread \(name)", code)
        }
        state = Mutex(.running(thread))
    }

    /// Asks the thread to end. Returns at once.
    public func requestStop() { stop.request() }

    /// Waits until the thread has ended. Call it once, from another thread.
    public func join() {
        let thread: pthread_t? = state.withLock { state in
            guard case .running(let thread) = state else { return nil }
            state = .joining
            return thread
        }
        guard let thread else { return }
        precondition(pthread_equal(thread, pthread_self()) == 0, "worker thread: a thread cannot wait for itself")
        pthread_join(thread, nil)
        state.withLock { $0 = .joined }
    }

    /// Asks it to end and waits until it has.
    public func stopAndJoin() {
        requestStop()
        join()
    }

    deinit {
        state.withLock { state in
            guard case .joined = state else {
                preconditionFailure("worker thread \(name): let go while it runs")
            }
        }
    }
}
