import Database
import Primitives
import Signaling

/// Crew events on their way to the server: stored and synced before anybody hears "accepted", kept until the server
/// has acknowledged them, handed out in the order they came.
struct CrewOutbox: ~Copyable, Sendable {
    private var database: Database
    private var identifiers: EventIdentifiers

    /// One waiting event.
    struct Entry: Equatable, Sendable {
        var event: CrewEvent
        /// Why the server will not take it; nil while it waits its turn.
        var rejection: String?
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
    ]

    /// Opens or makes the file. A damaged one is an error: what is in it must not be thrown away unseen.
    init(_ location: Database.Location, random: RandomSource) throws(DatabaseError) {
        var database = try Database(location)
        try database.migrate(CrewOutbox.migrations, applicationID: CrewOutbox.applicationID)
        self.database = database
        identifiers = EventIdentifiers(random: random)
    }

    /// Looks into an open database.
    init(_ database: consuming Database) {
        self.database = database
        identifiers = EventIdentifiers(random: .system)
    }

    /// Stores an event. When this returns, a power cut does not take it away.
    mutating func append(_ entry: CrewEntry, now: WallClock) throws(DatabaseError) -> CrewEvent {
        let event = CrewEvent(
            kind: entry.kind, eventId: identifiers.next(at: now), crewId: entry.crewId, name: entry.name,
            role: entry.role, train: entry.train, occurredAt: now.text)
        try database.transaction { database throws(DatabaseError) in
            try database.execute(
                """
                INSERT INTO event (event_id, kind, crew_id, name, role, train, occurred_at)
                VALUES (?, ?, ?, ?, ?, ?, ?)
                """,
                event.eventId, event.kind.rawValue, event.crewId, event.name, event.role, event.train,
                event.occurredAt)
            try database.execute(
                "INSERT OR REPLACE INTO duty (crew_id, kind, nanoseconds) VALUES (?, ?, ?)", event.crewId,
                event.kind.rawValue, now.nanosecondsSince1970)
            // A crew member who has not been here for a month is nobody to remember.
            try database.execute(
                "DELETE FROM duty WHERE nanoseconds < ?", now.nanosecondsSince1970 - 30 * 86_400 * 1_000_000_000)
        }
        return event
    }

    /// What a crew member did last at this kiosk, and how long ago.
    mutating func lastEvent(of crewId: String, now: WallClock) throws(DatabaseError) -> (
        kind: CrewEvent.Kind, age: Duration
    )? {
        let found = try database.first("SELECT kind, nanoseconds FROM duty WHERE crew_id = ?", crewId) {
            row throws(DatabaseError) in (try row.text(0), try row.integer(1))
        }
        guard let found, let kind = CrewEvent.Kind(rawValue: found.0) else { return nil }
        return (kind, now - WallClock(nanosecondsSince1970: found.1))
    }

    /// What goes to the server next.
    mutating func oldest() throws(DatabaseError) -> CrewEvent? {
        try entries(where: "rejection IS NULL", limit: 1).first?.event
    }

    /// The server has it.
    mutating func remove(eventId: String) throws(DatabaseError) {
        try database.execute("DELETE FROM event WHERE event_id = ?", eventId)
    }

    /// The server will never take it; it stays for a person to look at.
    mutating func reject(eventId: String, reason: String) throws(DatabaseError) {
        try database.execute("UPDATE event SET rejection = ? WHERE event_id = ?", reason, eventId)
    }

    /// The oldest first.
    mutating func list(limit: Int = 1000) throws(DatabaseError) -> [Entry] { try entries(where: "1", limit: limit) }

    mutating func counts() throws(DatabaseError) -> (waiting: Int, rejected: Int) {
        try database.first("SELECT count(*) - count(rejection), count(rejection) FROM event") {
            row throws(DatabaseError) in (Int(try row.integer(0)), Int(try row.integer(1)))
        } ?? (0, 0)
    }

    private mutating func entries(where condition: String, limit: Int) throws(DatabaseError) -> [Entry] {
        try database.query(
            """
            SELECT event_id, kind, crew_id, name, role, train, occurred_at, rejection FROM event
            WHERE \(condition) ORDER BY sequence LIMIT ?
            """, limit
        ) { row throws(DatabaseError) in
            guard let kind = CrewEvent.Kind(rawValue: try row.text(1)) else {
                throw DatabaseError(.unexpectedValue, "read crew event", "unknown kind")
            }
            return Entry(
                event: CrewEvent(
                    kind: kind, eventId: try row.text(0), crewId: try row.text(2), name: try row.optionalText(3),
                    role: try row.optionalText(4), train: try row.optionalText(5), occurredAt: try row.text(6)),
                rejection: try row.optionalText(7))
        }
    }
}
