import Glibc

/// Keeps what libraries print away from the technician's terminal, for as long as the doctor's checks run.
///
/// Plug-ins of ALSA (JACK, PipeWire) and others write to standard error by themselves, in the middle of the report. Their
/// lines go into a file without a name instead, and from there into a support archive. If the program crashes meanwhile,
/// what was held back is printed: the last lines may say why.
public final class LibraryOutput {
    private let descriptor: Int32
    private let kept: Int32
    private let terminal: Int32
    private var isOver: Bool

    /// How much of it is kept for the archive.
    private static let limit = 65_536

    /// Nil where there is no place for it; then everything stays as it is.
    public convenience init?() { self.init(instead: STDERR_FILENO) }

    /// - Parameter descriptor: what libraries write to.
    init?(instead descriptor: Int32) {
        var template = Array("/tmp/kiosk-agent-doctor.XXXXXX".utf8CString)
        let kept = mkstemp(&template)
        guard kept >= 0 else { return nil }
        unlink(template)
        let terminal = fcntl(descriptor, F_DUPFD_CLOEXEC, 3)
        guard terminal >= 0, fcntl(kept, F_SETFD, FD_CLOEXEC) >= 0, dup2(kept, descriptor) >= 0 else {
            close(kept)
            if terminal >= 0 { close(terminal) }
            return nil
        }
        (self.descriptor, self.kept, self.terminal, isOver) = (descriptor, kept, terminal, false)
        CrashPrinter.begin(kept: kept, terminal: terminal)
    }

    deinit { _ = end() }

    /// Gives the terminal back.
    /// - Returns: what was printed, its last 64 KiB.
    public func end() -> String {
        guard !isOver else { return "" }
        isOver = true
        CrashPrinter.end()
        dup2(terminal, descriptor)
        let size = lseek(kept, 0, SEEK_END)
        let start = max(0, size - LibraryOutput.limit)
        var bytes = [UInt8](repeating: 0, count: max(0, size - start))
        let count = bytes.withUnsafeMutableBytes { pread(kept, $0.baseAddress, $0.count, start) }
        close(kept)
        close(terminal)
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }
}

/// Prints what is held back when the program dies of a signal: with calls only that are safe in a signal's handler
/// (signal-safety(7)).
private enum CrashPrinter {
    nonisolated(unsafe) private static var kept: Int32 = -1
    nonisolated(unsafe) private static var terminal: Int32 = -1

    private static let signals = [SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGSEGV, SIGFPE]

    static func begin(kept: Int32, terminal: Int32) {
        (self.kept, self.terminal) = (kept, terminal)
        for number in signals { signal(number) { CrashPrinter.died(of: $0) } }
    }

    static func end() {
        for number in signals { signal(number, SIG_DFL) }
        (kept, terminal) = (-1, -1)
    }

    private static func died(of number: Int32) {
        // A second fault ends the program.
        signal(number, SIG_DFL)
        withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) { buffer in
            var offset = 0
            while true {
                let count = pread(kept, buffer.baseAddress, buffer.count, offset)
                guard count > 0, write(terminal, buffer.baseAddress, count) == count else { break }
                offset += count
            }
        }
        raise(number)
    }
}
