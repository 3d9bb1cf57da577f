import AgentSettings
import Database
import Glibc
import JSON
import Media
import Primitives
import Reactor
import Signaling
import Testing

@testable import Crew

/// Crew events and the clock: one that was wrong then is put right before anybody sees its time.
@Suite struct CrewClockTests {
    private func entry(_ id: String) throws -> CrewEntry { try CrewEntry(kind: .signOn, crewId: id) }
    private let wall = WallClock(secondsSince1970: 1_790_000_000)

    private func point(_ seconds: Int64, _ boot: String = "now") -> BootTime {
        BootTime(boot: boot, nanoseconds: seconds * 1_000_000_000)
    }

    @Test func aWrongClockIsPutRightAndMarked() throws {
        var outbox = try CrewOutbox(.memory, random: .seeded(1))
        // The clock is an hour behind, then it is set right; the server comes 100 s later.
        let first = try outbox.append(entry("1"), now: wall + .seconds(-3600), at: point(10))
        let second = try outbox.append(entry("2"), now: wall + .seconds(20), at: point(30))
        #expect(first.clock == nil && second.clock == nil)
        let clock = CrewClock(offset: .milliseconds(300), wall: wall + .seconds(120), at: point(130))
        #expect(try outbox.correct(by: clock, now: point(130)) == 1)
        let events = try outbox.list().map(\.event)
        #expect(events.map(\.eventId) == [first.eventId, second.eventId], "the order stays")
        #expect(events.map(\.clock) == [.corrected, nil])
        #expect(events[0].occurredAt == (wall + .milliseconds(300)).text)
        #expect(events[1].occurredAt == (wall + .seconds(20)).text)
        #expect(try outbox.correct(by: clock, now: point(140)) == 0, "each is judged once")
    }

    @Test func whatTheServersTimeIsKnownForIsRightFromTheStart() throws {
        var outbox = try CrewOutbox(.memory, random: .seeded(1))
        let clock = CrewClock(offset: .seconds(-7200), wall: wall, at: point(0))
        // Somebody sets the clock meanwhile: what counts is how long ago the server was asked.
        let event = try outbox.append(
            entry("1"), now: wall + .seconds(86_400), at: point(60), right: clock.time(at: point(60)))
        #expect(event.clock == .corrected)
        #expect(event.occurredAt == (wall + .seconds(-7140)).text)
        let good = try outbox.append(
            entry("2"), now: wall + .seconds(-7137), at: point(62), right: clock.time(at: point(62)))
        #expect(good.clock == nil && good.occurredAt == (wall + .seconds(-7137)).text)
        #expect(try outbox.correct(by: clock, now: point(70)) == 0)
    }

    @Test func anEarlierBootsTimesAreKeptOrDoubted() throws {
        var outbox = try CrewOutbox(.memory, random: .seeded(1))
        _ = try outbox.append(entry("1970"), now: WallClock(secondsSince1970: 100), at: point(5, "before"))
        _ = try outbox.append(entry("good"), now: wall + .seconds(-500), at: point(9, "before"))
        _ = try outbox.append(entry("future"), now: wall + .seconds(9000), at: point(12, "before"))
        let clock = CrewClock(offset: .zero, wall: wall, at: point(50))
        #expect(clock.time(at: point(5, "before")) == nil)
        #expect(try outbox.correct(by: clock, now: point(50)) == 2)
        #expect(try outbox.list().map(\.event.clock) == [.doubtful, nil, .doubtful])
        #expect(try outbox.list()[1].event.occurredAt == (wall + .seconds(-500)).text)
    }

    /// Badges mean coming and going in turn, whatever the clock was when they were read.
    @Test func dutyIsMeasuredByTheLifeOfTheSystemAndPutRight() throws {
        var outbox = try CrewOutbox(.memory, random: .seeded(1))
        // The clock is more than a year behind, and is set while 4711 is on duty.
        _ = try outbox.append(entry("4711"), now: wall + .seconds(-450 * 86_400), at: point(10))
        var last = try #require(try outbox.lastEvent(of: "4711", now: wall + .seconds(3600), at: point(3610)))
        #expect(last == (.signOn, .seconds(3600)))
        let rules = BadgeRules(AgentConfiguration.BadgeReader())
        #expect(rules.kind(after: last) == .signOff)
        // The server tells the time, and the kiosk is switched off and on.
        let clock = CrewClock(offset: .zero, wall: wall + .seconds(3610), at: point(3620))
        #expect(try outbox.correct(by: clock, now: point(3620)) == 1)
        last = try #require(try outbox.lastEvent(of: "4711", now: wall + .seconds(7200), at: point(5, "later")))
        #expect(last == (.signOn, .seconds(7200)))
    }

