import AgentSettings
import Database
import Primitives
import Reactor
import Service
import Signaling

private let log = Log("crew")

/// How crew events fare, for the status.
public struct CrewState: Sendable, Equatable {
    /// Whether events can be stored, from best to worst.
    public enum Storage: String, Sendable {
        case ok
        /// The disk is full: events go into the room that was kept for them.
        case reserve
        /// That room is used up too: the last event could not be stored, and the program that sent it was told.
        case full
        /// The file cannot be written for another reason, or not even opened.
        case failed
    }

    /// Events that the server has not acknowledged yet.
    public var waiting = 0
    /// Events that the server refused for good and that a technician has to retry or discard.
    public var rejected = 0
    /// As the latest attempt to store something, or the check of the disk once a minute, showed.
    public var storage = Storage.ok
    /// Where a damaged outbox was put at the start.
    public var damaged: String?

    /// Nothing waits.
    public init() {}

    /// What to do about `storage`; nil where it is as it should be.
    public var remedy: String? {
        switch storage {
        case .ok: nil
        case .reserve, .full: "make room on the disk: journalctl --vacuum-size=100M; du -xh / | sort -h | tail"
        case .failed: "look at the disk: journalctl -k; findmnt -T the state directory"
        }
    }
}

/// The crew's side of the control thread: stores what comes, tells what is to be delivered, keeps the times right.
///
/// An outbox that cannot be opened does not keep the agent from its sessions: events are refused, and opening is tried
/// again.
struct CrewDesk: ~Copyable {
    private let path: String
    /// Nil while the outbox cannot be opened, for `missing`.
    private var storage: CrewStorage?
    private var missing: DatabaseError?
    private var delivery: CrewDelivery
    private var clock: CrewClock?
    /// Events that the server has and that could not be removed from the file yet. After a restart they are sent again, and
    /// the server knows them.
    private var delivered: Set<String>
    private var checkRoomAt: Instant
    private(set) var state: CrewState

    private static let roomInterval = Duration.seconds(60)

    /// - Parameter path: the outbox's file; it and its directory are made when they are not there.
    init(_ path: String, now: Instant) {
        self.path = path
        storage = nil
        missing = nil
        state = CrewState()
        delivery = CrewDelivery()
        clock = nil
        delivered = []
        checkRoomAt = .zero
        open(now: now)
    }

    private mutating func open(now: Instant) {
        do throws(DatabaseError) {
            do throws(StateDirectoryError) {
                try StateDirectory.make(StateDirectory.parent(of: path))
            } catch {
                throw DatabaseError(.inputOutput, "open \(path)", error.description)
            }
            let opened = try CrewStorage(path, wall: SystemWallClock.now())
            if let damaged = opened.damaged {
                log.error("the outbox was damaged and is kept as \(damaged); keep that file, and ask for help with it")
                state.damaged = damaged
            }
            if missing != nil { log.notice("the outbox can be used again") }
            storage = consume opened
            missing = nil
            state.storage = .ok
            correctTimes(at: .now())
            count()
        } catch {
            missing = error
            state.storage = .failed
            checkRoomAt = now + CrewDesk.roomInterval
            log.repeated(
                .error, "outbox-open", "no crew event can be stored: \(error); \(state.remedy ?? "")")
        }
    }

    /// The outbox for one use.
    private mutating func withStorage<Result>(
        _ body: (inout CrewStorage) throws(DatabaseError) -> Result
    ) throws(DatabaseError) -> Result {
        // Taken out and put back: an optional that cannot be copied cannot be borrowed across a throw.
        guard var storage = storage.take() else {
            throw missing ?? DatabaseError(.inputOutput, "open \(path)", "not open")
        }
        do throws(DatabaseError) {
            let result = try body(&storage)
            self.storage = consume storage
            return result
        } catch {
            self.storage = consume storage
            throw error
        }
    }

    /// A disk with room is not checked between events: the next event shows how it is.
    var nextTimeout: Instant? {
        [delivery.nextTimeout, state.storage == .ok ? nil : checkRoomAt].compactMap(\.self).min()
    }

