import Database
import Primitives
import Reactor
import Service
import Signaling

private let log = Log("crew")

/// How crew events fare, for the status.
struct CrewState: Sendable, Equatable {
    enum Storage: String, Sendable {
        case ok
        /// The disk is full: events go into the room that was kept for them.
        case reserve
        /// Not even that: the last event could not be stored, and whoever brought it was told.
        case full
        /// The file cannot be written for another reason.
        case failed
    }

    var waiting = 0
    var rejected = 0
    var storage = Storage.ok
    /// Where a damaged outbox was put at the start.
    var damaged: String?

    var remedy: String? {
        switch storage {
        case .ok: nil
        case .reserve, .full: "make room on the disk: journalctl --vacuum-size=100M; du -xh / | sort -h | tail"
        case .failed: "look at the disk: journalctl -k; findmnt -T the state directory"
        }
    }
}

/// The crew's side of the control thread: stores what comes, tells what is to be delivered, keeps the times right.
struct CrewDesk: ~Copyable {
    private var storage: CrewStorage
    private var delivery: CrewDelivery
    private var clock: CrewClock?
    /// What the server has and the disk would not let go of yet. After a restart it is sent again, and the server knows it.
    private var delivered: Set<String>
    private var checkRoomAt: Instant
    private(set) var state: CrewState

    private static let roomInterval = Duration.seconds(60)

    init(_ storage: consuming CrewStorage) {
        state = CrewState()
        state.damaged = storage.damaged
        delivery = CrewDelivery()
        clock = nil
        delivered = []
        checkRoomAt = .zero
        if let damaged = storage.damaged {
            log.error("the outbox was damaged and is kept as \(damaged); keep that file, and ask for help with it")
        }
        self.storage = storage
        count()
    }

    /// A disk that is fine needs no look: the next event tells.
    var nextTimeout: Instant? {
        [delivery.nextTimeout, state.storage == .ok ? nil : checkRoomAt].compactMap(\.self).min()
    }

    mutating func handleTimeout(now: Instant) {
        delivery.timeoutReached(now: now)
        if state.storage != .ok, checkRoomAt <= now { judgeRoom(now: now) }
    }

    private mutating func judgeRoom(now: Instant) {
        checkRoomAt = now + CrewDesk.roomInterval
        let isFull = storage.diskIsFull
        switch (state.storage, isFull) {
        case (.ok, true):
            state.storage = .reserve
            log.error("the disk is full: crew events go into the room kept for them; \(state.remedy ?? "")")
        case (.reserve, false), (.full, false), (.failed, false):
            storage.keepRoom()
            state.storage = .ok
            log.notice("there is room on the disk again")
        case (.ok, false), (.reserve, true), (.full, true), (.failed, true): break
        }
    }

    // MARK: storing

    mutating func store(_ entry: CrewEntry) throws(ControlRequest.Refusal) -> CrewEvent {
        let point = BootTime.now()
        do {
            let event = try storage.outbox.append(
                entry, now: SystemWallClock.now(), at: point, right: clock?.time(at: point))
            log.notice("\(event.kind.rawValue) stored", [LogField("EVENT_ID", event.eventId)])
            if state.storage == .full || state.storage == .failed { state.storage = .reserve }
            judgeRoom(now: MonotonicClock.now())
            count()
            return event
        } catch {
            state.storage = error.kind == .full || storage.diskIsFull ? .full : .failed
            checkRoomAt = MonotonicClock.now() + CrewDesk.roomInterval
            log.repeated(.error, "outbox", "a crew event cannot be stored: \(error); \(state.remedy ?? "")")
            throw ControlRequest.Refusal(code: "not-stored", message: "\(error)")
        }
    }

    mutating func lastEvent(of crewId: String) throws(DatabaseError) -> (kind: CrewEvent.Kind, age: Duration)? {
        let point = BootTime.now()
        return try storage.outbox.lastEvent(of: crewId, now: clock?.time(at: point) ?? SystemWallClock.now())
    }

    mutating func list() throws(DatabaseError) -> [CrewOutbox.Entry] { try storage.outbox.list() }

    // MARK: delivering

    mutating func linkRegistered(now: Instant) {
        delivery.registered(clockIsKnown: clock?.time(at: .now()) != nil, now: now)
    }

    mutating func linkLost() { delivery.lost() }

    /// The server's clock minus this machine's, as it was measured just now.
    mutating func clockMeasured(_ offset: Duration) {
        let point = BootTime.now()
        let measured = CrewClock(offset: offset, wall: SystemWallClock.now(), at: point)
        clock = measured
        do {
            let changed = try storage.outbox.correct(by: measured, now: point)
            if changed > 0 {
                log.warning(
                    "this machine's clock was wrong when \(changed) crew events happened: their times are corrected or marked"
                )
            }
        } catch {
            log.repeated(.error, "outbox", "the times of crew events cannot be corrected: \(error)")
        }
        delivery.clockBecameKnown()
    }

    /// The event whose turn it is; nil when none may go now.
    mutating func next(now: Instant) -> CrewEvent? {
        guard delivery.isReady, state.waiting > 0 else { return nil }
        do {
            guard let event = try storage.outbox.oldest(besides: delivered) else { return nil }
            delivery.sent(eventId: event.eventId, now: now)
            return event
        } catch {
            log.repeated(.error, "outbox", "the outbox cannot be read: \(error)")
            return nil
        }
    }

    mutating func answered(eventId: String, _ answer: Acknowledgement, now: Instant) {
        do {
            switch delivery.answered(eventId: eventId, answer, now: now) {
            case .nothing: return
            case .delivered(let eventId):
                delivered.insert(eventId)
                try storage.outbox.remove(delivered)
                delivered = []
                log.info("crew event delivered", [LogField("EVENT_ID", eventId)])
            case .rejected(let eventId, let reason):
                try storage.outbox.reject(eventId: eventId, reason: reason)
                log.error("the server refuses a crew event for good: \(reason)", [LogField("EVENT_ID", eventId)])
            }
            count()
        } catch {
            count()
            log.repeated(.error, "outbox", "a delivered crew event cannot be removed: \(error)")
        }
    }

    private mutating func count() {
        state.waiting = storage.outbox.waiting - delivered.count
        state.rejected = storage.outbox.rejected
    }
}
