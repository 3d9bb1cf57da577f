internal import Database
internal import Primitives
internal import Records

/// The records: accounts, keys, refresh tokens, sessions, crew events, audit. The one seam between the server and what
/// keeps them; here that is SQLite. It blocks on the disk, so it lives on a thread of its own (`RecordsThread`).
///
/// The store opens the file and gives its database to the parts, for a transaction at a time. A table is known to one part
/// (`AccountsTable`, `TokensTable`, …), which holds nothing itself; `AccountChanges`, `LogIns` and the switch over requests join them.
///
/// What a method has written when it returns survives the loss of power.
struct Store: ~Copyable, Sendable {
    private var database: Database

    /// Of the file: the program's own, but for records that are only read.
    var schemaVersion: Int { database.schemaVersion }

    /// Opens or makes the file and brings its schema up to date. The first start makes the first signing key. Opened to
    /// read only, nothing is made and nothing brought up to date.
    init(
        _ location: Database.Location, _ options: Database.Options = Database.Options(), now: WallClock
    ) throws(DatabaseError) {
        if case .file(let path) = location, !options.isReadOnly { try RecordsFile.check(path) }
        var database = try Database(location, options)
        if options.isReadOnly {
            try database.readSchemaVersion(atMost: Schema.migrations.count, applicationID: Schema.applicationID)
        } else {
            try database.migrate(Schema.migrations, applicationID: Schema.applicationID)
            try database.transaction { database throws(DatabaseError) in
                try KeysTable.makeFirst(now: now, in: &database)
            }
        }
        self.database = database
    }

    // MARK: Transactions

    /// Everything `body` writes, or nothing of it.
    mutating func write<Result>(
        _ body: (inout Database) throws(DatabaseError) -> Result
    ) throws(DatabaseError) -> Result {
        try database.transaction(body)
    }

    /// Runs what only reads on one state of the records, while others write.
    mutating func read<Result>(
        _ body: (inout Database) throws(DatabaseError) -> Result
    ) throws(DatabaseError) -> Result {
        try database.readTransaction(body)
    }

    /// Runs a body that fails with the database's error as one that fails with the records'.
    mutating func reported<Result>(
        _ body: (inout Store) throws(DatabaseError) -> Result
    ) throws(RecordError) -> Result {
        do throws(DatabaseError) { return try body(&self) } catch { throw RecordError(error) }
    }

    // MARK: The whole

    /// Changes whenever another process has changed the records: an account command, while the server runs.
    mutating func version() throws(DatabaseError) -> Int64 { try database.dataVersion() }

    /// Copies everything into a new file while others go on using it.
    mutating func backUp(to path: String) throws(DatabaseError) { try database.backUp(to: path) }

    /// Proves that the records can be written now, by a commit that reaches the disk.
    mutating func check() throws(DatabaseError) {
        try write { database throws(DatabaseError) in try AuditTable.touch(in: &database) }
    }
}

extension RecordError {
    /// No type of the database's leaves this target.
    init(_ error: DatabaseError) { self = .unavailable(error.description) }
}
