public import Database
internal import JSON
public import Primitives
public import SessionRules

extension Store {
    // MARK: Audit

    /// Adds a line to the chain.
    public mutating func append(_ entry: AuditEntry) throws(DatabaseError) {
        try recordTransaction { store throws(DatabaseError) in
            let last = try store.chainEnd()
            var row = AuditRow(
                sequence: last.sequence + 1, at: entry.at, kind: entry.kind.rawValue, organization: entry.organization,
                actor: entry.principal, subject: entry.subject, details: entry.details, hash: [])
            row.hash = row.expectedHash(after: last.hash)
            try store.database.execute(
                """
                INSERT INTO audit (sequence, at, organization, kind, actor, subject, details, hash)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                """,
                row.sequence, row.at.milliseconds, row.organization, row.kind, row.actor, row.subject, row.details,
                row.hash)
        }
    }

    private mutating func chainEnd() throws(DatabaseError) -> (sequence: Int64, hash: [UInt8]) {
        let last = try database.first("SELECT sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1") {
            row throws(DatabaseError) -> (sequence: Int64, hash: [UInt8]) in (try row.integer(0), try row.blob(1))
        }
        if let last { return last }
        return try anchor()
    }

    private mutating func anchor() throws(DatabaseError) -> (sequence: Int64, hash: [UInt8]) {
        let anchor = try database.first("SELECT sequence, hash FROM audit_anchor WHERE id = 1") {
            row throws(DatabaseError) -> (sequence: Int64, hash: [UInt8]) in (try row.integer(0), try row.blob(1))
        }
        guard let anchor else { throw DatabaseError(.corrupt, "read audit", "the chain has lost its beginning") }
        return anchor
    }

    /// What following the whole chain found.
    public enum AuditVerdict: Equatable, Sendable {
        case whole(rows: Int64)
        /// The first row that is not what was written, or whose predecessor is gone.
        case broken(sequence: Int64, reason: String)
    }

    /// Follows the chain from its beginning to its end. A beginning that was moved must be where a line of the chain says
    /// that retention has moved it. What is missing behind the last line leaves no trace.
    public mutating func verifyAudit() throws(DatabaseError) -> AuditVerdict {
        try readTransaction { store throws(DatabaseError) in
            var (sequence, hash) = try store.anchor()
            let beginning = sequence
            var isWitnessed = beginning == 0
            var rows: Int64 = 0
            while true {
                let page = try store.database.query(
                    "\(Store.auditColumns) WHERE sequence > ? ORDER BY sequence LIMIT 1000", sequence
                ) { row throws(DatabaseError) in try AuditRow(row) }
                for row in page {
                    guard row.sequence == sequence + 1 else {
                        return .broken(sequence: sequence + 1, reason: "the row is missing")
                    }
                    guard row.hash == row.expectedHash(after: hash) else {
                        return .broken(sequence: row.sequence, reason: "the row is not what was written")
                    }
                    // The deletion that a line announces goes in slices, and may be under way.
                    if let end = row.prunedThrough, end >= beginning { isWitnessed = true }
                    (sequence, hash) = (row.sequence, row.hash)
                    rows += 1
                }
                guard page.isEmpty else { continue }
                guard isWitnessed else {
                    return .broken(sequence: beginning, reason: "the rows up to here are missing, and no row says why")
                }
                return .whole(rows: rows)
            }
        }
    }

    /// Deletes what is older than `age`, from the oldest on, and moves the chain's beginning there; the deletion is itself a
    /// line of the chain, so that the new beginning can be told from a forged one.
    /// - Returns: how many lines went.
    @discardableResult
    public mutating func pruneAudit(before age: WallClock, now: WallClock) throws(DatabaseError) -> Int {
        try recordTransaction { store throws(DatabaseError) in
            guard let end = try store.announceAuditPruning(before: age, now: now) else { return 0 }
            return try store.pruneAudit(through: end, limit: .max)
        }
    }

    /// Writes the line that says what is going to be deleted.
    /// - Returns: the last line that goes; nil when none does.
    mutating func announceAuditPruning(before age: WallClock, now: WallClock) throws(DatabaseError) -> Int64? {
        try recordTransaction { store throws(DatabaseError) in
            // Up to the first row that is young enough: a clock that jumped must not tear a hole.
            let last = try store.database.first(
                """
                SELECT sequence FROM audit WHERE sequence <
                  coalesce((SELECT min(sequence) FROM audit WHERE at >= ?), 9223372036854775807)
                ORDER BY sequence DESC LIMIT 1
                """, age.milliseconds
            ) { row throws(DatabaseError) in try row.integer(0) }
            guard let last else { return nil }
            try store.append(.pruned(through: last, at: now))
            return last
        }
    }

    /// Deletes lines that are announced, the oldest first, and moves the chain's beginning.
    /// - Returns: how many went.
    mutating func pruneAudit(through end: Int64, limit: Int) throws(DatabaseError) -> Int {
        try recordTransaction { store throws(DatabaseError) in
            let slice = try store.database.query(
                "SELECT sequence, hash FROM audit WHERE sequence <= ? ORDER BY sequence LIMIT ?", end, limit
            ) { row throws(DatabaseError) -> (sequence: Int64, hash: [UInt8]) in
                (try row.integer(0), try row.blob(1))
            }
            guard let last = slice.last else { return 0 }
            try store.database.execute("UPDATE audit_anchor SET sequence = ?, hash = ?", last.sequence, last.hash)
            return try store.database.execute("DELETE FROM audit WHERE sequence <= ?", last.sequence)
        }
    }

    /// Newest first.
    public mutating func audit(
        organization: String, before cursor: Int64?, limit: Int
    ) throws(DatabaseError) -> [AuditRow] {
        try database.query(
            "\(Store.auditColumns) WHERE organization = ? AND sequence < ? ORDER BY sequence DESC LIMIT ?",
            organization, cursor ?? Int64.max, limit
        ) { row throws(DatabaseError) in try AuditRow(row) }
    }

    private static let auditColumns =
        "SELECT sequence, at, kind, organization, actor, subject, details, hash FROM audit"
}

extension AuditEntry {
    /// The line that tells a beginning which retention has moved from a forged one.
    fileprivate static func pruned(through sequence: Int64, at: WallClock) -> AuditEntry {
        AuditEntry(
            at: at, kind: .auditPruned, organization: "", principal: "server", details: ["through": .integer(sequence)])
    }
}

extension AuditRow {
    /// The last line that retention was going to delete, where that is what the row tells.
    fileprivate var prunedThrough: Int64? {
        guard kind == AuditEntry.Kind.auditPruned.rawValue else { return nil }
        return (try? JSONValue(parsing: Array(details.utf8)))?["through"]?.integer
    }

    fileprivate init(_ row: borrowing Row) throws(DatabaseError) {
        self.init(
            sequence: try row.integer(0), at: WallClock(milliseconds: try row.integer(1)), kind: try row.text(2),
            organization: try row.text(3), actor: try row.text(4), subject: try row.text(5),
            details: try row.text(6), hash: try row.blob(7))
    }
}