    @Test func onlyWhoKnowsTheTimeForgetsAnybody() throws {
        var outbox = try CrewOutbox(.memory, random: .seeded(1))
        _ = try outbox.append(entry("4711"), now: wall, at: point(10), right: wall)
        // The clock is a year ahead, and nobody has told the time.
        _ = try outbox.append(entry("2"), now: wall + .seconds(365 * 86_400), at: point(5, "wrong"))
        var last = try outbox.lastEvent(of: "4711", now: wall + .seconds(60), at: point(8, "right"))
        #expect(last?.age == .seconds(60))
        let later = wall + .seconds(31 * 86_400)
        _ = try outbox.append(entry("3"), now: later, at: point(9, "right"), right: later)
        last = try outbox.lastEvent(of: "4711", now: later, at: point(10, "right"))
        #expect(last == nil)
    }

    @Test func nothingLeavesBeforeTheTimeIsKnownOrNobodyTellsIt() {
        var delivery = CrewDelivery()
        let now = Instant.zero
        delivery.registered(clockIsKnown: false, now: now)
        #expect(!delivery.isReady && delivery.nextTimeout == now + .seconds(5))
        delivery.clockBecameKnown()
        #expect(delivery.isReady && delivery.nextTimeout == nil)
        delivery.registered(clockIsKnown: false, now: now)
        delivery.timeoutReached(now: now + .seconds(5))
        #expect(delivery.isReady)
        delivery.registered(clockIsKnown: true, now: now)
        #expect(delivery.isReady)
    }

    @Test func identifiersKeepTheirOrderWhenTheClockJumpsBack() throws {
        var outbox = try CrewOutbox(.memory, random: .seeded(3))
        var last = ""
        for step in [0, 86_400, -90_000_000, 5, 5, 200] {
            let event = try outbox.append(entry("x"), now: wall + .seconds(Int64(step)))
            #expect(event.eventId > last)
            last = event.eventId
        }
    }
}

@Suite struct CrewStorageTests {
    private let wall = WallClock(secondsSince1970: 1_790_000_000)