    mutating func handleTimeout(now: Instant) {
        delivery.timeoutReached(now: now)
        if state.storage != .ok, checkRoomAt <= now { judgeRoom(now: now) }
    }

    /// Free space alone proves nothing to a file that could not be written: a quota or a broken disk shows only when
    /// something is.
    private mutating func judgeRoom(now: Instant) {
        guard missing == nil else { return open(now: now) }
        checkRoomAt = now + CrewDesk.roomInterval
        if state.storage == .full || state.storage == .failed {
            do throws(DatabaseError) {
                try withStorage { storage throws(DatabaseError) in try storage.outbox.probe() }
            } catch {
                state.storage = storageState(after: error)
                return
            }
            wasWritten()
        }
        switch (state.storage, diskIsFull) {
        case (.ok, true):
            state.storage = .reserve
            log.error("the disk is full: crew events go into the room kept for them; \(state.remedy ?? "")")
        case (.reserve, false):
            _ = try? withStorage { storage throws(DatabaseError) in storage.keepRoom() }
            state.storage = .ok
            log.notice("there is room on the disk again")
        case (.ok, false), (.reserve, true), (.full, _), (.failed, _): break
        }
    }

    private mutating func wasWritten() {
        guard state.storage == .full || state.storage == .failed else { return }
        log.notice("the outbox can be written again")
        state.storage = .reserve
    }

    private mutating func storageState(after error: DatabaseError) -> CrewState.Storage {
        error.kind == .full || diskIsFull ? .full : .failed
    }

    private var diskIsFull: Bool {
        mutating get { (try? withStorage { storage throws(DatabaseError) in storage.diskIsFull }) ?? false }
    }

    // MARK: storing

    /// What became of an event that was to be stored.
    struct Receipt: Equatable, Sendable {
        var eventId: String
        var occurredAt: String
        /// Whether it was stored before, under the name that the asking program gave it.
        var isRepeated: Bool
    }

    /// Stores an event, once for each name that a program gave it.
    mutating func store(_ entry: CrewEntry) throws(ControlRequest.Refusal) -> Receipt {
        if let eventId = entry.eventId, let occurredAt = timeOfRepeated(eventId) {
            return Receipt(eventId: eventId, occurredAt: occurredAt, isRepeated: true)
        }
        let event = try storeNew(entry)
        return Receipt(eventId: event.eventId, occurredAt: event.occurredAt, isRepeated: false)
    }

    /// Nil also when the outbox cannot be read: it cannot be written either then, and storing reports that.
    private mutating func timeOfRepeated(_ eventId: String) -> String? {
        try? withStorage { storage throws(DatabaseError) in try storage.outbox.handedOver(eventId: eventId) }
    }

    private mutating func storeNew(_ entry: CrewEntry) throws(ControlRequest.Refusal) -> CrewEvent {
        let point = BootTime.now()
        do throws(DatabaseError) {
            let right = clock?.time(at: point)
            let event = try withStorage { storage throws(DatabaseError) in
                try storage.outbox.append(entry, now: SystemWallClock.now(), at: point, right: right)
            }
            log.notice("\(event.kind.rawValue) stored", [LogField("EVENT_ID", event.eventId)])
            wasWritten()
            judgeRoom(now: MonotonicClock.now())
            count()
            return event
        } catch {
            state.storage = storageState(after: error)
            if missing == nil { checkRoomAt = MonotonicClock.now() + CrewDesk.roomInterval }
            log.repeated(.error, "outbox", "a crew event cannot be stored: \(error); \(state.remedy ?? "")")
            throw ControlRequest.Refusal(code: "not-stored", message: "\(error)")
        }
    }

    mutating func lastEvent(of crewId: String) throws(DatabaseError) -> (kind: CrewEvent.Kind, age: Duration)? {
        let point = BootTime.now()
        let now = clock?.time(at: point) ?? SystemWallClock.now()
        return try withStorage { storage throws(DatabaseError) in
            try storage.outbox.lastEvent(of: crewId, now: now, at: point)
        }
    }

    mutating func list() throws(DatabaseError) -> [CrewOutbox.Entry] {
        try withStorage { storage throws(DatabaseError) in try storage.outbox.list() }
    }

