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

    /// At most 15 bytes of it are what `ps -L` shows.
    public let name: String
    /// The same flag that `body` is given.
    public let stop: StopFlag
    private let state: Mutex<State>

    /// Starts the thread. `body` runs on it and must return soon after the flag it is given is set.
    public init(
        name: String, stackSize: Int = 512 * 1024, _ body: @escaping @Sendable (StopFlag) -> Void
    ) throws(SystemError) {
        self.name = name
        let stop = try StopFlag()
        self.stop = stop
        let thread = try SystemThread.start(name: name, stackSize: stackSize) { body(stop) }
        state = Mutex(.running(thread))
    }

    /// The same with something that only the thread uses from now on, and that goes with it.
    public convenience init<Owned: ~Copyable>(
        name: String, owning owned: consuming sending Owned,
        _ body: @escaping @Sendable (consuming Owned, StopFlag) -> Void
    ) throws(SystemError) {
        let handover = Handover(owned)
        try self.init(name: name) { stop in
            guard let owned = handover.take() else { return }
            body(owned, stop)
        }
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
