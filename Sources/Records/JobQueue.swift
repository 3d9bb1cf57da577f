internal import Glibc
internal import Primitives
public import Reactor
internal import Synchronization

/// Jobs for a worker thread, in the order they came.
public final class JobQueue<Job: Sendable>: Sendable {
    private let mailbox: Mailbox<Job>
    private let waiting = Atomic<Int>(0)

    /// - Throws: where the kernel gives no descriptor to wait on.
    public init() throws(SystemError) { mailbox = try Mailbox() }

    /// - Returns: false when the queue is closed.
    @discardableResult
    public func submit(_ job: Job) -> Bool {
        waiting.add(1, ordering: .relaxed)
        guard mailbox.post(job) else {
            waiting.subtract(1, ordering: .relaxed)
            return false
        }
        return true
    }

    /// Jobs not begun yet.
    public var count: Int { waiting.load(ordering: .relaxed) }

    /// Never waits.
    public func next() -> Job? {
        guard let job = mailbox.next() else { return nil }
        waiting.subtract(1, ordering: .relaxed)
        return job
    }

    /// From now on nothing is taken; what waits stays.
    public func close() { mailbox.close() }

    /// Sleeps until there is a job, the thread is to stop, or `limit` is over.
    public func wait(_ stop: StopFlag, for limit: Duration) {
        var descriptors = [mailbox.wake.descriptor, stop.wake.descriptor].map {
            pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
        }
        // However it ends, the caller looks for work and comes back.
        _ = poll(&descriptors, 2, Int32(clamping: limit.nanoseconds / 1_000_000 + 1))
        mailbox.wake.clear()
    }
}
