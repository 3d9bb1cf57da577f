internal import Configuration
internal import Database
internal import Primitives
internal import Reactor
internal import Service
internal import Synchronization

/// The thread on which the records live. Whoever needs them submits a job; its answer goes to the serving thread.
///
/// Jobs run in the order they came, so that what a kiosk sends in order is kept in order. Between jobs the thread
/// looks, twice a second, whether another process has changed the records: a disabled account's sockets are gone
/// within a second. Every few seconds it proves that the records can be written.
final class StoreWorker: Sendable {
    /// What it does outside the records is done again when a batch fails and its jobs run one by one: whatever follows
    /// from it is for the message that it returns.
    typealias Job = @Sendable (inout Store) throws(DatabaseError) -> ServerMessage?

    private let queue: JobQueue<Timed>
    private let thread: WorkerThread
    let latency: LatencyHistogram
    /// When the thread was last between two jobs, in nanoseconds.
    private let lastBeat: Beat

    private final class Beat: Sendable {
        let at = Atomic<Int64>(MonotonicClock.now().nanoseconds)
        func now() { at.store(MonotonicClock.now().nanoseconds, ordering: .relaxed) }
    }

    /// A job that takes longer than this hangs.
    private static let longestJob: Duration = .seconds(60)

    func isAlive(now: Instant) -> Bool {
        now.nanoseconds - lastBeat.at.load(ordering: .relaxed) < StoreWorker.longestJob.nanoseconds
    }

    private struct Timed: Sendable {
        let job: Job
        let submitted: Instant
        /// What the serving thread hears when the records fail.
        let failure: ServerMessage?
    }

    private static let pollInterval: Duration = .milliseconds(400)
    private static let checkInterval: Duration = .seconds(5)
    private static let housekeepingInterval: Duration = .seconds(600)

    /// Between two slices of what has expired.
    private static let slicePause: Duration = .milliseconds(50)

    /// - Parameter wallClock: the time of day.
    init(
        _ store: consuming Store, _ configuration: ServerConfiguration, inbox: Inbox,
        wallClock: @escaping @Sendable () -> WallClock = SystemWallClock.now
    ) throws(SystemError) {
        let queue = try JobQueue<Timed>()
        let latency = LatencyHistogram()
        let beat = Beat()
        self.queue = queue
        self.latency = latency
        lastBeat = beat
        thread = try WorkerThread(name: "records", owning: store) { store, stop in
            var store = store
            StoreWorker.run(&store, queue, latency, configuration, wallClock, inbox, beat, stop)
        }
    }

    /// - Parameter failure: what the serving thread hears instead when the records fail.
    func submit(onFailure failure: ServerMessage? = nil, _ job: @escaping Job) {
        queue.submit(Timed(job: job, submitted: MonotonicClock.now(), failure: failure))
    }

    var waiting: Int { queue.count }

    /// Finishes what was submitted and ends the thread.
    func stop() {
        queue.close()
        thread.stopAndJoin()
    }

    private static func run(
        _ store: inout Store, _ queue: JobQueue<Timed>, _ latency: LatencyHistogram,
        _ configuration: ServerConfiguration, _ wallClock: @Sendable () -> WallClock, _ inbox: Inbox, _ beat: Beat,
        _ stop: StopFlag
    ) {
        let log = Log("records")
        var chores = Chores(
            configuration, lastBelieved: (try? store.lastBelieved()) ?? nil,
            now: Moment(instant: MonotonicClock.now(), wall: wallClock()))
        while true {
            // Submitted jobs are finished first: nothing that was promised is lost.
            let isEnding = stop.isRequested
            var batch: [Timed] = []
            while batch.count < batchLimit, let next = queue.next() { batch.append(next) }
            if batch.isEmpty, isEnding { return }
            if !batch.isEmpty {
                perform(batch, &store, inbox, log, beat)
                let done = MonotonicClock.now()
                for timed in batch { latency.record(done - timed.submitted) }
            }
            beat.now()
            // Between two batches too: jobs may come without end.
            perform(&chores, &store, wallClock, inbox, log)
            beat.now()
            if batch.isEmpty {
                let next = min(chores.nextLook, chores.nextHousekeeping)
                queue.wait(stop, for: max(.milliseconds(1), next - MonotonicClock.now()))
            }
        }
    }

