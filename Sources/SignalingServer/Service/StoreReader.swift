internal import Database
internal import Primitives
internal import Reactor
internal import Service
internal import Synchronization

/// The thread that reads lists and exports, over a connection of its own that only reads: however long those take, crew
/// events and the beginnings of sessions do not wait behind them (`StoreWorker`).
final class StoreReader: Sendable {
    typealias Job = @Sendable (inout Store) throws(DatabaseError) -> ServerMessage

    private struct Pending: Sendable {
        let job: Job
        let failure: ServerMessage
    }

    private let queue: JobQueue<Pending>
    private let thread: WorkerThread

    /// - Parameter store: opened to read only.
    init(_ store: consuming Store, inbox: Inbox) throws(SystemError) {
        let queue = try JobQueue<Pending>()
        self.queue = queue
        thread = try WorkerThread(name: "lists", owning: store) { store, stop in
            var store = store
            let log = Log("lists")
            while !stop.isRequested {
                while let pending = queue.next() {
                    do throws(DatabaseError) {
                        inbox.post(try pending.job(&store))
                    } catch {
                        log.repeated(.error, "lists-failed", error.description)
                        inbox.post(pending.failure)
                    }
                    if stop.isRequested { return }
                }
                queue.wait(stop, for: .seconds(60))
            }
        }
    }

    /// - Parameter failure: what the serving thread hears instead when the records cannot be read.
    func submit(onFailure failure: ServerMessage, _ job: @escaping Job) {
        queue.submit(Pending(job: job, failure: failure))
    }

    var waiting: Int { queue.count }

    /// Ends the thread. Lists that wait are not answered any more.
    func stop() {
        queue.close()
        thread.stopAndJoin()
    }
}
