internal import CSQLite
import Glibc

extension Database {
    /// Copies the whole database into a new file while others go on using it (sqlite.org/backup.html).
    ///
    /// The copy is made beside the target and moved into place when it is complete, so the target is whole or absent.
    /// - Throws: when there is something of that name already: it may be the database itself.
    public mutating func backUp(to path: String) throws(DatabaseError) {
        var status = stat()
        guard lstat(path, &status) != 0 else {
            throw DatabaseError(.cannotOpen, "back up to \(path)", "the file exists already")
        }
        let partial = path + ".partial"
        unlink(partial)
        do {
            try copy(to: partial)
        } catch {
            unlink(partial)
            throw error
        }
        guard Self.makeDurable(partial), rename(partial, path) == 0 else {
            let reason = String(cString: strerror(errno)).lowercased()
            unlink(partial)
            throw DatabaseError(.inputOutput, "back up to \(path)", reason)
        }
    }

    private mutating func copy(to path: String) throws(DatabaseError) {
        FileMode.createPrivate(path)
        var target: OpaquePointer?
        let opened = sqlite3_open_v2(path, &target, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nil)
        defer { sqlite3_close_v2(target) }
        guard opened == SQLITE_OK, let target else {
            throw DatabaseError("back up to \(path)", code: opened, connection: target)
        }
        guard let backup = sqlite3_backup_init(target, "main", handle, "main") else {
            throw DatabaseError("back up to \(path)", code: sqlite3_errcode(target), connection: target)
        }
        // All pages in one step: one reading transaction, so that a busy writer cannot start it over for ever.
        var code = sqlite3_backup_step(backup, -1)
        while code == SQLITE_BUSY || code == SQLITE_LOCKED {
            sqlite3_sleep(50)
            code = sqlite3_backup_step(backup, -1)
        }
        let finished = sqlite3_backup_finish(backup)
        guard code == SQLITE_DONE, finished == SQLITE_OK else {
            throw DatabaseError("back up to \(path)", code: code == SQLITE_DONE ? finished : code, connection: target)
        }
        // A copy of a WAL database is one too; as a single file it is easier to carry away.
        sqlite3_exec(target, "PRAGMA journal_mode=DELETE", nil, nil, nil)
    }

    private static func makeDurable(_ path: String) -> Bool {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return fsync(descriptor) == 0
    }
}
