import Glibc

enum FileMode {
    /// Makes an empty file that only its owner may read, when there is none. SQLite's companions (`-wal`, `-shm`)
    /// take the mode of the database (sqlite.org/src/file/src/os_unix.c, findCreateFileMode).
    static func createPrivate(_ path: String) {
        let descriptor = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0o600)
        // Errors here are left to the opening, which names them better.
        if descriptor >= 0 { close(descriptor) }
    }
}
