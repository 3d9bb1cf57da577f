public import Database
internal import Glibc
internal import Primitives
internal import Reactor
internal import Signaling

/// Crew events on their way to the server: stored and synced before their sender is told "ok", kept until the server has
/// acknowledged them, handed out in the order they came.
public struct CrewOutbox: ~Copyable, Sendable {
    private var database: Database
    private var identifiers: EventIdentifiers
    /// Known without asking the file: there may be a hundred thousand.
    public private(set) var waiting: Int
    /// Events that the server refused, kept until they are retried or discarded.
    public private(set) var rejected: Int

    /// One waiting event.
    struct Entry: Equatable, Sendable {
        /// As it is sent to the server.
        public var event: CrewEvent
        /// Why the server will not take it; nil while it waits its turn.
        public var rejection: String?
    }

    private static let applicationID: Int32 = 0x4B41_4F42
    private static let migrations = [
        Migration(
            """
            CREATE TABLE event (
                sequence INTEGER PRIMARY KEY AUTOINCREMENT,
                event_id TEXT NOT NULL UNIQUE,
                kind TEXT NOT NULL,
                crew_id TEXT NOT NULL,
                name TEXT,
                role TEXT,
                train TEXT,
                occurred_at TEXT NOT NULL,
                rejection TEXT
            ) STRICT
            """),
        // What each crew member did last, for badges that mean both coming and going.
        Migration(
            """
            CREATE TABLE duty (
                crew_id TEXT PRIMARY KEY,
                kind TEXT NOT NULL,
                nanoseconds INTEGER NOT NULL
            ) STRICT, WITHOUT ROWID
            """),
        // When in the life of the system an event happened, for the day its clock turns out to have been wrong; and what
        // was found out: nothing yet, `right`, or a word of the contract.
        Migration(
            """
            ALTER TABLE event ADD COLUMN boot TEXT;
            ALTER TABLE event ADD COLUMN boot_nanoseconds INTEGER;
            ALTER TABLE event ADD COLUMN clock TEXT;
            CREATE INDEX event_waiting ON event (sequence) WHERE rejection IS NULL;
            CREATE INDEX event_unjudged ON event (sequence) WHERE clock IS NULL;
            CREATE TABLE reserve (room BLOB) STRICT;
            """),
        // The same for what they did last; what an older program wrote tells its time only.
        Migration(
            """
            ALTER TABLE duty ADD COLUMN boot TEXT;
            ALTER TABLE duty ADD COLUMN boot_nanoseconds INTEGER;
            ALTER TABLE duty ADD COLUMN is_judged INTEGER NOT NULL DEFAULT 0;
            CREATE INDEX duty_unjudged ON duty (crew_id) WHERE is_judged = 0;
            """),
        // What other programs named events that they handed over, for the day one of them asks again.
        Migration(
            """
            CREATE TABLE handed_over (
                sequence INTEGER PRIMARY KEY AUTOINCREMENT,
                event_id TEXT NOT NULL UNIQUE,
                occurred_at TEXT NOT NULL
            ) STRICT
            """),
    ]

    /// Opens or makes the file.
    init(_ location: Database.Location, random: RandomSource) throws(DatabaseError) {
        var database = try Database(location)
        // The log through which everything is written stays small, for a disk that is nearly full.
        _ = try database.query("PRAGMA wal_autocheckpoint=64") { _ in 0 }
        // Few events wait at a time; SQLite's default page cache, 2 MB, would lie idle in memory.
        _ = try database.query("PRAGMA cache_size=-256") { _ in 0 }
        try database.keepLogWhenClosed()
        try database.migrate(CrewOutbox.migrations, applicationID: CrewOutbox.applicationID)
        try self.init(database)
        identifiers = EventIdentifiers(random: random)
    }