    private func folder() throws -> String {
        var template = Array("/tmp/kiosk-agent-crew.XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        return String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    private func remove(_ folder: String) {
        for name in SystemFile.list(folder) { unlink("\(folder)/\(name)") }
        rmdir(folder)
    }

    @Test func aDamagedOutboxIsPutAsideAndTheKioskGoesOn() throws {
        let folder = try folder()
        defer { remove(folder) }
        #expect(OwnFile.write(Array(String(repeating: "no database ", count: 1000).utf8), to: "\(folder)/outbox.db"))
        var storage = try CrewStorage("\(folder)/outbox.db", wall: wall)
        #expect(storage.damaged == "\(folder)/outbox.db.damaged-1790000000")
        #expect(SystemFile.text("\(folder)/outbox.db.damaged-1790000000")?.hasPrefix("no database") == true)
        _ = try storage.outbox.append(CrewEntry(kind: .signOn, crewId: "1"), now: wall)
        #expect(storage.outbox.waiting == 1)
    }

    @Test func theDeskTellsOfADamagedOutboxAndGoesOn() throws {
        let folder = try folder()
        defer { remove(folder) }
        #expect(OwnFile.write(Array(String(repeating: "no database ", count: 1000).utf8), to: "\(folder)/outbox.db"))
        var desk = CrewDesk("\(folder)/outbox.db", now: .zero)
        _ = try desk.store(CrewEntry(kind: .signOn, crewId: "1"))
        let state = desk.state
        #expect((state.waiting, state.storage) == (1, .ok))
        #expect(state.damaged?.hasPrefix("\(folder)/outbox.db.damaged-") == true)
    }

    /// A state directory that cannot be had is tried again every minute; until then events are refused by name.
    @Test func withoutItsDirectoryTheDeskRefusesEventsUntilItIsThere() throws {
        let folder = try folder()
        defer {
            remove("\(folder)/state")
            remove(folder)
        }
        // Not even root makes a directory where a file is.
        #expect(OwnFile.write([], to: "\(folder)/state"))
        let begun = Instant.zero + .seconds(1000)
        var desk = CrewDesk("\(folder)/state/outbox.db", now: begun)
        var state = desk.state
        var due = desk.nextTimeout
        #expect(state.storage == .failed && state.remedy != nil && due == begun + .seconds(60))
        var refusal: ControlRequest.Refusal?
        do {
            _ = try desk.store(CrewEntry(kind: .signOn, crewId: "1"))
        } catch { refusal = error }
        #expect(refusal?.code == "not-stored" && refusal?.message.contains("not a directory") == true)
        #expect(throws: DatabaseError.self) { try desk.list() }
        desk.handleTimeout(now: begun + .seconds(60))
        state = desk.state
        due = desk.nextTimeout
        #expect(state.storage == .failed && due == begun + .seconds(120))

        unlink("\(folder)/state")
        desk.handleTimeout(now: begun + .seconds(120))
        _ = try desk.store(CrewEntry(kind: .signOn, crewId: "1"))
        state = desk.state
        due = desk.nextTimeout
        #expect(state.storage == .ok && state.waiting == 1 && due == nil)
    }

    /// A second connection to a desk's outbox, which makes it refuse.
    private func obstruct(_ path: String, _ statements: String) throws {
        var other = try Database(.file(path))
        try other.executeScript(statements)
    }

    /// That there is room proves nothing: an outbox that could not be written is well again when something was.
    @Test func afterAFailureOnlyAWriteProvesThatTheOutboxIsWell() throws {
        let folder = try folder()
        defer { remove(folder) }
        let path = "\(folder)/outbox.db"
        var desk = CrewDesk(path, now: .zero)
        try obstruct(
            path,
            """
            CREATE TRIGGER no_event BEFORE INSERT ON event BEGIN SELECT RAISE(ABORT, 'no'); END;
            CREATE TRIGGER no_room BEFORE INSERT ON reserve BEGIN SELECT RAISE(ABORT, 'no'); END
            """)
        var isRefused = false
        do { _ = try desk.store(CrewEntry(kind: .signOn, crewId: "1")) } catch { isRefused = true }
        var due = desk.nextTimeout
        #expect(isRefused && due != nil)
        desk.handleTimeout(now: due ?? .zero)
        var state = desk.state
        #expect(state.storage == .failed, "nothing was written")

        try obstruct(path, "DROP TRIGGER no_room; DROP TRIGGER no_event")
        due = desk.nextTimeout
        desk.handleTimeout(now: due ?? .zero)
        state = desk.state
        #expect(state.storage == .ok)
        _ = try desk.store(CrewEntry(kind: .signOn, crewId: "1"))
    }

    /// The screen did not get its answer and asks again, whatever became of the event meanwhile.
    @Test func aRepeatedSignOnUnderTheSameNameIsOneEvent() throws {
        let folder = try folder()
        defer { remove(folder) }
        let now = Instant.zero + .seconds(1000)
        var desk = CrewDesk("\(folder)/outbox.db", now: now)
        let name = "01A1FE03-f2e1-74c7-9bac-6c06b8f839e8"
        let first = try desk.store(CrewEntry(kind: .signOn, crewId: "4711", eventId: name))
        #expect(first.eventId == name.lowercased() && !first.isRepeated)
        var again = try desk.store(CrewEntry(kind: .signOn, crewId: "4711", eventId: name))
        #expect(again == CrewDesk.Receipt(eventId: first.eventId, occurredAt: first.occurredAt, isRepeated: true))
        // The server has it by now, and the crew member has gone again.
        desk.linkRegistered(now: now)
        desk.clockMeasured(.zero)
        let sent = desk.next(now: now)
        #expect(sent?.eventId == first.eventId && sent?.crewId == "4711")
        desk.answered(eventId: first.eventId, .ok, now: now)
        _ = try desk.store(CrewEntry(kind: .signOff, crewId: "4711"))
        again = try desk.store(CrewEntry(kind: .signOn, crewId: "4711", eventId: name))
        #expect(again.isRepeated)
        let waiting = try desk.list().map(\.event.kind)
        #expect(waiting == [.signOff])
        let last = try desk.lastEvent(of: "4711")
        #expect(last?.kind == .signOff)
        // Another start of the agent knows it too.
        desk = CrewDesk("\(folder)/outbox.db", now: now)
        again = try desk.store(CrewEntry(kind: .signOn, crewId: "4711", eventId: name))
        #expect(again.isRepeated)
    }

    @Test func namesOfOtherProgramsAreNotRememberedForEver() throws {
        var outbox = try CrewOutbox(.memory, random: .seeded(1))
        func name(_ number: Int) -> String {
            let digits = String(number)
            return "00000000-0000-4000-8000-" + String(repeating: "0", count: 12 - digits.count) + digits
        }
        for number in 0..<1100 {
            let event = try outbox.append(
                CrewEntry(kind: .signOn, crewId: "1", eventId: name(number)), now: wall)
            try outbox.remove([event.eventId])
        }
        #expect(try outbox.handedOver(eventId: name(99)) == nil)
        #expect(try outbox.handedOver(eventId: name(100)) == wall.text)
        #expect(try outbox.handedOver(eventId: name(1099)) == wall.text)
    }

    @Test(arguments: [
        "", "1", "01a1fe03f2e174c79bac6c06b8f839e8", "01a1fe03-f2e1-74c7-9bac-6c06b8f839eg",
        "01a1fe03-f2e1-74c7-9bac_6c06b8f839e8",
    ])
    func aNameThatIsNoUUIDIsRefused(name: String) {
        #expect(throws: ControlRequest.Refusal.self) { try CrewEntry(kind: .signOn, crewId: "1", eventId: name) }
    }

    /// A screen that is newer than the agent says more.
    @Test func membersOfNewerProgramsAreIgnored() throws {
        let request = try ControlRequest(["command": "crew-sign-on", "crewId": "1", "shift": 7, "id": 2])
        #expect(request == .crew(try CrewEntry(kind: .signOn, crewId: "1")))
        #expect(try ControlRequest(["command": "status", "verbose": true]) == .status)
        #expect(try ControlRequest(["command": "snapshot"]) == .snapshot(.jpeg))
        #expect(try ControlRequest(["command": "snapshot", "format": "png"]) == .snapshot(.png))
        for format: JSONValue in ["gif", "PNG", "", 1, .null] {
            #expect(throws: ControlRequest.Refusal.bad("format must be jpeg or png")) {
                try ControlRequest(["command": "snapshot", "format": format])
            }
        }
    }

