internal import Database
internal import Glibc

/// What is checked of the records' file before it is opened.
enum RecordsFile {
    /// Refuses to begin anew where records were: a file that is missing or empty beside its log, a key or a backup is a
    /// loss and no new installation. A file that everybody may read is refused too: it holds keys and password hashes.
    ///
    /// A power cut during the very first start leaves an empty file and nothing else that has anything in it, because
    /// SQLite writes the file's first page before its log (sqlite.org/wal.html#activating_and_configuring_wal_mode).
    static func check(_ path: String) throws(DatabaseError) {
        var status = stat()
        if stat(path, &status) == 0, status.st_size > 0 {
            guard status.st_mode & 0o004 == 0 else {
                throw DatabaseError(
                    .unexpectedValue, "open \(path)",
                    "everybody may read it, and it holds keys: chmod o-rwx \(path)")
            }
            return
        }
        guard let relic = relic(beside: path) else { return }
        throw DatabaseError(
            .unexpectedValue, "open \(path)",
            "it is missing or empty, but \(relic) is not, so this is no new installation: put a backup in its place, "
                + "or move \(relic) away to begin anew")
    }

    /// Something that is left of earlier records.
    private static func relic(beside path: String) -> String? {
        let slash = path.lastIndex(of: "/")
        let folder = slash.map { String(path[...$0]) } ?? "./"
        let name = slash.map { String(path[path.index(after: $0)...]) } ?? path
        guard let directory = opendir(folder) else { return nil }
        defer { closedir(directory) }
        while let entry = readdir(directory) {
            let other = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard isRelic(other, of: name) else { continue }
            var status = stat()
            let isThere = stat(folder + other, &status) == 0 && status.st_mode & S_IFMT == S_IFREG && status.st_size > 0
            if isThere { return folder == "./" ? other : folder + other }
        }
        return nil
    }

    /// `signaling.db-wal`, `signaling.db.key`, `signaling.db.2026-01-31`, `signaling-copy.db`.
    static func isRelic(_ other: String, of name: String) -> Bool {
        guard other != name, !["-shm", "-journal", ".lock"].contains(where: { other == name + $0 }) else {
            return false
        }
        func begins(with stem: some StringProtocol) -> Bool {
            other.hasPrefix(stem) && other.dropFirst(stem.count).first.map { "-._~".contains($0) } == true
        }
        if begins(with: name) { return true }
        guard let dot = name.lastIndex(of: "."), dot != name.startIndex else { return false }
        return begins(with: name[..<dot]) && other.hasSuffix(name[dot...])
    }
}
