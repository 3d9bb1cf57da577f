internal import Database
internal import Primitives
internal import Records
internal import SessionRules
internal import Signaling

/// The table `session`. A kiosk has one session that is open; the schema holds that.
enum SessionsTable {
    enum Beginning {
        case stored
        /// The kiosk has another one that is open.
        case refused(open: SessionRecord)
    }

    /// - Throws: also where a session of that name is there: that is a mistake of the one who names it.
    static func begin(
        _ session: MonitoringSession, in database: inout Database
    ) throws(DatabaseError) -> Beginning {
        let count = try database.execute(
            """
            INSERT INTO session (id, organization, kiosk, monitor, client, started_at) VALUES (?, ?, ?, ?, ?, ?)
            ON CONFLICT (kiosk) WHERE ended_at IS NULL DO NOTHING
            """,
            session.id, session.organization, session.kioskId, session.monitorId, session.clientId,
            session.startedAt.milliseconds)
        guard count == 0 else { return .stored }
        let open = try database.first(
            "SELECT \(columns) FROM session WHERE kiosk = ? AND ended_at IS NULL", session.kioskId
        ) { row throws(DatabaseError) in try SessionRecord(row) }
        guard let open, open.id != session.id else {
            throw DatabaseError(.constraint, "begin session", "there is a session of that name (\(session.id))")
        }
        return .refused(open: open)
    }

    static func negotiated(_ id: String, at now: WallClock, in database: inout Database) throws(DatabaseError) {
        try database.execute(
            "UPDATE session SET negotiated_at = ? WHERE id = ? AND negotiated_at IS NULL", now.milliseconds, id)
    }

    static func moved(_ id: String, toClient clientId: String?, in database: inout Database) throws(DatabaseError) {
        try database.execute("UPDATE session SET client = ? WHERE id = ?", clientId, id)
    }

    /// What the kiosk reports of its media. The first start and the latest stop are kept.
    /// - Returns: the session; nil when there is none of that name.
    static func reported(
        _ report: SessionReport, at now: WallClock, in database: inout Database
    ) throws(DatabaseError) -> SessionRecord? {
        switch report.state {
        case .mediaStarted:
            try changed(
                """
                UPDATE session SET media_started_at = coalesce(media_started_at, ?),
                  first_frame_ms = coalesce(first_frame_ms, ?) WHERE id = ?
                """, [now.milliseconds, report.firstFrameMs, report.sessionId], in: &database)
        case .mediaStopped, .mediaFailed:
            try changed(
                "UPDATE session SET media_stopped_at = ? WHERE id = ?", [now.milliseconds, report.sessionId],
                in: &database)
        }
    }

    /// - Returns: the session; nil when none of that name is open.
    static func end(
        _ id: String, _ reason: SessionEndReason, at now: WallClock, in database: inout Database
    ) throws(DatabaseError) -> SessionRecord? {
        try changed(
            "UPDATE session SET ended_at = ?, end_reason = ? WHERE id = ? AND ended_at IS NULL",
            [now.milliseconds, reason.rawValue, id], in: &database)
    }

    private static func changed(
        _ sql: String, _ values: [any DatabaseBindable], in database: inout Database
    ) throws(DatabaseError) -> SessionRecord? {
        try database.query("\(sql) RETURNING \(columns)", binding: values.map(\.databaseValue)) {
            row throws(DatabaseError) in try SessionRecord(row)
        }.first
    }

    // MARK: Lists

    static func find(_ id: String, in database: inout Database) throws(DatabaseError) -> SessionRecord? {
        try database.first("SELECT \(columns) FROM session WHERE id = ?", id) { row throws(DatabaseError) in
            try SessionRecord(row)
        }
    }

    /// Those that have not ended, oldest first.
    static func open(in database: inout Database) throws(DatabaseError) -> [SessionRecord] {
        try database.query("SELECT \(columns) FROM session WHERE ended_at IS NULL ORDER BY sequence") {
            row throws(DatabaseError) in try SessionRecord(row)
        }
    }

    /// The latest that have ended, the oldest of them first.
    static func ended(limit: Int, in database: inout Database) throws(DatabaseError) -> [SessionRecord] {
        try database.query(
            "SELECT \(columns) FROM session WHERE ended_at IS NOT NULL ORDER BY ended_at DESC LIMIT ?", limit
        ) { row throws(DatabaseError) in try SessionRecord(row) }.reversed()
    }

    /// Newest first. `isOpen` nil lists all.
    static func page(
        organization: String, kioskId: String?, isOpen: Bool?, before cursor: Int64?, limit: Int,
        in database: inout Database
    ) throws(DatabaseError) -> [SessionRecord] {
        try database.query(
            """
            SELECT \(columns) FROM session WHERE organization = ?1 AND sequence < ?2 AND (?3 IS NULL OR kiosk = ?3)
              AND (?4 IS NULL OR (ended_at IS NULL) = ?4) ORDER BY sequence DESC LIMIT ?5
            """, organization, cursor ?? Int64.max, kioskId, isOpen, limit
        ) { row throws(DatabaseError) in try SessionRecord(row) }
    }

    private static let columns = """
        sequence, id, organization, kiosk, monitor, started_at, negotiated_at, media_started_at, first_frame_ms,
          media_stopped_at, ended_at, end_reason, client
        """

    // MARK: Age

    static func expiry(before age: WallClock, in database: inout Database) throws(DatabaseError) -> Expiry {
        try Expiry.count("session", "ended_at", before: age, in: &database)
    }

    /// - Returns: how many sessions went.
    static func prune(
        before age: WallClock, limit: Int, in database: inout Database
    ) throws(DatabaseError) -> Int {
        try Expiry.prune("session", key: "sequence", "ended_at", before: age, limit: limit, in: &database)
    }
}

extension SessionRecord {
    fileprivate init(_ row: borrowing Row) throws(DatabaseError) {
        self.init(
            sequence: try row.integer("sequence"), id: try row.text("id"), organization: try row.text("organization"),
            kioskId: try row.text("kiosk"), monitorId: try row.text("monitor"),
            startedAt: WallClock(milliseconds: try row.integer("started_at")),
            negotiatedAt: try row.optionalInteger("negotiated_at").map(WallClock.init(milliseconds:)),
            mediaStartedAt: try row.optionalInteger("media_started_at").map(WallClock.init(milliseconds:)),
            firstFrameMs: try row.optionalInteger("first_frame_ms"),
            mediaStoppedAt: try row.optionalInteger("media_stopped_at").map(WallClock.init(milliseconds:)),
            endedAt: try row.optionalInteger("ended_at").map(WallClock.init(milliseconds:)),
            endReason: try row.optionalText("end_reason").flatMap(SessionEndReason.init(rawValue:)),
            clientId: try row.optionalText("client"))
    }
}
