internal import CSQLite

/// One connection to an SQLite database, closed with the value that holds it.
///
/// Every database here is in WAL mode with `synchronous=FULL`: when `transaction` or a lone `execute` returns, the
/// change survives the loss of the process and of power (sqlite.org/pragma.html#pragma_synchronous). Statements are
/// compiled once and kept. All use is `mutating`, so the compiler keeps a connection to one thread at a time while it
/// may move between them.
///
///     var database = try Database(.file("/var/lib/x.db"))
///     try database.migrate(migrations, applicationID: 0x4B494F53)
///     try database.execute("INSERT INTO note (id, text) VALUES (?, ?)", 1, "hello")
///     let texts = try database.query("SELECT text FROM note WHERE id > ?", 0) { row throws(DatabaseError) in
///         try row.text(0)
///     }
public struct Database: ~Copyable, @unchecked Sendable {
    /// Where the data is.
    public enum Location: Hashable, Sendable {
        case file(String)
        /// A private one that is gone with its connection.
        case memory
    }

    /// How a connection is opened.
    public struct Options: Sendable {
        /// Refuses every change and sets no journal mode; the file must exist.
        public var isReadOnly: Bool
        /// False where a file that is not there is an error and no beginning.
        public var mayCreate: Bool
        /// Only the owner of the file may read it: it is created with mode 0600.
        public var isPrivate: Bool
        /// How long a statement waits for another connection's lock.
        public var busyTimeout: Duration

        /// A private file that may be created and written; five seconds for another connection's lock.
        public init(
            isReadOnly: Bool = false, mayCreate: Bool = true, isPrivate: Bool = true,
            busyTimeout: Duration = .seconds(5)
        ) {
            self.isReadOnly = isReadOnly
            self.mayCreate = mayCreate && !isReadOnly
            self.isPrivate = isPrivate
            self.busyTimeout = busyTimeout
        }
    }

    let handle: OpaquePointer
    /// Idle statements by their text.
    private var cache: [String: OpaquePointer]
    private var isInTransaction: Bool
    /// The steps of the schema that the file has, once `migrate` or `readSchemaVersion` has seen to it; 0 before.
    public internal(set) var schemaVersion: Int

    /// Statements kept; those of one program are a fixed few dozen.
    private static let cacheLimit = 128

