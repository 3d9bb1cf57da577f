internal import Glibc

/// What the file system says of paths, and what is changed there besides the contents of files.
public enum FileSystem {
    /// What a process wants to do with a file.
    public enum Access: Sendable {
        /// Nothing but to know that it is there.
        case existence
        case reading
        case writing
        /// To read a directory and to reach what is in it.
        case listing

        fileprivate var mode: Int32 {
            switch self {
            case .existence: F_OK
            case .reading: R_OK
            case .writing: W_OK
            case .listing: R_OK | X_OK
            }
        }
    }

    /// Why this process may not (access(2)); nil where it may. By the real user, whatever file systems allow in the moment of opening.
    public static func refusal(of access: Access, to path: String) -> SystemError? {
        Glibc.access(path, access.mode) == 0 ? nil : SystemError("access \(path)", errno)
    }

    /// Whether this process may.
    public static func allows(_ access: Access, to path: String) -> Bool { refusal(of: access, to: path) == nil }

    /// What stat(2) tells of a file.
    public struct Status: Hashable, Sendable {
        /// And no file or device.
        public var isDirectory: Bool
        /// The nine bits of owner, group and others: 0o750.
        public var permissions: UInt32
    }

    /// - Throws: when there is no such path, or this process may not reach it.
    public static func status(of path: String) throws(SystemError) -> Status {
        var status = stat()
        guard stat(path, &status) == 0 else { throw SystemError("stat \(path)", errno) }
        return Status(isDirectory: status.st_mode & S_IFMT == S_IFDIR, permissions: status.st_mode & 0o777)
    }

    /// The file system that a path is on.
    public struct Volume: Hashable, Sendable {
        /// Room for files of this user.
        public var freeBytes: Int64
        /// Mounted so that nothing can be written.
        public var isReadOnly: Bool
    }

    /// - Throws: as `status` does, and when the disk fails.
    public static func volume(of path: String) throws(SystemError) -> Volume {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { throw SystemError("statvfs \(path)", errno) }
        return Volume(
            freeBytes: Int64(status.f_bavail) * Int64(status.f_frsize),
            isReadOnly: status.f_flag & UInt(ST_RDONLY) != 0)
    }

    /// Makes a directory; one that another process makes meanwhile is as good.
    public static func makeDirectory(_ path: String, permissions: UInt32) throws(SystemError) {
        guard mkdir(path, permissions) == 0 || errno == EEXIST else { throw SystemError("mkdir \(path)", errno) }
    }

    /// Gives a file another name, in place of what had it.
    public static func rename(_ path: String, to other: String) throws(SystemError) {
        guard Glibc.rename(path, other) == 0 else { throw SystemError("rename \(path)", errno) }
    }
}

extension SystemError {
    /// There is nothing of that name.
    public var isNotThere: Bool { code == ENOENT }
    /// This user may not.
    public var isDenied: Bool { code == EACCES || code == EPERM }
}

/// What the process was started with.
public enum ProcessEnvironment {
    /// A variable's value; nil where it is not set.
    public static func value(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
}
