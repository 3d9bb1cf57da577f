import Database
import Foundation
import Testing

@Suite struct DatabaseTests {
    private static let schema = [
        Migration("CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE, body BLOB) STRICT"),
        Migration("ALTER TABLE note ADD COLUMN weight REAL"),
    ]

    private func memory() throws -> Database {
        var database = try Database(.memory)
        try database.migrate(Self.schema, applicationID: 7)
        return database
    }

    @Test func valuesComeBackAsTheyWent() throws {
        var database = try memory()
        let body: [UInt8] = [0, 255, 7]
        try database.execute(
            "INSERT INTO note (id, text, body, weight) VALUES (?, ?, ?, ?)", 1, "a\u{0}ü", body, 0.5)
        try database.execute(
            "INSERT INTO note (id, text, body, weight) VALUES (?, ?, ?, ?)", 2, "", [UInt8](), Double?.none)
        #expect(database.lastInsertedRowID == 2)
        let rows = try database.query("SELECT text, body, weight FROM note ORDER BY id") {
            row throws(DatabaseError) -> (String, [UInt8], Double?) in
            (try row.text(0), try row.blob(1), row.isNull(2) ? nil : try row.real(2))
        }
        #expect(rows.count == 2)
        #expect(rows[0] == ("a\u{0}ü", body, 0.5))
        #expect(rows[1] == ("", [], nil))
    }

