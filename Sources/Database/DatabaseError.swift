internal import CSQLite

/// Why a database refused: "operation: what was wrong (SQLite's words)".
public struct DatabaseError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What a caller can decide by.
    public enum Kind: Equatable, Sendable {
        /// Another connection holds the lock for longer than the busy timeout.
        case busy
        /// A uniqueness, foreign key, check or not-null rule of the schema.
        case constraint
        /// No space left.
        case full
        case readOnly
        case cannotOpen
        /// The file is damaged, or no database at all.
        case corrupt
        case inputOutput
        /// A column held another type than was asked for, or NULL.
        case unexpectedValue
        /// The file was written by a newer version of the program.
        case newerSchema
        /// The file is the database of another program.
        case foreign
        /// The statement itself is wrong: our own misuse.
        case misuse
        case other
    }

    /// What went wrong.
    public var kind: Kind
    /// What was attempted, such as `open` or the statement's first words.
    public var operation: String
    /// SQLite's words, or the broken rule.
    public var message: String
    /// SQLite's extended result code, 0 where the error is not SQLite's.
    public var code: Int32

    /// `code` is SQLite's extended result code, where it has one.
    public init(_ kind: Kind, _ operation: String, _ message: String, code: Int32 = 0) {
        self.kind = kind
        self.operation = operation
        self.message = message
        self.code = code
    }

    public var description: String {
        code == 0 ? "\(operation): \(message)" : "\(operation): \(message) (sqlite \(code))"
    }

    /// The connection's last error.
    init(_ operation: String, code: Int32, connection: OpaquePointer?) {
        let message: String =
            if let connection, let text = sqlite3_errmsg(connection) {
                String(cString: text)
            } else if let text = sqlite3_errstr(code) {
                String(cString: text)
            } else {
                "unknown error"
            }
        let extended = connection.map { sqlite3_extended_errcode($0) } ?? code
        self.init(Self.kind(code & 0xFF), operation, message, code: extended == 0 ? code : extended)
    }

    private static func kind(_ primary: Int32) -> Kind {
        switch primary {
        case SQLITE_BUSY, SQLITE_LOCKED: .busy
        case SQLITE_CONSTRAINT: .constraint
        case SQLITE_FULL: .full
        case SQLITE_READONLY: .readOnly
        case SQLITE_CANTOPEN, SQLITE_PERM, SQLITE_AUTH: .cannotOpen
        case SQLITE_CORRUPT, SQLITE_NOTADB: .corrupt
        case SQLITE_IOERR: .inputOutput
        case SQLITE_MISUSE, SQLITE_ERROR, SQLITE_RANGE: .misuse
        default: .other
        }
    }
}