    /// Looks into an open database.
    init(_ database: consuming Database) throws(DatabaseError) {
        var database = database
        let counts = try database.first("SELECT count(*) - count(rejection), count(rejection) FROM event") {
            row throws(DatabaseError) in (Int(try row.integer(0)), Int(try row.integer(1)))
        }
        (waiting, rejected) = counts ?? (0, 0)
        self.database = database
        identifiers = EventIdentifiers(random: .system)
    }

    /// How many names that other programs gave are remembered beyond the events themselves.
    private static let rememberedNames = 1000

    /// The time of an event that a program named so and handed over before, whether or not the server has it by now.
    mutating func handedOver(eventId: String) throws(DatabaseError) -> String? {
        try database.first("SELECT occurred_at FROM handed_over WHERE event_id = ?", eventId) {
            row throws(DatabaseError) in try row.text(0)
        }
    }

    /// Stores an event. When this returns, a power cut does not take it away.
    ///
    /// - Parameters:
    ///   - now: this machine's clock.
    ///   - point: the same moment in the life of the system.
    ///   - right: what the server's clock shows, when it is known.
    mutating func append(
        _ entry: CrewEntry, now: WallClock, at point: BootTime = BootTime(boot: "", nanoseconds: 0),
        right: WallClock? = nil
    ) throws(DatabaseError) -> CrewEvent {
        let (time, clock) = CrewClock.judge(now, right)
        let event = CrewEvent(
            kind: entry.kind, eventId: entry.eventId ?? identifiers.next(at: time), crewId: entry.crewId,
            name: entry.name,
            role: entry.role, train: entry.train, occurredAt: time.text, clock: clock)
        let judgement = right == nil ? nil : clock?.rawValue ?? CrewOutbox.judgedRight
        try database.transaction { database throws(DatabaseError) in
            try database.execute(
                """
                INSERT INTO event (event_id, kind, crew_id, name, role, train, occurred_at, boot, boot_nanoseconds, clock)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
                event.eventId, event.kind.rawValue, event.crewId, event.name, event.role, event.train,
                event.occurredAt, point.boot, point.nanoseconds, judgement)
            if let eventId = entry.eventId {
                try database.execute(
                    "INSERT INTO handed_over (event_id, occurred_at) VALUES (?, ?)", eventId, event.occurredAt)
                try database.execute(
                    "DELETE FROM handed_over WHERE sequence <= (SELECT max(sequence) FROM handed_over) - ?",
                    CrewOutbox.rememberedNames)
            }
            try database.execute(
                """
                INSERT OR REPLACE INTO duty (crew_id, kind, nanoseconds, boot, boot_nanoseconds, is_judged)
                VALUES (?, ?, ?, ?, ?, ?)
                """, event.crewId, event.kind.rawValue, time.nanosecondsSince1970, point.boot, point.nanoseconds,
                right == nil ? 0 : 1)
            // A crew member without an event for a month is forgotten, but only when the right time is known.
            guard let right else { return }
            try database.execute(
                "DELETE FROM duty WHERE is_judged = 1 AND nanoseconds < ?",
                right.nanosecondsSince1970 - 30 * 86_400 * 1_000_000_000)
        }
        waiting += 1
        return event
    }

    private static let judgedRight = "right"

    /// Now that the right time is known: puts the times of events right whose clock was wrong, and marks them. Those of
    /// earlier boots keep their times; impossible ones among them are marked as doubtful. What each crew member did last
    /// is put right as well.
    ///
    /// - Returns: how many events changed.
    mutating func correct(by clock: CrewClock, now: BootTime) throws(DatabaseError) -> Int {
        guard let present = clock.time(at: now) else { return 0 }
        try correctDuty(by: clock)
        let unjudged = try database.query(
            "SELECT sequence, occurred_at, boot, boot_nanoseconds FROM event WHERE clock IS NULL"
        ) { row throws(DatabaseError) in
            (
                sequence: try row.integer(0), wall: WallClock(text: try row.text(1)),
                boot: try row.optionalText(2) ?? "", nanoseconds: try row.optionalInteger(3) ?? 0
            )
        }
        guard !unjudged.isEmpty else { return 0 }
        return try database.transaction { database throws(DatabaseError) in
            var changed = 0
            for row in unjudged {
                let right = clock.time(at: BootTime(boot: row.boot, nanoseconds: row.nanoseconds))
                var text: String?
                var word = CrewOutbox.judgedRight
                if let right {
                    if let wall = row.wall, CrewClock.judge(wall, right).clock == nil {
                        // As it should be.
                    } else {
                        (text, word) = (right.text, CrewEvent.Clock.corrected.rawValue)
                    }
                } else if row.wall.map({ $0 < WallClock.earliestSane || $0 - present > CrewClock.tolerance })
                    ?? true
                {
                    word = CrewEvent.Clock.doubtful.rawValue
                }
                if word != CrewOutbox.judgedRight { changed += 1 }
                try database.execute(
                    "UPDATE event SET occurred_at = coalesce(?, occurred_at), clock = ? WHERE sequence = ?", text, word,
                    row.sequence)
            }
            return changed
        }
    }

    private mutating func correctDuty(by clock: CrewClock) throws(DatabaseError) {
        let unjudged = try database.query("SELECT crew_id, boot, boot_nanoseconds FROM duty WHERE is_judged = 0") {
            row throws(DatabaseError) in
            (
                crewId: try row.text(0),
                point: BootTime(
                    boot: try row.optionalText(1) ?? "", nanoseconds: try row.optionalInteger(2) ?? 0)
            )
        }
        guard !unjudged.isEmpty else { return }
        try database.transaction { database throws(DatabaseError) in
            for row in unjudged {
                try database.execute(
                    "UPDATE duty SET nanoseconds = coalesce(?, nanoseconds), is_judged = 1 WHERE crew_id = ?",
                    clock.time(at: row.point)?.nanosecondsSince1970, row.crewId)
            }
        }
    }

    /// What a crew member did last at this kiosk, and how long ago: within one life of the system whatever its clock was
    /// set to since.
    mutating func lastEvent(
        of crewId: String, now: WallClock, at point: BootTime = BootTime(boot: "", nanoseconds: 0)
    ) throws(DatabaseError) -> (kind: CrewEvent.Kind, age: Duration)? {
        let found = try database.first(
            "SELECT kind, nanoseconds, boot, boot_nanoseconds FROM duty WHERE crew_id = ?", crewId
        ) { row throws(DatabaseError) in
            (
                kind: try row.text(0), nanoseconds: try row.integer(1), boot: try row.optionalText(2) ?? "",
                bootNanoseconds: try row.optionalInteger(3) ?? 0
            )
        }
        guard let found, let kind = CrewEvent.Kind(rawValue: found.kind) else { return nil }
        if !point.boot.isEmpty, found.boot == point.boot {
            return (kind, .nanoseconds(point.nanoseconds - found.bootNanoseconds))
        }
        return (kind, now - WallClock(nanosecondsSince1970: found.nanoseconds))
    }

    /// Writes and takes back what an event takes: whether one could be stored now.
    mutating func probe() throws(DatabaseError) {
        try database.transaction { database throws(DatabaseError) in
            try database.execute("INSERT INTO reserve (room) VALUES (zeroblob(8192))")
            try database.execute("DELETE FROM reserve")
        }
    }

    /// Makes free pages in the file, and a log that is as long: both are then written over instead of growing.
    mutating func keepRoom(bytes: Int) throws(DatabaseError) {
        let size = try database.first("PRAGMA page_size") { row throws(DatabaseError) in try row.integer(0) } ?? 4096
        let free = try database.first("PRAGMA freelist_count") { row throws(DatabaseError) in try row.integer(0) } ?? 0
        let missing = Int64(bytes) - free * size
        guard missing > Int64(bytes) / 2 else { return }
        // Written, and moved from the log to the file, before it is freed: only then does the disk have it.
        try database.execute("INSERT INTO reserve (room) VALUES (randomblob(?))", missing)
        try database.checkpoint()
        try database.execute("DELETE FROM reserve")
        try database.checkpoint()
        _ = try database.query("PRAGMA shrink_memory") { _ in 0 }
    }

    /// What goes to the server next.
    ///
    /// - Parameter delivered: events that the server has and that could not be removed yet.
    mutating func oldest(besides delivered: Set<String> = []) throws(DatabaseError) -> CrewEvent? {
        try entries(where: "rejection IS NULL", limit: 1 + delivered.count)
            .first { !delivered.contains($0.event.eventId) }?.event
    }

    /// The server has them.
    mutating func remove(_ eventIds: Set<String>) throws(DatabaseError) {
        waiting -= try database.transaction { database throws(DatabaseError) in
            var removed = 0
            for eventId in eventIds {
                removed += try database.execute("DELETE FROM event WHERE event_id = ? AND rejection IS NULL", eventId)
            }
            return removed
        }
    }

    /// The server will never take it; it stays for a person to look at.
    mutating func reject(eventId: String, reason: String) throws(DatabaseError) {
        let changed = try database.execute(
            "UPDATE event SET rejection = ? WHERE event_id = ? AND rejection IS NULL", reason, eventId)
        waiting -= changed
        rejected += changed
    }

    /// A refused event goes to the server once more, in its old place.
    /// - Returns: it, or nil when no refused event has this identifier.
    mutating func retry(eventId: String) throws(DatabaseError) -> CrewEvent? {
        let event = try refused(eventId)
        let changed = try database.execute(
            "UPDATE event SET rejection = NULL WHERE event_id = ? AND rejection IS NOT NULL", eventId)
        rejected -= changed
        waiting += changed
        return event
    }

    /// Forgets a refused event: a person decided so.
    /// - Returns: what it was, or nil when no refused event has this identifier.
    mutating func discard(eventId: String) throws(DatabaseError) -> CrewEvent? {
        let event = try refused(eventId)
        rejected -= try database.execute(
            "DELETE FROM event WHERE event_id = ? AND rejection IS NOT NULL", eventId)
        return event
    }

    private mutating func refused(_ eventId: String) throws(DatabaseError) -> CrewEvent? {
        try entries(where: "rejection IS NOT NULL AND event_id = ?", [.text(eventId)], limit: 1).first?.event
    }

    /// Those that wait first, so that refused ones hide none; each the oldest first.
    mutating func list(limit: Int = 1000) throws(DatabaseError) -> [Entry] {
        let waiting = try entries(where: "rejection IS NULL", limit: limit)
        return try waiting + entries(where: "rejection IS NOT NULL", limit: limit - waiting.count)
    }

    private mutating func entries(
        where condition: String, _ values: [DatabaseValue] = [], limit: Int
    ) throws(DatabaseError) -> [Entry] {
        try database.query(
            """
            SELECT event_id, kind, crew_id, name, role, train, occurred_at, rejection, clock FROM event
            WHERE \(condition) ORDER BY sequence LIMIT ?
            """, binding: values + [.integer(Int64(limit))]
        ) { row throws(DatabaseError) in
            guard let kind = CrewEvent.Kind(rawValue: try row.text(1)) else {
                throw DatabaseError(.unexpectedValue, "read crew event", "unknown kind")
            }
            return Entry(
                event: CrewEvent(
                    kind: kind, eventId: try row.text(0), crewId: try row.text(2), name: try row.optionalText(3),
                    role: try row.optionalText(4), train: try row.optionalText(5), occurredAt: try row.text(6),
                    clock: try row.optionalText(8).flatMap(CrewEvent.Clock.init(rawValue:))),
                rejection: try row.optionalText(7))
        }
    }
}

extension CrewOutbox {
    /// Looks into an outbox without changing it.
    public init(reading path: String) throws(DatabaseError) {
        try self.init(try Database(.file(path), Database.Options(isReadOnly: true)))
    }
}
