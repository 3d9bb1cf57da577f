internal import Database
internal import Primitives
internal import Records
internal import SessionRules
internal import Signaling

/// The table `crew_event`.
enum CrewTable {
    /// Stores an event unless the kiosk has sent it before.
    /// - Returns: whether it is new.
    static func insert(_ record: CrewRecord, in database: inout Database) throws(DatabaseError) -> Bool {
        let event = record.event
        return try database.execute(
            """
            INSERT INTO crew_event (organization, kiosk, event_id, kind, crew_id, name, role, train, occurred_at, received_at, clock)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (kiosk, event_id) DO NOTHING
            """,
            record.organization, record.kioskId, event.eventId, event.kind.rawValue, event.crewId, event.name,
            event.role, event.train, event.occurredAt, record.receivedAt.milliseconds, event.clock?.rawValue) == 1
    }

    private static let match = """
        FROM crew_event WHERE organization = ?1 AND sequence < ?2 AND (?3 IS NULL OR kiosk = ?3)
          AND (?4 IS NULL OR crew_id = ?4) AND (?5 IS NULL OR received_at >= ?5) AND (?6 IS NULL OR received_at < ?6)
          AND (?7 IS NULL OR kind = ?7)
        """

    /// The sequence number of the `count`th event that `page` would list; nil when there are fewer.
    static func sequence(
        organization: String, _ filter: CrewFilter, before cursor: Int64?, at count: Int, in database: inout Database
    ) throws(DatabaseError) -> Int64? {
        try database.first(
            "SELECT sequence \(match) ORDER BY sequence DESC LIMIT 1 OFFSET ?8", organization, cursor ?? Int64.max,
            filter.kioskId, filter.crewId, filter.from?.milliseconds, filter.to?.milliseconds,
            filter.kind?.rawValue, count - 1
        ) { row throws(DatabaseError) in try row.integer("sequence") }
    }

    /// Newest first.
    static func page(
        organization: String, _ filter: CrewFilter, before cursor: Int64?, limit: Int, in database: inout Database
    ) throws(DatabaseError) -> [CrewRecord] {
        try database.query(
            """
            SELECT sequence, organization, kiosk, kind, event_id, crew_id, name, role, train, occurred_at, received_at, clock
            \(match) ORDER BY sequence DESC LIMIT ?8
            """,
            organization, cursor ?? Int64.max, filter.kioskId, filter.crewId, filter.from?.milliseconds,
            filter.to?.milliseconds, filter.kind?.rawValue, limit
        ) { row throws(DatabaseError) in try CrewRecord(row) }
    }

    // MARK: Age

    static func expiry(before age: WallClock, in database: inout Database) throws(DatabaseError) -> Expiry {
        try Expiry.count("crew_event", "received_at", before: age, in: &database)
    }

    /// - Returns: how many events went.
    static func prune(
        before age: WallClock, limit: Int, in database: inout Database
    ) throws(DatabaseError) -> Int {
        try Expiry.prune("crew_event", key: "sequence", "received_at", before: age, limit: limit, in: &database)
    }
}

extension CrewRecord {
    fileprivate init(_ row: borrowing Row) throws(DatabaseError) {
        let kind = try row.text("kind")
        guard let kind = CrewEvent.Kind(rawValue: kind) else {
            throw DatabaseError(.unexpectedValue, "read crew event", "unknown kind (\(kind))")
        }
        self.init(
            sequence: try row.integer("sequence"), organization: try row.text("organization"),
            kioskId: try row.text("kiosk"),
            event: CrewEvent(
                kind: kind, eventId: try row.text("event_id"), crewId: try row.text("crew_id"),
                name: try row.optionalText("name"),
                role: try row.optionalText("role"), train: try row.optionalText("train"),
                occurredAt: try row.text("occurred_at"),
                clock: try row.optionalText("clock").flatMap(CrewEvent.Clock.init(rawValue:))),
            receivedAt: WallClock(milliseconds: try row.integer("received_at")))
    }
}
