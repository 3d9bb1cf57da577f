internal import CSQLite
internal import Glibc

/// The row a query stands on. It lives as long as the closure it is given to; values are copied out of it.
public struct Row: ~Copyable {
    let statement: OpaquePointer

    init(borrowing statement: OpaquePointer) { self.statement = statement }

    /// Columns of the statement's result, whatever their values.
    public var columnCount: Int { Int(sqlite3_column_count(statement)) }

    /// Whether the column, counted from 0, holds NULL.
    public func isNull(_ column: Int) -> Bool { type(column) == SQLITE_NULL }

    /// Throws `unexpectedValue` for every other storage class, NULL included. So do the others.
    public func integer(_ column: Int) throws(DatabaseError) -> Int64 {
        try expect(column, SQLITE_INTEGER)
        return sqlite3_column_int64(statement, Int32(column))
    }

    /// An integer that SQLite's `STRICT` tables keep as 0 and 1.
    public func bool(_ column: Int) throws(DatabaseError) -> Bool { try integer(column) != 0 }

    /// A floating-point number; an INTEGER is refused, too.
    public func real(_ column: Int) throws(DatabaseError) -> Double {
        try expect(column, SQLITE_FLOAT)
        return sqlite3_column_double(statement, Int32(column))
    }

    /// The text; bytes that are no UTF-8 become U+FFFD.
    public func text(_ column: Int) throws(DatabaseError) -> String {
        try expect(column, SQLITE_TEXT)
        // The text first: its conversion fixes the byte count.
        guard let bytes = sqlite3_column_text(statement, Int32(column)) else { return "" }
        let count = Int(sqlite3_column_bytes(statement, Int32(column)))
        return String(decoding: UnsafeBufferPointer(start: bytes, count: count), as: UTF8.self)
    }

    /// The bytes, copied. Empty for a blob of no bytes.
    public func blob(_ column: Int) throws(DatabaseError) -> [UInt8] {
        try expect(column, SQLITE_BLOB)
        guard let bytes = sqlite3_column_blob(statement, Int32(column)) else { return [] }
        let count = Int(sqlite3_column_bytes(statement, Int32(column)))
        return Array(UnsafeRawBufferPointer(start: bytes, count: count))
    }

    /// Nil for NULL; throws for every other storage class.
    public func optionalInteger(_ column: Int) throws(DatabaseError) -> Int64? {
        isNull(column) ? nil : try integer(column)
    }
    /// Nil for NULL; throws for every other storage class.
    public func optionalText(_ column: Int) throws(DatabaseError) -> String? {
        isNull(column) ? nil : try text(column)
    }

    // MARK: By name

    /// The place of a column by the name that the statement gives it. Traps where there is none: statements are the program's own.
    public func column(_ name: StaticString) -> Int {
        for index in 0..<columnCount {
            guard let found = sqlite3_column_name(statement, Int32(index)) else { continue }
            if strcmp(found, UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self)) == 0 { return index }
        }
        preconditionFailure("database: a row has no column \(name)")
    }

    /// Whether the column of that name holds NULL.
    public func isNull(_ name: StaticString) -> Bool { isNull(column(name)) }
    /// As by its place; so are the others.
    public func integer(_ name: StaticString) throws(DatabaseError) -> Int64 { try integer(column(name)) }
    /// An integer that SQLite's `STRICT` tables keep as 0 and 1.
    public func bool(_ name: StaticString) throws(DatabaseError) -> Bool { try bool(column(name)) }
    /// The text; bytes that are no UTF-8 become U+FFFD.
    public func text(_ name: StaticString) throws(DatabaseError) -> String { try text(column(name)) }
    /// The bytes, copied. Empty for a blob of no bytes.
    public func blob(_ name: StaticString) throws(DatabaseError) -> [UInt8] { try blob(column(name)) }
    /// Nil for NULL; throws for every other storage class.
    public func optionalInteger(_ name: StaticString) throws(DatabaseError) -> Int64? {
        try optionalInteger(column(name))
    }
    /// Nil for NULL; throws for every other storage class.
    public func optionalText(_ name: StaticString) throws(DatabaseError) -> String? { try optionalText(column(name)) }

    private func type(_ column: Int) -> Int32 {
        precondition(column >= 0 && column < columnCount, "database: a row has no such column")
        return sqlite3_column_type(statement, Int32(column))
    }

    private func expect(_ column: Int, _ wanted: Int32) throws(DatabaseError) {
        let found = type(column)
        guard found == wanted else {
            let name = sqlite3_column_name(statement, Int32(column)).map { String(cString: $0) } ?? "\(column)"
            throw DatabaseError(
                .unexpectedValue, "read column \(name)",
                "expected \(Self.name(wanted)), found \(Self.name(found))")
        }
    }

    private static func name(_ type: Int32) -> String {
        switch type {
        case SQLITE_INTEGER: "integer"
        case SQLITE_FLOAT: "real"
        case SQLITE_TEXT: "text"
        case SQLITE_BLOB: "blob"
        default: "null"
        }
    }
}
