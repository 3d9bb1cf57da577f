internal import Database
public import Primitives
public import Reactor
public import Records
internal import Service
internal import Synchronization

/// The thread on which the records live. Requests are submitted from any thread; their answers go to the inbox.
///
/// Requests are performed in the order they came, so that what a kiosk sends in order is kept in order. Between them the thread
/// looks, twice a second, whether another process has changed the records: a disabled account's sockets are gone
/// within a second. Every few seconds it proves that the records can be written.
public final class RecordsThread: Sendable {
    /// What the thread does unasked depends on these.
    public struct Settings: Sendable {
        /// The records' own file.
        public var file: String
        /// How long what is kept.
        public var retention: RetentionPeriods
        /// Bytes that must be free on the file's disk for the records to be well.
        public var leastSpace: Int

        /// What the thread is told at its start.
        public init(file: String, retention: RetentionPeriods, leastSpace: Int) {
            self.file = file
            self.retention = retention
            self.leastSpace = leastSpace
        }
    }

    private let queue: JobQueue<Timed>
    private let thread: WorkerThread
    /// From a request's submission to its end.
    public let latency: LatencyHistogram
    /// When the thread was last between two jobs, in nanoseconds.
    private let lastBeat: Beat

    final class Beat: Sendable {
        let at = Atomic<Int64>(MonotonicClock.now().nanoseconds)
        func now() { at.store(MonotonicClock.now().nanoseconds, ordering: .relaxed) }
    }

    /// A job that takes longer than this hangs.
    private static let longestJob: Duration = .seconds(60)

    /// False when a request hangs.
    public func isAlive(now: Instant) -> Bool {
        now.nanoseconds - lastBeat.at.load(ordering: .relaxed) < RecordsThread.longestJob.nanoseconds
    }

    private struct Timed: Sendable {
        let request: RecordRequest
        let submitted: Instant
    }

    private static let pollInterval: Duration = .milliseconds(400)
    private static let checkInterval: Duration = .seconds(5)
    private static let housekeepingInterval: Duration = .seconds(600)

    /// Between two slices of what has expired.
    private static let slicePause: Duration = .milliseconds(50)

    /// - Parameter wallClock: the time of day.
    /// - Throws: where the kernel gives no thread or descriptor.
    public init(
        _ records: consuming SQLiteRecords, _ settings: Settings, inbox: some RecordsInbox,
        wallClock: @escaping @Sendable () -> WallClock = SystemWallClock.now
    ) throws(SystemError) {
        let queue = try JobQueue<Timed>()
        let latency = LatencyHistogram()
        let beat = Beat()
        self.queue = queue
        self.latency = latency
        lastBeat = beat
        thread = try WorkerThread(name: "records", owning: records) { records, stop in
            var records = records
            RecordsThread.run(&records.store, queue, latency, settings, wallClock, inbox, beat, stop)
        }
    }

    /// Never waits.
    public func submit(_ request: RecordRequest) {
        queue.submit(Timed(request: request, submitted: MonotonicClock.now()))
    }

    /// Requests not begun yet.
    public var waiting: Int { queue.count }

    /// Finishes what was submitted and ends the thread.
    public func stop() {
        queue.close()
        thread.stopAndJoin()
    }

    private static func run(
        _ store: inout Store, _ queue: JobQueue<Timed>, _ latency: LatencyHistogram,
        _ settings: Settings, _ wallClock: @Sendable () -> WallClock, _ inbox: some RecordsInbox, _ beat: Beat,
        _ stop: StopFlag
    ) {
        let log = Log("records")
        var upkeep = Upkeep(
            settings, lastBelieved: (try? store.lastBelieved()) ?? nil,
            now: Moment(instant: MonotonicClock.now(), wall: wallClock()))
        while true {
            // Submitted requests are finished first: nothing that was promised is lost.
            let isEnding = stop.isRequested
            var batch: [Timed] = []
            while batch.count < batchLimit, let next = queue.next() { batch.append(next) }
            if batch.isEmpty, isEnding { return }
            if !batch.isEmpty {
                let moment = Moment(instant: MonotonicClock.now(), wall: wallClock())
                let now = (try? upkeep.housekeeping.time(&store, now: moment)) ?? moment.wall
                let requests = upkeep.owed.ahead(of: batch.map(\.request))
                for answer in answers(to: requests, &store, now: now, log, beat) {
                    upkeep.owed.answered(answer)
                    inbox.post(answer)
                }
                let done = MonotonicClock.now()
                for timed in batch { latency.record(done - timed.submitted) }
            }
            beat.now()
            // Between two batches too: requests may come without end.
            perform(&upkeep, &store, wallClock, inbox, log, beat)
            beat.now()
            if batch.isEmpty {
                let next = min(upkeep.nextLook, upkeep.nextHousekeeping)
                queue.wait(stop, for: max(.milliseconds(1), next - MonotonicClock.now()))
            }
        }
    }

