internal import Glibc

/// Room on the disk of the records.
public enum FreeSpace {
    /// Bytes that the process may still write to the file system of a file; nil where nobody can tell.
    public static func bytes(besideFile path: String) -> Int? {
        let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
        var status = statvfs()
        guard statvfs(folder, &status) == 0 else { return nil }
        return Int(clamping: UInt64(status.f_bavail) * UInt64(status.f_frsize))
    }
}