    @Test func aRefusedEventGoesOnceMoreOrIsForgottenWhenAPersonSaysSo() throws {
        let folder = try folder()
        defer { remove(folder) }
        let now = Instant.zero + .seconds(1000)
        var desk = CrewDesk("\(folder)/outbox.db", now: now)
        let event = try desk.store(CrewEntry(kind: .signOn, crewId: "4711"))
        let refusal = Acknowledgement.refused(SignalingError(.badRequest, "no such crew member"))
        desk.linkRegistered(now: now)
        desk.clockMeasured(.zero)
        for _ in 0..<2 {
            var next = desk.next(now: now)
            #expect(next?.eventId == event.eventId)
            desk.answered(eventId: event.eventId, refusal, now: now)
            let state = desk.state
            #expect((state.waiting, state.rejected) == (0, 1))
            next = desk.next(now: now)
            #expect(next == nil)
            let retried = try desk.retry(eventId: event.eventId)
            #expect(retried?.eventId == event.eventId)
        }
        let waiting = try desk.discard(eventId: event.eventId)
        #expect(waiting == nil, "it waits again, and is nobody's to forget")
        _ = desk.next(now: now)
        desk.answered(eventId: event.eventId, refusal, now: now)
        let entry = try #require(try desk.list().first)
        #expect(entry.rejection == "no such crew member")
        let discarded = try desk.discard(eventId: event.eventId)
        let state = desk.state
        #expect(discarded?.eventId == event.eventId && state == CrewState())
    }

