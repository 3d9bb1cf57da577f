import Glibc
import Primitives
import Reactor

/// A regular file that is read in pieces, at given positions.
struct MediaFile: ~Copyable {
    let path: String
    private let descriptor: FileDescriptor
    /// In bytes, when it was opened.
    let size: Int

    init(opening path: String) throws(CaptureError) {
        let opened: Int32
        switch Syscall.call({ open(path, O_RDONLY | O_CLOEXEC) }) {
        case .success(let descriptor): opened = descriptor
        case .failure(ENOENT): throw .missing(device: path)
        case .failure(EACCES): throw .permissionDenied(device: path)
        case .failure(let code): throw .system(device: path, SystemError("open", code))
        }
        let descriptor = FileDescriptor(takingOwnershipOf: opened)
        var status = stat()
        guard fstat(opened, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw .badFile(path: path, rule: "not a regular file")
        }
        size = Int(status.st_size)
        self.path = path
        self.descriptor = descriptor
    }

    /// Fills `buffer` from `offset` on as far as the file goes.
    ///
    /// - Returns: how many bytes that was; 0 at the end and when the disk fails.
    func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) -> Int {
        var done = 0
        while done < buffer.count {
            let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
            let descriptor = descriptor.rawValue
            guard
                case .success(let count) = Syscall.call({
                    pread(descriptor, rest.baseAddress, rest.count, off_t(offset + done))
                }), count > 0
            else { break }
            done += count
        }
        return done
    }

    /// Up to `count` bytes from `offset` on.
    func bytes(at offset: Int, count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            initialized = read(at: offset, into: UnsafeMutableRawBufferPointer(buffer))
        }
    }
}