    /// What is done unasked, each at its own pace.
    private struct Chores {
        var version: Int64?
        var nextLook: Instant
        var nextCheck: Instant
        var nextHousekeeping: Instant
        var housekeeping: Housekeeping
        /// What the serving thread believes.
        var health: RecordsHealth
        let database: String
        let leastSpace: Int

        init(_ configuration: ServerConfiguration, lastBelieved: WallClock?, now: Moment) {
            version = nil
            nextLook = now.instant
            nextCheck = now.instant
            nextHousekeeping = now.instant
            housekeeping = Housekeeping(configuration.retention, lastBelieved: lastBelieved, now: now)
            health = .well
            database = configuration.database
            leastSpace = configuration.limits.freeSpace.bytes
        }
    }

    private static func perform(
        _ chores: inout Chores, _ store: inout Store, _ wallClock: () -> WallClock, _ inbox: Inbox, _ log: Log
    ) {
        func tried(_ body: () throws(DatabaseError) -> Void) -> Bool {
            do throws(DatabaseError) {
                try body()
                return true
            } catch {
                log.repeated(.error, "records-failed", error.description)
                return false
            }
        }
        let now = MonotonicClock.now()
        if now >= chores.nextLook {
            chores.nextLook = now + pollInterval
            _ = tried { () throws(DatabaseError) in
                let current = try store.version()
                guard current != chores.version else { return }
                inbox.post(.directory(try store.directory(now: wallClock())))
                chores.version = current
            }
        }
        if now >= chores.nextCheck {
            chores.nextCheck = now + checkInterval
            var health: RecordsHealth = tried { () throws(DatabaseError) in try store.check() } ? .well : .unwritable
            if health == .well, let free = FreeSpace.bytes(besideFile: chores.database), free < chores.leastSpace {
                health = .littleSpace
            }
            if health != chores.health { inbox.post(.recordsChecked(health)) }
            chores.health = health
        }
        if now >= chores.nextHousekeeping {
            chores.nextHousekeeping = now + housekeepingInterval
            let moment = Moment(instant: now, wall: wallClock())
            _ = tried { () throws(DatabaseError) in
                switch try chores.housekeeping.perform(on: &store, now: moment) {
                case .done: break
                case .more: chores.nextHousekeeping = now + slicePause
                case .doubted(let expected):
                    log.repeated(
                        .error, "clock-doubted",
                        "the clock says \(moment.wall.text) where \(expected.text) was expected: no record is deleted by "
                            + "its age until the clock is right again or has kept that time for a week")
                }
            }
        }
    }

    /// Jobs that came while the disk was busy share the next wait for it: a depot whose kiosks come up at once does not
    /// queue up behind a write each.
    private static func perform(
        _ batch: [Timed], _ store: inout Store, _ inbox: Inbox, _ log: Log, _ beat: Beat
    ) {
        if batch.count > 1 {
            let together = try? store.recordTransaction { store throws(DatabaseError) in
                var answers: [ServerMessage] = []
                for timed in batch {
                    if let answer = try timed.job(&store) { answers.append(answer) }
                }
                return answers
            }
            if let together {
                // Nothing is answered before all of it is on the disk.
                for answer in together { inbox.post(answer) }
                return
            }
            beat.now()
        }
        // One of them fails: each for itself, so that the others do not.
        for timed in batch {
            do throws(DatabaseError) {
                if let answer = try timed.job(&store) { inbox.post(answer) }
            } catch {
                log.repeated(.error, "records-failed", error.description)
                if let failure = timed.failure { inbox.post(failure) }
            }
            // Each may wait for another process's lock for as long as the database lets it.
            beat.now()
        }
    }

    private static let batchLimit = 64
}

/// How the records fare, for `/readyz`.
enum RecordsHealth: Equatable, Sendable {
    case well
    case unwritable
    /// Less than `limits.freeSpace` is left on their disk.
    case littleSpace
}
