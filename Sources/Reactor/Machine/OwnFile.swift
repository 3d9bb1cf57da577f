internal import Glibc

/// A file that belongs to this process alone.
public enum OwnFile {
    /// Writes the whole file, readable by its owner only.
    ///
    /// - Returns: whether all of it could be written.
    public static func write(_ bytes: [UInt8], to path: String) -> Bool { write(bytes, to: path, O_TRUNC) }

    private static func write(_ bytes: [UInt8], to path: String, _ flag: Int32) -> Bool {
        // Not through somebody else's link in a shared folder, and not with the rights of a file that was there.
        let descriptor = open(path, O_WRONLY | O_CREAT | flag | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        guard fchmod(descriptor, 0o600) == 0 else { return false }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    /// The same under a name of its own first, which then takes the place of what `path` was: a reader sees the old file or the whole
    /// new one.
    ///
    /// - Throws: what the system says; nothing is left behind then.
    public static func replace(_ bytes: [UInt8], at path: String) throws(SystemError) {
        let part = "\(path).part-\(getpid())"
        // One that was there may be somebody else's, who could read what is written to it.
        unlink(part)
        guard write(bytes, to: part, O_EXCL) else {
            let code = errno
            unlink(part)
            throw SystemError("write \(path)", code)
        }
        do throws(SystemError) {
            try FileSystem.rename(part, to: path)
        } catch {
            unlink(part)
            throw error
        }
    }
}
