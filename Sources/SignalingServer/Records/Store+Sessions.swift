public import Database
internal import JSON
public import Primitives
public import SessionRules
public import Signaling

extension Store {
    // MARK: Sessions, each step with its line in the audit

    public mutating func sessionBegan(_ session: MonitoringSession) throws(DatabaseError) {
        try recordTransaction { store throws(DatabaseError) in
            try store.database.execute(
                "INSERT INTO session (id, organization, kiosk, monitor, client, started_at) VALUES (?, ?, ?, ?, ?, ?)",
                session.id, session.organization, session.kioskId, session.monitorId, session.clientId,
                session.startedAt.milliseconds)
            try store.append(
                AuditEntry(
                    at: session.startedAt, kind: .monitoringStarted, organization: session.organization,
                    principal: session.monitorId, subject: session.kioskId, details: ["sessionId": .string(session.id)])
            )
        }
    }

    public mutating func sessionNegotiated(_ id: String, at now: WallClock) throws(DatabaseError) {
        try database.execute(
            "UPDATE session SET negotiated_at = ? WHERE id = ? AND negotiated_at IS NULL", now.milliseconds, id)
    }

    public mutating func sessionMoved(_ id: String, toClient clientId: String?) throws(DatabaseError) {
        try database.execute("UPDATE session SET client = ? WHERE id = ?", clientId, id)
    }

    /// What the kiosk reports of its media. The first start and the latest stop are kept, all go into the audit.
    public mutating func sessionReported(_ report: SessionReport, at now: WallClock) throws(DatabaseError) {
        try recordTransaction { store throws(DatabaseError) in
            guard let session = try store.session(report.sessionId) else { return }
            switch report.state {
            case .mediaStarted:
                try store.database.execute(
                    """
                    UPDATE session SET media_started_at = coalesce(media_started_at, ?),
                      first_frame_ms = coalesce(first_frame_ms, ?) WHERE id = ?
                    """, now.milliseconds, report.firstFrameMs, report.sessionId)
            case .mediaStopped, .mediaFailed:
                try store.database.execute(
                    "UPDATE session SET media_stopped_at = ? WHERE id = ?", now.milliseconds, report.sessionId)
            }
            try store.append(
                AuditEntry(
                    at: now, kind: report.state == .mediaStarted ? .mediaStarted : .mediaStopped,
                    organization: session.organization, principal: session.kioskId, subject: session.monitorId,
                    details: [
                        "sessionId": .string(session.id),
                        "firstFrameMs": report.firstFrameMs.map { .integer($0) } ?? .null,
                        "reason": report.reason.map { .string($0) } ?? .null,
                    ]))
        }
    }

    public mutating func sessionEnded(
        _ id: String, _ reason: SessionEndReason, by actor: String?, at now: WallClock
    ) throws(DatabaseError) {
        try recordTransaction { store throws(DatabaseError) in
            guard let session = try store.session(id), session.endedAt == nil else { return }
            try store.database.execute(
                "UPDATE session SET ended_at = ?, end_reason = ? WHERE id = ?", now.milliseconds, reason.rawValue, id)
            let seconds = (now.milliseconds - session.startedAt.milliseconds) / 1000
            try store.append(
                AuditEntry(
                    at: now, kind: .monitoringStopped, organization: session.organization,
                    principal: actor ?? session.monitorId, subject: session.kioskId,
                    details: [
                        "sessionId": .string(id), "monitorId": .string(session.monitorId),
                        "reason": .string(reason.rawValue), "seconds": .integer(seconds),
                    ]))
        }
    }

    public mutating func session(_ id: String) throws(DatabaseError) -> SessionRecord? {
        try database.first("\(Store.sessionColumns) WHERE id = ?", id) { row throws(DatabaseError) in
            try SessionRecord(row)
        }
    }

    /// Those that had not ended when the server last stopped.
    public mutating func openSessions() throws(DatabaseError) -> [SessionRecord] {
        try database.query("\(Store.sessionColumns) WHERE ended_at IS NULL ORDER BY sequence") {
            row throws(DatabaseError) in try SessionRecord(row)
        }
    }

    /// The latest that have ended, the oldest of them first.
    public mutating func endedSessions(limit: Int) throws(DatabaseError) -> [SessionRecord] {
        try database.query("\(Store.sessionColumns) WHERE ended_at IS NOT NULL ORDER BY ended_at DESC LIMIT ?", limit) {
            row throws(DatabaseError) in try SessionRecord(row)
        }.reversed()
    }

    /// Newest first. `isOpen` nil lists all.
    public mutating func sessions(
        organization: String, kioskId: String?, isOpen: Bool?, before cursor: Int64?, limit: Int
    ) throws(DatabaseError) -> [SessionRecord] {
        try database.query(
            """
            \(Store.sessionColumns) WHERE organization = ?1 AND sequence < ?2 AND (?3 IS NULL OR kiosk = ?3)
              AND (?4 IS NULL OR (ended_at IS NULL) = ?4) ORDER BY sequence DESC LIMIT ?5
            """, organization, cursor ?? Int64.max, kioskId, isOpen, limit
        ) { row throws(DatabaseError) in try SessionRecord(row) }
    }

    @discardableResult
    public mutating func pruneSessions(before age: WallClock, limit: Int = .max) throws(DatabaseError) -> Int {
        try database.execute(
            "DELETE FROM session WHERE sequence IN (SELECT sequence FROM session WHERE ended_at < ? LIMIT ?)",
            age.milliseconds, limit)
    }

    private static let sessionColumns = """
        SELECT sequence, id, organization, kiosk, monitor, started_at, negotiated_at, media_started_at, first_frame_ms,
          media_stopped_at, ended_at, end_reason, client FROM session
        """
}

extension SessionRecord {
    fileprivate init(_ row: borrowing Row) throws(DatabaseError) {
        self.init(
            sequence: try row.integer(0), id: try row.text(1), organization: try row.text(2),
            kioskId: try row.text(3), monitorId: try row.text(4),
            startedAt: WallClock(milliseconds: try row.integer(5)),
            negotiatedAt: try row.optionalInteger(6).map(WallClock.init(milliseconds:)),
            mediaStartedAt: try row.optionalInteger(7).map(WallClock.init(milliseconds:)),
            firstFrameMs: try row.optionalInteger(8),
            mediaStoppedAt: try row.optionalInteger(9).map(WallClock.init(milliseconds:)),
            endedAt: try row.optionalInteger(10).map(WallClock.init(milliseconds:)),
            endReason: try row.optionalText(11).flatMap(SessionEndReason.init(rawValue:)),
            clientId: try row.optionalText(12))
    }
}
