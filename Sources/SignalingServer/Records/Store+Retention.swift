internal import Database
internal import Primitives
internal import SessionRules

extension Store {
    // MARK: The clock that retention goes by

    /// When the wall clock was last believed; nil in new records.
    mutating func lastBelieved() throws(DatabaseError) -> WallClock? {
        try database.first("SELECT believed_at FROM clock WHERE id = 1") { row throws(DatabaseError) in
            WallClock(milliseconds: try row.integer(0))
        }
    }

    mutating func believe(_ now: WallClock) throws(DatabaseError) {
        try recordTransaction { store throws(DatabaseError) in
            try store.database.execute(
                "INSERT INTO clock VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET believed_at = excluded.believed_at",
                now.milliseconds)
            // What lies ahead was written by a clock that was wrong.
            try store.database.execute(
                "UPDATE account SET last_seen_at = NULL WHERE last_seen_at > ?", (now + .seconds(86_400)).milliseconds)
        }
    }

    /// Whether a tenth or more of some kind of record is older than it may get.
    mutating func expiresMuch(
        _ retention: ServerConfiguration.Retention, now: WallClock
    ) throws(DatabaseError) -> Bool {
        let kinds: [(table: String, column: String, age: Duration?)] = [
            ("session", "ended_at", retention.sessions), ("crew_event", "received_at", retention.crewEvents),
            ("audit", "at", retention.audit), ("refresh_token", "expires_at", .zero),
        ]
        for kind in kinds {
            guard let age = kind.age else { continue }
            let isMuch =
                try database.first(
                    "SELECT coalesce(sum(\(kind.column) < ?), 0) * 10 >= max(count(*), 1) FROM \(kind.table)",
                    (now - age).milliseconds
                ) { row throws(DatabaseError) in try row.bool(0) } ?? false
            if isMuch { return true }
        }
        return false
    }
}
