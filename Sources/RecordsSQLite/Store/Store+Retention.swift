internal import Database
internal import Primitives
internal import Records

extension Store: ExpiringRecords {
    /// When the wall clock was last believed; nil in new records.
    mutating func lastBelieved() throws(DatabaseError) -> WallClock? {
        try read { database throws(DatabaseError) in try ClockTable.believed(in: &database) }
    }

    mutating func believe(_ now: WallClock) throws(DatabaseError) {
        try write { database throws(DatabaseError) in
            try ClockTable.believe(now, in: &database)
            try AccountsTable.forgetSeen(after: now + .seconds(86_400), in: &database)
        }
    }

    mutating func expiry(of kind: ExpiringKind, before age: WallClock) throws(DatabaseError) -> Expiry {
        try read { database throws(DatabaseError) in
            switch kind {
            case .sessions: try SessionsTable.expiry(before: age, in: &database)
            case .crewEvents: try CrewTable.expiry(before: age, in: &database)
            case .audit: try AuditTable.expiry(before: age, in: &database)
            case .refreshTokens: try TokensTable.expiry(before: age, in: &database)
            }
        }
    }

    mutating func pruneTokens(now: WallClock, limit: Int) throws(DatabaseError) -> Int {
        try write { database throws(DatabaseError) in try TokensTable.prune(now: now, limit: limit, in: &database) }
    }

    mutating func pruneSessions(before age: WallClock, limit: Int) throws(DatabaseError) -> Int {
        try write { database throws(DatabaseError) in
            try SessionsTable.prune(before: age, limit: limit, in: &database)
        }
    }

    mutating func pruneCrewEvents(before age: WallClock, limit: Int) throws(DatabaseError) -> Int {
        try write { database throws(DatabaseError) in try CrewTable.prune(before: age, limit: limit, in: &database) }
    }

    mutating func announceAuditPruning(before age: WallClock, now: WallClock) throws(DatabaseError) -> Int64? {
        try write { database throws(DatabaseError) in
            try AuditTable.announcePruning(before: age, now: now, in: &database)
        }
    }

    mutating func pruneAudit(through end: Int64, limit: Int) throws(DatabaseError) -> Int {
        try write { database throws(DatabaseError) in
            try AuditTable.prune(through: end, limit: limit, in: &database)
        }
    }
}

extension Expiry {
    /// Of a table, by a column of times.
    static func count(
        _ table: StaticString, _ column: StaticString, before age: WallClock, in database: inout Database
    ) throws(DatabaseError) -> Expiry {
        let counted = try database.first(
            "SELECT coalesce(sum(\(column) < ?), 0) AS expired, count(*) AS number FROM \(table)", age.milliseconds
        ) { row throws(DatabaseError) in
            Expiry(expired: Int(try row.integer("expired")), of: Int(try row.integer("number")))
        }
        return counted ?? Expiry(expired: 0, of: 0)
    }

    /// Removes up to `limit` of the rows that `count` counts as expired.
    ///
    /// - Parameter key: A column that no two rows share.
    /// - Returns: how many rows went.
    static func prune(
        _ table: StaticString, key: StaticString, _ column: StaticString, before age: WallClock, limit: Int,
        in database: inout Database
    ) throws(DatabaseError) -> Int {
        try database.execute(
            "DELETE FROM \(table) WHERE \(key) IN (SELECT \(key) FROM \(table) WHERE \(column) < ? LIMIT ?)",
            age.milliseconds, limit)
    }
}