    /// Sent again at once, it would be refused again at once.
    @Test func aRefusalThatCannotBeWrittenDownIsNoLoop() throws {
        let folder = try folder()
        defer { remove(folder) }
        let path = "\(folder)/outbox.db"
        let now = Instant.zero + .seconds(1000)
        var desk = CrewDesk(path, now: now)
        let event = try desk.store(CrewEntry(kind: .signOn, crewId: "1"))
        try obstruct(path, "CREATE TRIGGER no BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, 'no'); END")
        desk.linkRegistered(now: now)
        desk.handleTimeout(now: now + .seconds(5))
        var next = desk.next(now: now + .seconds(5))
        #expect(next?.eventId == event.eventId)
        desk.answered(
            eventId: event.eventId, .refused(SignalingError(.badRequest, "no")), now: now + .seconds(6))
        next = desk.next(now: now + .seconds(6))
        #expect(next == nil)
        let due = desk.nextTimeout
        #expect(due == now + .seconds(36))
        desk.handleTimeout(now: now + .seconds(36))
        next = desk.next(now: now + .seconds(36))
        #expect(next?.eventId == event.eventId)
    }

    /// Pages that were written and are free: events go there, and the file does not grow.
    @Test func roomIsKeptForEvents() throws {
        let folder = try folder()
        defer { remove(folder) }
        var status = stat()
        func size(_ suffix: String) -> Int {
            stat("\(folder)/outbox.db\(suffix)", &status) == 0 ? Int(status.st_size) : 0
        }
        var (before, log) = (0, 0)
        do {
            var storage = try CrewStorage("\(folder)/outbox.db", wall: wall)
            (before, log) = (size(""), size("-wal"))
            #expect(before > CrewStorage.reserve && log > CrewStorage.reserve)
            #expect(Int(status.st_blocks) * 512 >= CrewStorage.reserve, "not only in the file's length")
            for number in 0..<100 {
                _ = try storage.outbox.append(CrewEntry(kind: .signOn, crewId: "\(number)"), now: wall)
            }
            storage.keepRoom()
            #expect(size("") == before && size("-wal") == log)
        }
        // The log stays too, for a start on a full disk.
        #expect(size("") == before && size("-wal") == log)
        let again = try CrewStorage("\(folder)/outbox.db", wall: wall)
        #expect(again.outbox.waiting == 100 && size("") == before)
    }

    /// A disk that does not even let go: nothing is sent twice in one life of the agent, and the order stays.
    @Test func whatCannotBeRemovedIsPassedOver() throws {
        var outbox = try CrewOutbox(.memory, random: .seeded(1))
        let events = try (0..<4).map { try outbox.append(CrewEntry(kind: .signOn, crewId: "\($0)"), now: wall) }
        let delivered = Set(events[..<2].map(\.eventId))
        let next = try outbox.oldest(besides: delivered)
        #expect(next == events[2])
        try outbox.remove(delivered)
        #expect(outbox.waiting == 2)
    }

    @Test func anOlderOutboxIsReadAndGoesOn() throws {
        let folder = try folder()
        defer { remove(folder) }
        var old = try Database(.file("\(folder)/outbox.db"))
        try old.migrate(
            [
                Migration(
                    """
                    CREATE TABLE event (sequence INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT NOT NULL UNIQUE,
                      kind TEXT NOT NULL, crew_id TEXT NOT NULL, name TEXT, role TEXT, train TEXT,
                      occurred_at TEXT NOT NULL, rejection TEXT) STRICT
                    """),
                Migration(
                    """
                    CREATE TABLE duty (crew_id TEXT PRIMARY KEY, kind TEXT NOT NULL, nanoseconds INTEGER NOT NULL)
                    STRICT, WITHOUT ROWID
                    """),
            ], applicationID: 0x4B41_4F42)
        try old.execute(
            "INSERT INTO event (event_id, kind, crew_id, occurred_at) VALUES ('e', 'crew-sign-on', '1', ?)", wall.text)
        try old.execute(
            "INSERT INTO duty (crew_id, kind, nanoseconds) VALUES ('1', 'crew-sign-on', ?)", wall.nanosecondsSince1970)
        _ = consume old
        var storage = try CrewStorage("\(folder)/outbox.db", wall: wall)
        let oldest = try storage.outbox.oldest()
        #expect(oldest?.eventId == "e" && storage.outbox.waiting == 1)
        let clock = CrewClock(offset: .zero, wall: wall, at: BootTime(boot: "b", nanoseconds: 0))
        let changed = try storage.outbox.correct(by: clock, now: BootTime(boot: "b", nanoseconds: 0))
        #expect(changed == 0)
        let last = try storage.outbox.lastEvent(
            of: "1", now: wall + .seconds(60), at: BootTime(boot: "b", nanoseconds: 60_000_000_000))
        #expect(last?.kind == .signOn && last?.age == .seconds(60))
    }
}
