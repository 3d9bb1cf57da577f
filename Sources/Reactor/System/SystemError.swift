import CLinux
import Glibc

/// A system call that failed: which one, and the kernel's reason.
public struct SystemError: Error, Hashable, Sendable {
    /// What was attempted, "bind 192.0.2.1:0".
    public var operation: String
    /// The value of errno.
    public var code: Int32

    /// `code` is an errno.
    public init(_ operation: String, _ code: Int32) {
        self.operation = operation
        self.code = code
    }

    /// What a process is told that is out of file descriptors, or a system that is out of memory: it passes, and trying again at once does not help.
    static let exhaustion: Set<Int32> = [EMFILE, ENFILE, ENOBUFS, ENOMEM]
}

extension SystemError: CustomStringConvertible {
    /// "bind: address already in use (EADDRINUSE)", in the kernel's words.
    public var description: String { "\(operation): \(SystemError.text(code))" }

    /// The kernel's words alone: "address already in use".
    public var reason: String { SystemError.text(code) }

    /// The C library's text for an errno, lower case.
    public static func text(_ code: Int32) -> String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 128) { buffer in
            buffer.initialize(repeating: 0)
            // The XSI variant returns a status, the GNU variant the text: reading the buffer suits the first, which is
            // the one Swift imports.
            _ = strerror_r(code, buffer.baseAddress!, buffer.count)
            let text = String(cString: buffer.baseAddress!)
            return text.isEmpty ? "error \(code)" : text.lowercased()
        }
    }
}