    // MARK: what the server refused

    /// A person wants a refused event to go to the server once more.
    /// - Returns: nil when no refused event has this identifier.
    mutating func retry(eventId: String) throws(DatabaseError) -> CrewEvent? {
        let event = try withStorage { storage throws(DatabaseError) in try storage.outbox.retry(eventId: eventId) }
        guard let event else { return nil }
        count()
        log.notice("a refused \(event.kind.rawValue) goes to the server once more", [LogField("EVENT_ID", eventId)])
        return event
    }

    /// A person gives a refused event up.
    /// - Returns: nil when no refused event has this identifier.
    mutating func discard(eventId: String) throws(DatabaseError) -> CrewEvent? {
        let event = try withStorage { storage throws(DatabaseError) in try storage.outbox.discard(eventId: eventId) }
        guard let event else { return nil }
        count()
        log.warning(
            "a refused \(event.kind.rawValue) of \(event.occurredAt) is discarded by hand",
            [LogField("EVENT_ID", eventId)])
        return event
    }

    // MARK: delivering

    mutating func linkRegistered(now: Instant) {
        delivery.registered(clockIsKnown: clock?.time(at: .now()) != nil, now: now)
    }

    mutating func linkLost() { delivery.lost() }

    /// The server's clock minus this machine's, as it was measured just now.
    mutating func clockMeasured(_ offset: Duration) {
        let point = BootTime.now()
        clock = CrewClock(offset: offset, wall: SystemWallClock.now(), at: point)
        correctTimes(at: point)
        delivery.clockBecameKnown()
    }

    private mutating func correctTimes(at point: BootTime) {
        guard let clock, missing == nil else { return }
        do throws(DatabaseError) {
            let changed = try withStorage { storage throws(DatabaseError) in
                try storage.outbox.correct(by: clock, now: point)
            }
            if changed > 0 {
                log.warning(
                    "this machine's clock was wrong when \(changed) crew events happened: their times are corrected or marked"
                )
            }
        } catch {
            log.repeated(.error, "outbox", "the times of crew events cannot be corrected: \(error)")
        }
    }

    /// The event whose turn it is; nil when none may go now.
    mutating func next(now: Instant) -> CrewEvent? {
        guard delivery.isReady, state.waiting > 0 else { return nil }
        do throws(DatabaseError) {
            let event = try withStorage { [delivered] storage throws(DatabaseError) in
                try storage.outbox.oldest(besides: delivered)
            }
            guard let event else { return nil }
            delivery.sent(eventId: event.eventId, now: now)
            return event
        } catch {
            log.repeated(.error, "outbox", "the outbox cannot be read: \(error)")
            return nil
        }
    }

    mutating func answered(eventId: String, _ answer: Acknowledgement, now: Instant) {
        defer { count() }
        switch delivery.answered(eventId: eventId, answer, now: now) {
        case .nothing: break
        case .delivered(let eventId):
            delivered.insert(eventId)
            do throws(DatabaseError) {
                try withStorage { [delivered] storage throws(DatabaseError) in try storage.outbox.remove(delivered) }
                delivered = []
                log.info("crew event delivered", [LogField("EVENT_ID", eventId)])
            } catch {
                log.repeated(.error, "outbox", "a delivered crew event cannot be removed: \(error)")
            }
        case .rejected(let eventId, let reason):
            log.error("the server refuses a crew event for good: \(reason)", [LogField("EVENT_ID", eventId)])
            do throws(DatabaseError) {
                try withStorage { storage throws(DatabaseError) in
                    try storage.outbox.reject(eventId: eventId, reason: reason)
                }
            } catch {
                // It stays the oldest: sent again at once, it would be refused again at once.
                delivery.notRecorded(now: now)
                log.repeated(.error, "outbox", "a refused crew event cannot be marked: \(error)")
            }
        }
    }

    private mutating func count() {
        let counts = try? withStorage { storage throws(DatabaseError) in
            (storage.outbox.waiting, storage.outbox.rejected)
        }
        let (waiting, rejected) = counts ?? (0, 0)
        state.waiting = waiting - delivered.count
        state.rejected = rejected
    }
}
