internal import Database
internal import Primitives
internal import Records
internal import SessionRules

/// The tables `audit` and `audit_anchor`: the chain of lines, and where it begins.
enum AuditTable {
    /// Adds a line to the chain. In the transaction of what it tells, so that neither is there without the other.
    static func append(_ entry: AuditEntry, in database: inout Database) throws(DatabaseError) {
        let row = AuditRow(entry, after: try end(in: &database))
        try database.execute(
            """
            INSERT INTO audit (sequence, at, organization, kind, actor, subject, details, hash)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            """,
            row.sequence, row.at.milliseconds, row.organization, row.kind, row.actor, row.subject, row.details,
            row.hash)
    }

    private static func end(in database: inout Database) throws(DatabaseError) -> AuditLink {
        let last = try database.first("SELECT sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1") {
            row throws(DatabaseError) in try AuditLink(row)
        }
        if let last { return last }
        return try anchor(in: &database)
    }

    private static func anchor(in database: inout Database) throws(DatabaseError) -> AuditLink {
        let anchor = try database.first("SELECT sequence, hash FROM audit_anchor WHERE id = 1") {
            row throws(DatabaseError) in try AuditLink(row)
        }
        guard let anchor else { throw DatabaseError(.corrupt, "read audit", "the chain has lost its beginning") }
        return anchor
    }

    /// Follows the chain from its beginning to its end.
    static func verify(in database: inout Database) throws(DatabaseError) -> AuditVerdict {
        var chain = AuditChain(from: try anchor(in: &database))
        while true {
            let page = try database.query(
                "SELECT \(columns) FROM audit WHERE sequence > ? ORDER BY sequence LIMIT 1000", chain.last.sequence
            ) { row throws(DatabaseError) in try AuditRow(row) }
            guard !page.isEmpty else { return chain.verdict }
            for row in page { if let broken = chain.follow(row) { return broken } }
        }
    }

    private static let match = """
        FROM audit WHERE organization = ?1 AND sequence < ?2 AND (?3 IS NULL OR actor = ?3 OR subject = ?3)
          AND (?4 IS NULL OR actor = ?4) AND (?5 IS NULL OR kind = ?5) AND (?6 IS NULL OR at >= ?6)
          AND (?7 IS NULL OR at < ?7)
        """

    /// The sequence number of the `count`th line that `page` would list; nil when there are fewer.
    static func sequence(
        organization: String, _ filter: AuditFilter, before cursor: Int64?, at count: Int, in database: inout Database
    ) throws(DatabaseError) -> Int64? {
        try database.first(
            "SELECT sequence \(match) ORDER BY sequence DESC LIMIT 1 OFFSET ?8", organization, cursor ?? Int64.max,
            filter.kioskId, filter.actor, filter.kind?.rawValue, filter.from?.milliseconds, filter.to?.milliseconds,
            count - 1
        ) { row throws(DatabaseError) in try row.integer("sequence") }
    }

    /// Newest first.
    static func page(
        organization: String, _ filter: AuditFilter, before cursor: Int64?, limit: Int, in database: inout Database
    ) throws(DatabaseError) -> [AuditRow] {
        try database.query(
            "SELECT \(columns) \(match) ORDER BY sequence DESC LIMIT ?8", organization, cursor ?? Int64.max,
            filter.kioskId, filter.actor, filter.kind?.rawValue, filter.from?.milliseconds, filter.to?.milliseconds,
            limit
        ) { row throws(DatabaseError) in try AuditRow(row) }
    }

    private static let columns = "sequence, at, kind, organization, actor, subject, details, hash"

    /// Writes there and back: a page must change for SQLite to write it, and no row may.
    static func touch(in database: inout Database) throws(DatabaseError) {
        try database.execute("UPDATE audit_anchor SET sequence = sequence + 1")
        try database.execute("UPDATE audit_anchor SET sequence = sequence - 1")
    }

    // MARK: Age

    static func expiry(before age: WallClock, in database: inout Database) throws(DatabaseError) -> Expiry {
        try Expiry.count("audit", "at", before: age, in: &database)
    }

    /// Writes the line that says what is going to be deleted; the deletion is itself a line of the chain, so that the new beginning can
    /// be told from a forged one.
    /// - Returns: the last line that goes; nil when none does.
    static func announcePruning(
        before age: WallClock, now: WallClock, in database: inout Database
    ) throws(DatabaseError) -> Int64? {
        // Up to the first row that is young enough: a clock that jumped must not tear a hole.
        let last = try database.first(
            """
            SELECT sequence FROM audit WHERE sequence <
              coalesce((SELECT min(sequence) FROM audit WHERE at >= ?), 9223372036854775807)
            ORDER BY sequence DESC LIMIT 1
            """, age.milliseconds
        ) { row throws(DatabaseError) in try row.integer("sequence") }
        guard let last else { return nil }
        try append(.pruned(through: last, at: now), in: &database)
        return last
    }

    /// Deletes lines that are announced, the oldest first, and moves the chain's beginning.
    /// - Returns: how many went.
    static func prune(through end: Int64, limit: Int, in database: inout Database) throws(DatabaseError) -> Int {
        let slice = try database.query(
            "SELECT sequence, hash FROM audit WHERE sequence <= ? ORDER BY sequence LIMIT ?", end, limit
        ) { row throws(DatabaseError) in try AuditLink(row) }
        guard let last = slice.last else { return 0 }
        try database.execute("UPDATE audit_anchor SET sequence = ?, hash = ?", last.sequence, last.hash)
        return try database.execute("DELETE FROM audit WHERE sequence <= ?", last.sequence)
    }
}

extension AuditLink {
    fileprivate init(_ row: borrowing Row) throws(DatabaseError) {
        self.init(sequence: try row.integer("sequence"), hash: try row.blob("hash"))
    }
}

extension AuditRow {
    fileprivate init(_ row: borrowing Row) throws(DatabaseError) {
        self.init(
            sequence: try row.integer("sequence"), at: WallClock(milliseconds: try row.integer("at")),
            kind: try row.text("kind"),
            organization: try row.text("organization"), actor: try row.text("actor"), subject: try row.text("subject"),
            details: try row.text("details"), hash: try row.blob("hash"))
    }
}
