internal import Glibc

/// Held by the one server that serves a database. Commands do not need it: they share the records with the server.
///
/// The lock lies beside the database: closing a second descriptor of the database itself would take SQLite's own locks
/// away (fcntl(2), "Record locking"). It goes with the process, however that ends.
public final class RecordsLock {
    private let descriptor: Int32

    /// Why there is no lock.
    public enum Failure: Error, CustomStringConvertible {
        case held(String)
        case unusable(String, reason: String)

        public var description: String {
            switch self {
            case .held(let path): "another kiosk-signaling serves \(path)"
            case .unusable(let path, let reason): "\(path).lock: \(reason)"
            }
        }
    }

    /// - Parameter path: of the database.
    public init(_ path: String) throws(Failure) {
        let descriptor = open(path + ".lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .unusable(path, reason: String(cString: strerror(errno))) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let isHeld = errno == EWOULDBLOCK
            let reason = String(cString: strerror(errno))
            close(descriptor)
            throw isHeld ? .held(path) : .unusable(path, reason: reason)
        }
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }
}
