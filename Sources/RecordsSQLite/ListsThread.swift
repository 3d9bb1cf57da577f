internal import Database
internal import Primitives
public import Reactor
public import Records
internal import Service
internal import SessionRules
internal import Synchronization

/// The thread that reads lists and exports, over a connection of its own that only reads: however long those take, crew
/// events and the beginnings of sessions do not wait behind them (`RecordsThread`).
public final class ListsThread: Sendable {
    private let queue: JobQueue<ListRequest>
    private let thread: WorkerThread

    /// - Parameter records: opened to read only.
    /// - Throws: where the kernel gives no thread or descriptor.
    public init(_ records: consuming SQLiteRecords, inbox: some RecordsInbox) throws(SystemError) {
        let queue = try JobQueue<ListRequest>()
        self.queue = queue
        thread = try WorkerThread(name: "lists", owning: records) { records, stop in
            var records = records
            let log = Log("lists")
            while !stop.isRequested {
                while let request = queue.next() {
                    inbox.post(ListsThread.answer(to: request, &records.store, log))
                    if stop.isRequested { return }
                }
                queue.wait(stop, for: .seconds(60))
            }
        }
    }

    private static func answer(to request: ListRequest, _ store: inout Store, _ log: Log) -> RecordAnswer {
        do throws(DatabaseError) {
            return try store.answer(to: request)
        } catch {
            log.repeated(.error, "lists-failed", error.description)
            return .listFailed(request, RecordError(error))
        }
    }

    /// Never waits.
    public func submit(_ request: ListRequest) { queue.submit(request) }

    /// Requests not begun yet.
    public var waiting: Int { queue.count }

    /// Ends the thread. Lists that wait are not answered any more.
    public func stop() {
        queue.close()
        thread.stopAndJoin()
    }
}