    @Test func aWrongTypeIsNamed() throws {
        var database = try memory()
        try database.execute("INSERT INTO note (text) VALUES (?)", "x")
        #expect(throws: DatabaseError(.unexpectedValue, "read column body", "expected text, found null")) {
            _ = try database.first("SELECT body FROM note") { row throws(DatabaseError) in try row.text(0) }
        }
    }

    @Test func constraintsAreTold() throws {
        var database = try memory()
        try database.execute("INSERT INTO note (text) VALUES (?)", "x")
        do throws(DatabaseError) {
            try database.execute("INSERT INTO note (text) VALUES (?)", "x")
            Issue.record("a second row of the same text")
        } catch {
            #expect(error.kind == .constraint)
        }
        // The statement that failed is usable again.
        #expect(try database.execute("INSERT INTO note (text) VALUES (?)", "y") == 1)
    }

    @Test func aTransactionIsAllOrNothing() throws {
        var database = try memory()
        struct Wanted: Error {}
        do throws(DatabaseError) {
            try database.transaction { inner throws(DatabaseError) in
                try inner.execute("INSERT INTO note (text) VALUES (?)", "x")
                try inner.transaction { innermost throws(DatabaseError) in
                    _ = try innermost.execute("INSERT INTO note (text) VALUES (?)", "x")
                }
            }
            Issue.record("not thrown")
        } catch {
            #expect(error.kind == .constraint)
        }
        #expect(try count(&database) == 0)
        try database.transaction { inner throws(DatabaseError) in
            _ = try inner.execute("INSERT INTO note (text) VALUES (?)", "x")
        }
        #expect(try count(&database) == 1)
    }

    @Test func aQueryWithinAQueryOfTheSameTextIsIndependent() throws {
        var database = try memory()
        for text in ["a", "b"] { try database.execute("INSERT INTO note (text) VALUES (?)", text) }
        let first = try database.first("SELECT text FROM note ORDER BY id") { row throws(DatabaseError) in
            try row.text(0)
        }
        let second = try database.first("SELECT text FROM note ORDER BY id") { row throws(DatabaseError) in
            try row.text(0)
        }
        #expect(first == "a" && second == "a")
    }

    @Test func migrationsRunOnceAndNeverBack() throws {
        let file = TemporaryFile()
        do {
            var old = try Database(.file(file.path))
            try old.migrate([Self.schema[0]], applicationID: 7)
            try old.execute("INSERT INTO note (text) VALUES (?)", "kept")
        }
        do {
            var new = try Database(.file(file.path))
            try new.migrate(Self.schema, applicationID: 7)
            try new.migrate(Self.schema, applicationID: 7)
            #expect(try count(&new) == 1)
        }
        var older = try Database(.file(file.path))
        #expect(throws: DatabaseError.self) { try older.migrate([Self.schema[0]], applicationID: 7) }
        #expect(throws: DatabaseError.self) { try older.migrate(Self.schema, applicationID: 8) }
    }

    @Test func theStepsOfTheSchemaAreKnown() throws {
        let file = TemporaryFile()
        do {
            var database = try Database(.file(file.path))
            #expect(database.schemaVersion == 0)
            try database.migrate(Self.schema, applicationID: 7)
            #expect(database.schemaVersion == 2)
        }
        var reader = try Database(.file(file.path), Database.Options(isReadOnly: true))
        try reader.readSchemaVersion(atMost: 3, applicationID: 7)
        #expect(reader.schemaVersion == 2)
        #expect(throws: DatabaseError.self) { try reader.readSchemaVersion(atMost: 1, applicationID: 7) }
        #expect(throws: DatabaseError.self) { try reader.readSchemaVersion(atMost: 3, applicationID: 8) }
    }

    /// Rows that a new rule forbids are put right in the step that brings the rule, or the step has not been.
    @Test func aStepMayPrepareRowsAndIsOneWithThat() throws {
        let prepare: Migration.Preparation = { database throws(DatabaseError) in
            try database.execute("UPDATE note SET weight = id WHERE weight IS NULL")
        }
        var database = try memory()
        try database.execute("INSERT INTO note (text) VALUES (?)", "a")
        try database.execute("INSERT INTO note (text) VALUES (?)", "b")
        func weights(_ database: inout Database) throws -> [Bool] {
            try database.query("SELECT weight FROM note ORDER BY id") { row throws(DatabaseError) in row.isNull(0) }
        }
        let broken = Self.schema + [Migration(preparing: prepare, "CREATE UNIQUE INDEX weighed ON nothing (weight)")]
        #expect(throws: DatabaseError.self) { try database.migrate(broken, applicationID: 7) }
        #expect(try weights(&database) == [true, true] && database.schemaVersion == 2)
        let right = Self.schema + [Migration(preparing: prepare, "CREATE UNIQUE INDEX weighed ON note (weight)")]
        try database.migrate(right, applicationID: 7)
        #expect(try weights(&database) == [false, false] && database.schemaVersion == 3)
    }

    @Test func aReadTransactionSeesOneStateAndHoldsNobodyUp() throws {
        let file = TemporaryFile()
        var one = try Database(.file(file.path), Database.Options(busyTimeout: .zero))
        try one.migrate(Self.schema, applicationID: 7)
        var other = try Database(.file(file.path), Database.Options(busyTimeout: .zero))
        let counts = try one.readTransaction { one throws(DatabaseError) in
            func count() throws(DatabaseError) -> Int64? {
                try one.first("SELECT count(*) FROM note") { row throws(DatabaseError) in try row.integer(0) }
            }
            let before = try count()
            try other.execute("INSERT INTO note (text) VALUES (?)", "a")
            return [before, try count()]
        }
        #expect(counts == [0, 0])
        #expect(try count(&one) == 1, "it is over")
    }

    @Test func aFailedMigrationLeavesThePreviousVersion() throws {
        var database = try Database(.memory)
        let broken = Self.schema + [Migration("CREATE TABLE other (id INTEGER); CREATE TABLE note (id INTEGER)")]
        #expect(throws: DatabaseError.self) { try database.migrate(broken, applicationID: 7) }
        let version = try database.first("PRAGMA user_version") { row throws(DatabaseError) in try row.integer(0) }
        #expect(version == 2)
        let other = try database.first("SELECT 1 FROM sqlite_schema WHERE name = 'other'") { _ throws(DatabaseError) in
            true
        }
        #expect(other == nil)
    }

    @Test func aBackupIsWholeAndPrivate() throws {
        let file = TemporaryFile()
        let copy = TemporaryFile()
        var database = try Database(.file(file.path))
        try database.migrate(Self.schema, applicationID: 7)
        for index in 0..<500 { try database.execute("INSERT INTO note (text) VALUES (?)", "note \(index)") }
        try database.backUp(to: copy.path)
        try database.execute("DELETE FROM note")
        var restored = try Database(.file(copy.path))
        #expect(try count(&restored) == 500)
        #expect(try restored.problems() == [])
        for path in [file.path, copy.path] {
            let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
            #expect(mode == 0o600)
        }
        #expect(!FileManager.default.fileExists(atPath: copy.path + ".partial"))
    }

    @Test func aBackupReplacesNothing() throws {
        let file = TemporaryFile()
        var database = try Database(.file(file.path))
        try database.migrate(Self.schema, applicationID: 7)
        #expect(throws: DatabaseError(.cannotOpen, "back up to \(file.path)", "the file exists already")) {
            try database.backUp(to: file.path)
        }
        try database.execute("INSERT INTO note (text) VALUES (?)", "still the same file")
        var other = try Database(.file(file.path), Database.Options(mayCreate: false))
        #expect(try count(&other) == 1)
    }

    @Test func aFileIsNotMadeWhereNoneIsExpected() {
        let file = TemporaryFile()
        #expect(throws: DatabaseError.self) {
            _ = try Database(.file(file.path), Database.Options(mayCreate: false))
        }
        #expect(!FileManager.default.fileExists(atPath: file.path))
    }

    @Test func anotherConnectionsCommitIsSeen() throws {
        let file = TemporaryFile()
        var one = try Database(.file(file.path))
        try one.migrate(Self.schema, applicationID: 7)
        var two = try Database(.file(file.path))
        let before = try one.dataVersion()
        try one.execute("INSERT INTO note (text) VALUES (?)", "own")
        #expect(try one.dataVersion() == before)
        try two.execute("INSERT INTO note (text) VALUES (?)", "other")
        #expect(try one.dataVersion() != before)
    }

    @Test func whatIsCommittedSurvivesAKilledWriter() throws {
        // A copy of the files taken while the connection is open is what a killed process leaves behind.
        let file = TemporaryFile()
        let left = TemporaryFile()
        var database = try Database(.file(file.path))
        try database.migrate(Self.schema, applicationID: 7)
        try database.execute("INSERT INTO note (text) VALUES (?)", "acknowledged")
        for suffix in ["", "-wal"] {
            try FileManager.default.copyItem(atPath: file.path + suffix, toPath: left.path + suffix)
        }
        var found = try Database(.file(left.path))
        #expect(try count(&found) == 1)
    }

    @Test func whatIsNoDatabaseIsRefused() throws {
        let file = TemporaryFile()
        try Data(repeating: 0x41, count: 4096).write(to: URL(filePath: file.path))
        #expect(throws: DatabaseError.self) { _ = try Database(.file(file.path)) }
        #expect(throws: DatabaseError.self) { _ = try Database(.file("/nonexistent/x.db")) }
    }

    private func count(_ database: inout Database) throws -> Int64? {
        try database.first("SELECT count(*) FROM note") { row throws(DatabaseError) in try row.integer(0) }
    }
}

/// A path in the temporary directory; the file and SQLite's companions go with it.
private final class TemporaryFile {
    let path: String = FileManager.default.temporaryDirectory.appending(path: "database-\(UUID().uuidString)").path()
    deinit {
        for suffix in ["", "-wal", "-shm", "-journal"] { try? FileManager.default.removeItem(atPath: path + suffix) }
    }
}
