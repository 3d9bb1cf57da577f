internal import CSQLite

/// A prepared statement, taken out of its connection's cache for one use and put back, reset, afterwards.
struct Statement: ~Copyable {
    let handle: OpaquePointer
    private let connection: OpaquePointer

    /// Compiles exactly one statement.
    init(_ sql: String, on connection: OpaquePointer) throws(DatabaseError) {
        self.connection = connection
        var handle: OpaquePointer?
        var text = sql
        let (code, rest) = text.withUTF8 { buffer -> (Int32, Int) in
            buffer.withMemoryRebound(to: CChar.self) { buffer in
                var tail: UnsafePointer<CChar>?
                let code = sqlite3_prepare_v3(
                    connection, buffer.baseAddress, Int32(buffer.count), UInt32(SQLITE_PREPARE_PERSISTENT), &handle,
                    &tail)
                guard let tail, let base = buffer.baseAddress else { return (code, 0) }
                return (code, buffer[(tail - base)...].count { $0 != 0x20 && $0 != 0x0A })
            }
        }
        guard code == SQLITE_OK, let handle else {
            throw DatabaseError("prepare \(sql.prefix(60))", code: code, connection: connection)
        }
        precondition(rest == 0, "database: one statement at a time; executeScript takes several")
        self.handle = handle
    }

    init(takingOwnershipOf handle: OpaquePointer, on connection: OpaquePointer) {
        self.handle = handle
        self.connection = connection
    }

    deinit { sqlite3_finalize(handle) }

    /// Gives the handle away, reset and without values.
    consuming func release() -> OpaquePointer {
        sqlite3_reset(handle)
        sqlite3_clear_bindings(handle)
        let handle = handle
        discard self
        return handle
    }

    func bind(_ value: DatabaseValue, at index: Int32) throws(DatabaseError) {
        let code =
            switch value {
            case .null: sqlite3_bind_null(handle, index)
            case .integer(let integer): sqlite3_bind_int64(handle, index, integer)
            case .real(let real): sqlite3_bind_double(handle, index, real)
            case .text(var text):
                text.withUTF8 { buffer in
                    buffer.withMemoryRebound(to: CChar.self) {
                        csqlite_bind_text(
                            handle, index, $0.baseAddress ?? UnsafePointer(bitPattern: 1), Int32($0.count))
                    }
                }
            case .blob(let bytes):
                bytes.withUnsafeBytes { csqlite_bind_blob(handle, index, $0.baseAddress, Int32($0.count)) }
            }
        guard code == SQLITE_OK else {
            throw DatabaseError("bind \(sql.prefix(60))", code: code, connection: connection)
        }
    }

    /// Whether there is a row; false at the end.
    func step() throws(DatabaseError) -> Bool {
        switch sqlite3_step(handle) {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        case let code: throw DatabaseError(String(sql.prefix(60)), code: code, connection: connection)
        }
    }

    var parameterCount: Int32 { sqlite3_bind_parameter_count(handle) }

    private var sql: String { sqlite3_sql(handle).map { String(cString: $0) } ?? "" }
}

extension UnsafeBufferPointer {
    fileprivate func count(where matches: (Element) -> Bool) -> Int { reduce(0) { $0 + (matches($1) ? 1 : 0) } }
}