    /// Opens the database and, unless it is read-only, sets WAL, `synchronous=FULL` and foreign keys.
    /// - Throws: `cannotOpen` or what SQLite says; a connection is not left open then.
    public init(_ location: Location, _ options: Options = Options()) throws(DatabaseError) {
        let path =
            switch location {
            case .file(let path): path
            case .memory: ":memory:"
            }
        var flags = options.isReadOnly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE
        if options.mayCreate { flags |= SQLITE_OPEN_CREATE }
        flags |= SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
        if options.isPrivate, options.mayCreate, case .file = location { FileMode.createPrivate(path) }
        var handle: OpaquePointer?
        let code = sqlite3_open_v2(path, &handle, flags, nil)
        guard code == SQLITE_OK, let handle else {
            let error = DatabaseError("open \(path)", code: code, connection: handle)
            sqlite3_close_v2(handle)
            throw error
        }
        let (seconds, attoseconds) = options.busyTimeout.components
        sqlite3_busy_timeout(handle, Int32(clamping: seconds * 1000 + attoseconds / 1_000_000_000_000_000))
        _ = csqlite_set_defensive(handle)
        if !options.isReadOnly {
            do throws(DatabaseError) {
                try Database.executeScript(
                    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON", on: handle)
            } catch {
                sqlite3_close_v2(handle)
                throw DatabaseError(error.kind, "open \(path)", error.message, code: error.code)
            }
        }
        self.handle = handle
        cache = [:]
        isInTransaction = false
        schemaVersion = 0
    }

    deinit {
        for statement in cache.values { sqlite3_finalize(statement) }
        sqlite3_close_v2(handle)
    }

    // MARK: Statements

    /// Runs one statement that returns no rows.
    /// - Returns: the number of rows it inserted, changed or deleted.
    @discardableResult
    public mutating func execute<each Value: DatabaseBindable>(
        _ sql: String, _ values: repeat each Value
    ) throws(DatabaseError) -> Int {
        var bound: [DatabaseValue] = []
        for value in repeat each values { bound.append(value.databaseValue) }
        return try execute(sql, binding: bound)
    }

    /// Runs one statement that returns no rows, with values counted only at run time; as many as it has parameters.
    /// - Returns: the number of rows it inserted, changed or deleted.
    @discardableResult
    public mutating func execute(_ sql: String, binding values: [DatabaseValue]) throws(DatabaseError) -> Int {
        _ = try run(sql, values) { _ throws(DatabaseError) in false }
        return Int(sqlite3_changes64(handle))
    }

    /// All rows of one statement, each turned into a value.
    public mutating func query<Result, each Value: DatabaseBindable>(
        _ sql: String, _ values: repeat each Value,
        row: (borrowing Row) throws(DatabaseError) -> Result
    ) throws(DatabaseError) -> [Result] {
        var bound: [DatabaseValue] = []
        for value in repeat each values { bound.append(value.databaseValue) }
        return try query(sql, binding: bound, row: row)
    }

    /// All rows of one statement with values counted only at run time.
    public mutating func query<Result>(
        _ sql: String, binding values: [DatabaseValue], row: (borrowing Row) throws(DatabaseError) -> Result
    ) throws(DatabaseError) -> [Result] {
        var results: [Result] = []
        try run(sql, values) { current throws(DatabaseError) in
            results.append(try row(current))
            return true
        }
        return results
    }

    /// The first row, or nil when there is none.
    public mutating func first<Result, each Value: DatabaseBindable>(
        _ sql: String, _ values: repeat each Value,
        row: (borrowing Row) throws(DatabaseError) -> Result
    ) throws(DatabaseError) -> Result? {
        var bound: [DatabaseValue] = []
        for value in repeat each values { bound.append(value.databaseValue) }
        var result: Result?
        try run(sql, bound) { current throws(DatabaseError) in
            result = try row(current)
            return false
        }
        return result
    }

    /// Several statements without values, separated by semicolons: schemas and settings.
    public mutating func executeScript(_ sql: String) throws(DatabaseError) {
        try Database.executeScript(sql, on: handle)
    }

    private static func executeScript(_ sql: String, on handle: OpaquePointer) throws(DatabaseError) {
        let code = sqlite3_exec(handle, sql, nil, nil, nil)
        guard code == SQLITE_OK else { throw DatabaseError(String(sql.prefix(60)), code: code, connection: handle) }
    }

    /// The row id of the last successful INSERT.
    public var lastInsertedRowID: Int64 {
        mutating get { sqlite3_last_insert_rowid(handle) }
    }

    /// Steps until `visit` returns false or the rows end.
    private mutating func run(
        _ sql: String, _ values: [DatabaseValue], visit: (borrowing Row) throws(DatabaseError) -> Bool
    ) throws(DatabaseError) {
        let statement =
            if let idle = cache.removeValue(forKey: sql) {
                Statement(takingOwnershipOf: idle, on: handle)
            } else {
                try Statement(sql, on: handle)
            }
        precondition(
            Int(statement.parameterCount) == values.count, "database: a value for every parameter of a statement")
        for index in values.indices { try statement.bind(values[index], at: Int32(index + 1)) }
        let row = Row(borrowing: statement.handle)
        while try statement.step() {
            guard try visit(row) else { break }
        }
        let idle = statement.release()
        if cache.count < Database.cacheLimit {
            cache[sql] = idle
        } else {
            sqlite3_finalize(idle)
        }
    }

    // MARK: Transactions

    /// Runs `body` in a transaction that is committed when it returns and rolled back when it throws.
    /// Inside another transaction it is a part of that one.
    public mutating func transaction<Result>(
        _ body: (inout Database) throws(DatabaseError) -> Result
    ) throws(DatabaseError) -> Result {
        guard try begin() else { return try body(&self) }
        do throws(DatabaseError) {
            let result = try body(&self)
            try commit()
            return result
        } catch {
            rollBack()
            throw error
        }
    }

    /// Runs what only reads on one state of the database, while others write. Inside another transaction it is a part of that one.
    public mutating func readTransaction<Result>(
        _ body: (inout Database) throws(DatabaseError) -> Result
    ) throws(DatabaseError) -> Result {
        guard try begin(toWrite: false) else { return try body(&self) }
        // There is nothing to keep, whatever comes of it.
        defer { rollBack() }
        return try body(&self)
    }

    /// Begins a transaction by hand, for an owner whose own methods run inside it; `commit` or `rollBack` must follow.
    /// - Parameter toWrite: false where it only reads: it sees one state of the database, waits for nobody, and nobody
    ///   waits for it (sqlite.org/wal.html#concurrency).
    /// - Returns: false when one is open already, which then covers this too and is not this caller's to end.
    public mutating func begin(toWrite: Bool = true) throws(DatabaseError) -> Bool {
        guard !isInTransaction else { return false }
        // IMMEDIATE: a lock that is refused is refused here and not halfway.
        try execute(toWrite ? "BEGIN IMMEDIATE" : "BEGIN DEFERRED")
        isInTransaction = true
        return true
    }

    /// Makes the open transaction durable. Traps without one. `rollBack` must follow where it throws.
    public mutating func commit() throws(DatabaseError) {
        precondition(isInTransaction, "database: commit without a transaction")
        try execute("COMMIT")
        isInTransaction = false
    }

    /// Undoes the open transaction. Without one it does nothing, so it may follow any failure.
    public mutating func rollBack() {
        isInTransaction = false
        // Some errors have rolled back already.
        if sqlite3_get_autocommit(handle) == 0 { sqlite3_exec(handle, "ROLLBACK", nil, nil, nil) }
    }

    // MARK: The whole

    /// Changes whenever another connection has committed something since the last look.
    public mutating func dataVersion() throws(DatabaseError) -> Int64 {
        try first("PRAGMA data_version") { row throws(DatabaseError) in try row.integer(0) } ?? 0
    }

    /// Leaves the write-ahead log and its index where they are when the database is closed, at the size they have:
    /// they need no new room on a disk that is full by then.
    public mutating func keepLogWhenClosed() throws(DatabaseError) {
        let code = csqlite_persist_wal(handle)
        // One in memory has no log.
        guard code == SQLITE_OK || code == SQLITE_NOTFOUND else {
            throw DatabaseError("keep log", code: code, connection: handle)
        }
    }

    /// Moves what the write-ahead log holds into the database file, as far as readers let it.
    public mutating func checkpoint() throws(DatabaseError) {
        let code = sqlite3_wal_checkpoint_v2(handle, nil, SQLITE_CHECKPOINT_PASSIVE, nil, nil)
        guard code == SQLITE_OK || code & 0xFF == SQLITE_BUSY else {
            throw DatabaseError("checkpoint", code: code, connection: handle)
        }
    }

    /// Checks the file's structure (sqlite.org/pragma.html#pragma_quick_check).
    /// - Returns: what is wrong, empty when nothing is.
    public mutating func problems() throws(DatabaseError) -> [String] {
        let lines = try query("PRAGMA quick_check") { row throws(DatabaseError) in try row.text(0) }
        return lines == ["ok"] ? [] : lines
    }
}