    /// What is done unasked, each at its own pace.
    private struct Upkeep {
        var version: Int64?
        var nextLook: Instant
        var nextCheck: Instant
        var nextHousekeeping: Instant
        var housekeeping: Housekeeping
        var owed: OwedEnds
        /// What the serving thread believes.
        var health: RecordsHealth
        let database: String
        let leastSpace: Int

        init(_ settings: Settings, lastBelieved: WallClock?, now: Moment) {
            version = nil
            nextLook = now.instant
            nextCheck = now.instant
            nextHousekeeping = now.instant
            housekeeping = Housekeeping(settings.retention, lastBelieved: lastBelieved, now: now)
            owed = OwedEnds()
            health = .well
            database = settings.file
            leastSpace = settings.leastSpace
        }
    }

    private static func perform(
        _ upkeep: inout Upkeep, _ store: inout Store, _ wallClock: () -> WallClock, _ inbox: some RecordsInbox,
        _ log: Log, _ beat: Beat
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
        if now >= upkeep.nextLook {
            upkeep.nextLook = now + pollInterval
            _ = tried { () throws(DatabaseError) in
                let current = try store.version()
                guard current != upkeep.version else { return }
                let now = wallClock()
                let directory = try store.read { database throws(DatabaseError) in
                    try Store.directory(now: now, in: &database)
                }
                inbox.post(.directory(directory))
                upkeep.version = current
            }
        }
        if now >= upkeep.nextCheck {
            upkeep.nextCheck = now + checkInterval
            var health: RecordsHealth = tried { () throws(DatabaseError) in try store.check() } ? .well : .unwritable
            if health == .well, !upkeep.owed.isEmpty {
                for answer in answers(to: upkeep.owed.take(), &store, now: wallClock(), log, beat) {
                    upkeep.owed.answered(answer)
                }
            }
            if health == .well, let free = FreeSpace.bytes(besideFile: upkeep.database), free < upkeep.leastSpace {
                health = .littleSpace
            }
            if health != upkeep.health { inbox.post(.health(health)) }
            upkeep.health = health
        }
        if now >= upkeep.nextHousekeeping {
            upkeep.nextHousekeeping = now + housekeepingInterval
            let moment = Moment(instant: now, wall: wallClock())
            _ = tried { () throws(DatabaseError) in
                switch try upkeep.housekeeping.perform(on: &store, now: moment) {
                case .done: break
                case .more: upkeep.nextHousekeeping = now + slicePause
                case .doubted(let expected):
                    log.repeated(
                        .error, "clock-doubted",
                        "the clock says \(moment.wall.text) where \(expected.text) was expected: no record is deleted by "
                            + "its age until the clock is right again or has kept that time for a week")
                }
            }
        }
    }

    /// Requests that came while the disk was busy share the next wait for it: a depot whose kiosks come up at once does not
    /// queue up behind a write each. When one of them fails, each is performed for itself, so that the others do not.
    static func answers(
        to requests: [RecordRequest], _ store: inout Store, now: WallClock, _ log: Log, _ beat: Beat
    ) -> [RecordAnswer] {
        if requests.count > 1 {
            if let together = try? store.answersAtOnce(to: requests, now: now) { return together }
            beat.now()
        }
        var answers: [RecordAnswer] = []
        for request in requests {
            do throws(RecordError) {
                if let answer = try store.answer(to: request, now: now) { answers.append(answer) }
            } catch {
                log.repeated(.error, "records-failed", error.description)
                answers.append(.failed(request, error))
            }
            // Each may wait for another process's lock for as long as the database lets it.
            beat.now()
        }
        return answers
    }

    private static let batchLimit = 64
}
