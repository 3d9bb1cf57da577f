public import Database
public import Primitives
public import SessionRules
internal import Signaling

extension Store {
    // MARK: The crew log

    /// Stores an event unless the kiosk has sent it before.
    /// - Returns: whether it is new.
    public mutating func log(_ record: CrewRecord) throws(DatabaseError) -> Bool {
        let event = record.event
        return try database.execute(
            """
            INSERT INTO crew_event (organization, kiosk, event_id, kind, crew_id, name, role, train, occurred_at, received_at, clock)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (kiosk, event_id) DO NOTHING
            """,
            record.organization, record.kioskId, event.eventId, event.kind.rawValue, event.crewId, event.name,
            event.role, event.train, event.occurredAt, record.receivedAt.milliseconds, event.clock?.rawValue) == 1
    }

    /// Which crew events to list. Times are those of arrival, the only ones that one clock has set.
    public struct CrewFilter: Hashable, Sendable {
        public var kioskId: String?
        public var crewId: String?
        public var from: WallClock?
        public var to: WallClock?

        public init(kioskId: String? = nil, crewId: String? = nil, from: WallClock? = nil, to: WallClock? = nil) {
            self.kioskId = kioskId
            self.crewId = crewId
            self.from = from
            self.to = to
        }
    }

    private static let crewMatch = """
        FROM crew_event WHERE organization = ?1 AND sequence < ?2 AND (?3 IS NULL OR kiosk = ?3)
          AND (?4 IS NULL OR crew_id = ?4) AND (?5 IS NULL OR received_at >= ?5) AND (?6 IS NULL OR received_at < ?6)
        """

    /// The sequence number of the `count`th event that `crewEvents` would list; nil when there are fewer.
    public mutating func crewEventSequence(
        organization: String, _ filter: CrewFilter, before cursor: Int64?, at count: Int
    ) throws(DatabaseError) -> Int64? {
        try database.first(
            "SELECT sequence \(Store.crewMatch) ORDER BY sequence DESC LIMIT 1 OFFSET ?7", organization,
            cursor ?? Int64.max, filter.kioskId, filter.crewId, filter.from?.milliseconds, filter.to?.milliseconds,
            count - 1
        ) { row throws(DatabaseError) in try row.integer(0) }
    }

    /// Newest first.
    public mutating func crewEvents(
        organization: String, _ filter: CrewFilter, before cursor: Int64?, limit: Int
    ) throws(DatabaseError) -> [CrewRecord] {
        try database.query(
            """
            SELECT sequence, organization, kiosk, kind, event_id, crew_id, name, role, train, occurred_at, received_at, clock
            \(Store.crewMatch) ORDER BY sequence DESC LIMIT ?7
            """,
            organization, cursor ?? Int64.max, filter.kioskId, filter.crewId, filter.from?.milliseconds,
            filter.to?.milliseconds, limit
        ) { row throws(DatabaseError) in
            let kind = try row.text(3)
            guard let kind = CrewEvent.Kind(rawValue: kind) else {
                throw DatabaseError(.unexpectedValue, "read crew event", "unknown kind (\(kind))")
            }
            return CrewRecord(
                sequence: try row.integer(0), organization: try row.text(1), kioskId: try row.text(2),
                event: CrewEvent(
                    kind: kind, eventId: try row.text(4), crewId: try row.text(5), name: try row.optionalText(6),
                    role: try row.optionalText(7), train: try row.optionalText(8), occurredAt: try row.text(9),
                    clock: try row.optionalText(11).flatMap(CrewEvent.Clock.init(rawValue:))),
                receivedAt: WallClock(milliseconds: try row.integer(10)))
        }
    }

    @discardableResult
    public mutating func pruneCrewEvents(
        before age: WallClock, limit: Int = .max
    ) throws(DatabaseError) -> Int {
        try database.execute(
            "DELETE FROM crew_event WHERE sequence IN (SELECT sequence FROM crew_event WHERE received_at < ? LIMIT ?)",
            age.milliseconds, limit)
    }
}
