internal import CSQLite

/// One step of a schema. Its place in the list is the version it makes, counted from 1; a step that was shipped is
/// never changed, only followed.
public struct Migration: Sendable {
    /// What makes rows fit for the statements.
    public typealias Preparation = @Sendable (inout Database) throws(DatabaseError) -> Void

    /// One or more statements.
    public var sql: String
    /// Runs before the statements and in their transaction; it must go by the schema of its step for ever.
    public var preparation: Preparation?

    /// - Parameter sql: one or more statements, separated by semicolons, without parameters.
    public init(preparing preparation: Preparation? = nil, _ sql: String) {
        self.preparation = preparation
        self.sql = sql
    }
}

extension Database {
    /// Brings the schema up to date, each step in a transaction of its own.
    ///
    /// - Parameter applicationID: the program's mark in the file (`PRAGMA application_id`); a file with another mark
    ///   belongs to another program and is refused.
    /// - Throws: `newerSchema` when the file knows more steps than the program.
    public mutating func migrate(_ migrations: [Migration], applicationID: Int32) throws(DatabaseError) {
        let mark = try pragma("application_id")
        let version = try pragma("user_version")
        let isEmpty = try isWithoutTables()
        guard mark == Int64(applicationID) || (mark == 0 && version == 0 && isEmpty) else {
            throw DatabaseError(.foreign, "migrate", "the file is the database of another program")
        }
        guard version <= Int64(migrations.count) else {
            throw DatabaseError(
                .newerSchema, "migrate",
                "the file has schema version \(version), this program knows \(migrations.count)")
        }
        if mark == 0 { try executeScript("PRAGMA application_id=\(applicationID)") }
        for next in Int(version)..<migrations.count {
            try transaction { database throws(DatabaseError) in
                // Another process may have been faster.
                guard try database.pragma("user_version") == Int64(next) else { return }
                try migrations[next].preparation?(&database)
                try database.executeScript(migrations[next].sql)
                try database.executeScript("PRAGMA user_version=\(next + 1)")
            }
        }
        schemaVersion = migrations.count
    }

    /// Learns the `schemaVersion` of a file that is only read.
    /// - Throws: `foreign`, or `newerSchema` when the file knows more steps than the program.
    public mutating func readSchemaVersion(atMost known: Int, applicationID: Int32) throws(DatabaseError) {
        guard try pragma("application_id") == Int64(applicationID) else {
            throw DatabaseError(.foreign, "open", "the file is the database of another program")
        }
        let version = try pragma("user_version")
        guard version <= Int64(known) else {
            throw DatabaseError(
                .newerSchema, "open", "the file has schema version \(version), this program knows \(known)")
        }
        schemaVersion = Int(version)
    }

    private mutating func pragma(_ name: String) throws(DatabaseError) -> Int64 {
        try first("PRAGMA \(name)") { row throws(DatabaseError) in try row.integer(0) } ?? 0
    }

    private mutating func isWithoutTables() throws(DatabaseError) -> Bool {
        try first("SELECT 1 FROM sqlite_schema LIMIT 1") { _ throws(DatabaseError) in false } ?? true
    }
}
