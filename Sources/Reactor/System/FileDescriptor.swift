import Glibc

/// An open descriptor that closes itself when it goes out of scope.
public struct FileDescriptor: ~Copyable, Sendable {
    /// The kernel's number, valid while this value lives.
    public let rawValue: Int32

    /// From now on this value closes `rawValue`, and no other code may.
    public init(takingOwnershipOf rawValue: Int32) {
        precondition(rawValue >= 0, "file descriptor: a failed call has none")
        self.rawValue = rawValue
    }

    deinit { Syscall.close(rawValue) }
}
