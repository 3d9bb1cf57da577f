internal import Identity
internal import Primitives
internal import Reactor
internal import Records
internal import Synchronization

/// The thread that hashes passwords: tens of milliseconds each, which no socket may wait for.
final class PasswordWorker: Sendable {
    typealias Job = @Sendable () -> Void

    /// More waiting than this and a log-in is asked to come back: about two seconds' worth.
    static let limit = 48

    private let queue: JobQueue<Job>
    private let thread: WorkerThread

    init() throws(SystemError) {
        let queue = try JobQueue<Job>()
        self.queue = queue
        thread = try WorkerThread(name: "passwords") { stop in
            // Made before the first log-in needs it.
            _ = PasswordHash.decoy
            while !stop.isRequested {
                while let job = queue.next() {
                    job()
                    if stop.isRequested { return }
                }
                queue.wait(stop, for: .seconds(60))
            }
        }
    }

    var isBusy: Bool { queue.count >= PasswordWorker.limit }

    func submit(_ job: @escaping Job) { queue.submit(job) }

    func stop() {
        queue.close()
        thread.stopAndJoin()
    }
}
