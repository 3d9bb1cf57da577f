import Database
import Foundation
import Primitives
import Records
import SessionRules
import Testing

@testable import RecordsSQLite
@testable import SignalingServer

/// Commands on records, as the command line runs them.
@Suite struct CommandTests {
    @Test(arguments: [
        ["account", "list"], ["account", "set-password", "K1", "--password-file", "/dev/null"],
        ["account", "disable", "K1"], ["account", "enable", "K1"], ["account", "remove", "K1"], ["keys", "rotate"],
        ["audit", "verify"], ["database", "backup", "/nonexistent/copy"],
    ])
    func recordsThatAreNotThereAreNotMade(command: [String]) {
        let file = TemporaryFile()
        #expect(SignalingCommands.run(command + ["--database", file.path]) == 1)
        #expect(!FileManager.default.fileExists(atPath: file.path))
    }

    @Test func theFirstAccountMakesThem() throws {
        let (file, password) = (TemporaryFile(), TemporaryFile())
        try Data("long enough".utf8).write(to: URL(filePath: password.path))
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: password.path)
        let add = ["account", "add", "K1", "--role", "kiosk", "--organization", "west"]
        #expect(
            SignalingCommands.run(add + ["--password-file", password.path, "--database", file.path]) == 0)
        #expect(SignalingCommands.run(["audit", "verify", "--database", file.path]) == 0)
    }

    @Test func namesThatShowAsSomethingElseAreRefused() throws {
        let (file, password) = (TemporaryFile(), TemporaryFile())
        try Data("long enough".utf8).write(to: URL(filePath: password.path))
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: password.path)
        for name in ["a\u{202E}b", "a\u{85}b", "a\nb", "a\u{2028}b"] {
            let add = ["account", "add", "K1", "--role", "kiosk", "--organization", "west", "--display-name", name]
            #expect(
                SignalingCommands.run(add + ["--password-file", password.path, "--database", file.path]) == 2, "\(name)"
            )
        }
        #expect(!FileManager.default.fileExists(atPath: file.path))
    }

    @Test(arguments: [["account", "list"], ["audit", "verify"]])
    func whatOnlyReadsBringsNothingUpToDate(command: [String]) throws {
        for steps in 2...Schema.migrations.count {
            let file = TemporaryFile()
            do {
                var old = try Database(.file(file.path))
                try old.migrate(Array(Schema.migrations.prefix(steps)), applicationID: Schema.applicationID)
            }
            #expect(SignalingCommands.run(command + ["--database", file.path]) == 0, "schema version \(steps)")
            var after = try Database(.file(file.path), Database.Options(isReadOnly: true))
            let version = try after.first("PRAGMA user_version") { row throws(DatabaseError) in try row.integer(0) }
            #expect(version == Int64(steps))
        }
    }

    @Test func aBackupReplacesNothing() throws {
        let (file, copy) = (TemporaryFile(), TemporaryFile())
        do {
            var records = try SQLiteRecords(file.path, .mayCreate, now: start.wall)
            try records.perform(.add(account("K1"), password: cheapHash), by: "cli", now: start.wall)
        }
        #expect(SignalingCommands.run(["database", "backup", file.path, "--database", file.path]) == 1)
        #expect(SignalingCommands.run(["database", "backup", copy.path, "--database", file.path]) == 0)
        #expect(SignalingCommands.run(["database", "backup", copy.path, "--database", file.path]) == 1)
        for path in [file.path, copy.path] {
            var records = try SQLiteRecords(path, .existing, now: start.wall)
            #expect(try records.accounts().map(\.id) == ["K1"])
        }
    }
}
