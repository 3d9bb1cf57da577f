internal import Database
internal import Glibc
internal import Identity
public import Primitives
public import Records
public import SessionRules

/// The records in an SQLite file, in the calling thread: for a command, and for a server that begins. One that serves gives them to their
/// own threads (`RecordsThread`, `ListsThread`), because they wait for the disk.
public struct SQLiteRecords: ~Copyable, Sendable {
    /// What is expected of the file.
    public enum Opening: Sendable {
        /// Records that are not there are a mistake in the path.
        case existing
        case mayCreate
        /// Nothing is made, and nothing brought up to date.
        case readOnly
    }

    /// What a server begins with.
    public struct Beginning: Sendable {
        /// Accounts, keys and revocations.
        public var directory: DirectoryRecord
        /// The addresses from which accounts logged in before, the latest last.
        public var homes: [String: [IPAddress]]
        /// Sessions that had not ended when the server last stopped.
        public var openSessions: [SessionRecord]
        /// The latest that had, the oldest of them first.
        public var endedSessions: [SessionRecord]
    }

    var store: Store

    /// Opens the file and brings its schema up to date; new records get their first signing key.
    public init(_ path: String, _ opening: Opening, now: WallClock) throws(RecordError) {
        guard opening == .mayCreate || access(path, F_OK) == 0 || errno != ENOENT else {
            throw .unavailable(
                "\(path) does not exist; name the records with --database or --config, or begin with account add")
        }
        do throws(DatabaseError) {
            store = try Store(
                .file(path), Database.Options(isReadOnly: opening == .readOnly, mayCreate: opening == .mayCreate),
                now: now)
        } catch {
            throw RecordError(error)
        }
    }

    init(_ store: consuming Store) { self.store = store }

    /// What a server needs to know before it serves, all of one moment.
    public mutating func beginning(now: WallClock) throws(RecordError) -> Beginning {
        try read { database throws(DatabaseError) in
            Beginning(
                directory: try Store.directory(now: now, in: &database), homes: try HomesTable.all(in: &database),
                openSessions: try SessionsTable.open(in: &database),
                endedSessions: try SessionsTable.ended(limit: EndedSessions.limit, in: &database))
        }
    }

    /// By organization and id.
    public mutating func accounts() throws(RecordError) -> [Account] {
        try read { database throws(DatabaseError) in try AccountsTable.all(in: &database) }
    }

    /// - Throws: `accountExists`, `noSuchAccount`, or that the records cannot be written.
    public mutating func perform(_ change: AccountChange, by actor: String, now: WallClock) throws(RecordError) {
        let result = try write { database throws(DatabaseError) in
            try AccountChanges.perform(change, by: actor, now: now, in: &database)
        }
        _ = try result.get()
    }

    /// A new key signs from now on. Tokens of the old ones stay good until they expire.
    public mutating func rotateKeys(by actor: String, now: WallClock) throws(RecordError) {
        try write { database throws(DatabaseError) in
            try KeysTable.rotate(now: now, in: &database)
            try AuditTable.append(.keysRotated(by: actor, at: now), in: &database)
        }
    }

    /// Follows the chain of the audit from its beginning to its end.
    public mutating func verifyAudit() throws(RecordError) -> AuditVerdict {
        try read { database throws(DatabaseError) in try AuditTable.verify(in: &database) }
    }

    /// Copies everything into a new file while others go on using the records.
    public mutating func backUp(to path: String) throws(RecordError) {
        try store.reported { store throws(DatabaseError) in try store.backUp(to: path) }
    }

    private mutating func read<Result>(
        _ body: (inout Database) throws(DatabaseError) -> Result
    ) throws(RecordError) -> Result {
        try store.reported { store throws(DatabaseError) in try store.read(body) }
    }

    private mutating func write<Result>(
        _ body: (inout Database) throws(DatabaseError) -> Result
    ) throws(RecordError) -> Result {
        try store.reported { store throws(DatabaseError) in try store.write(body) }
    }
}
