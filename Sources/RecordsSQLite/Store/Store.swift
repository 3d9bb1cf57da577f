internal import Database
internal import Primitives
internal import Records
internal import SessionRules

/// The records: accounts, keys, refresh tokens, sessions, crew events, audit. The one seam between the server and what
/// keeps them; here that is SQLite. It blocks on the disk, so it lives on a thread of its own (`RecordsThread`).
///
/// What a method has written when it returns survives the loss of power.
struct Store: ~Copyable, Sendable {
    var database: Database
    /// Of the file: the program's own, but for records that are only read.
    let schemaVersion: Int

    /// Opens or makes the file and brings its schema up to date. The first start makes the first signing key. Opened to
    /// read only, nothing is made and nothing brought up to date.
    init(
        _ location: Database.Location, _ options: Database.Options = Database.Options(), now: WallClock
    ) throws(DatabaseError) {
        if case .file(let path) = location, !options.isReadOnly { try RecordsFile.check(path) }
        var database = try Database(location, options)
        guard !options.isReadOnly else {
            let version = try database.schemaVersion(
                atMost: Schema.migrations.count, applicationID: Schema.applicationID)
            self.init(takingOwnershipOf: database, schemaVersion: version)
            return
        }
        try database.migrate(Schema.migrations, applicationID: Schema.applicationID)
        var store = Store(takingOwnershipOf: database, schemaVersion: Schema.migrations.count)
        try store.makeFirstKey(now: now)
        self = store
    }

    private init(takingOwnershipOf database: consuming Database, schemaVersion: Int) {
        self.database = database
        self.schemaVersion = schemaVersion
    }

    /// Changes whenever another process has changed the records: an account command, while the server runs.
    mutating func version() throws(DatabaseError) -> Int64 { try database.dataVersion() }

    /// Copies everything into a new file while others go on using it.
    mutating func backUp(to path: String) throws(DatabaseError) { try database.backUp(to: path) }

    /// Proves that the records can be written now, by a commit that reaches the disk.
    mutating func check() throws(DatabaseError) {
        try database.transaction { database throws(DatabaseError) in
            // There and back: a page must change for SQLite to write it, and no row may.
            try database.execute("UPDATE audit_anchor SET sequence = sequence + 1")
            try database.execute("UPDATE audit_anchor SET sequence = sequence - 1")
        }
    }
}

extension WallClock {
    /// As the records keep times.
    var milliseconds: Int64 { nanosecondsSince1970 / 1_000_000 }
    init(milliseconds: Int64) { self.init(nanosecondsSince1970: milliseconds &* 1_000_000) }
}

extension RecordError {
    /// No type of the database's leaves this target.
    init(_ error: DatabaseError) { self = .unavailable(error.description) }
}
