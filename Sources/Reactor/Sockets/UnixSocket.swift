import CLinux
import Glibc

/// A socket in the file system that local programs connect to.
public struct UnixSocketListener: ~Copyable, Sendable {
    /// What came of accepting.
    public enum AcceptResult: ~Copyable {
        case accepted(UnixStream)
        case noneWaits
        /// No connection can be taken now, for want of descriptors or memory. One that waits is reported again at once: the
        /// caller must pause, or it turns in circles.
        case exhausted(SystemError)
    }

    private let socket: FileDescriptor
    /// Removed again at the end.
    public let path: String

    /// Binds and listens. A socket file that a dead process left behind is replaced; one that still answers is not.
    ///
    /// - Parameter permissions: of the socket file: users who may write to it may connect.
    public init(at path: String, permissions: UInt32 = 0o660, backlog: Int32 = 16) throws(SystemError) {
        var address = try sockaddr_un(path)
        let size = socklen_t(MemoryLayout<sockaddr_un>.size)
        let socket = FileDescriptor(
            takingOwnershipOf: try Syscall.socket(AF_UNIX, clinux_sock_stream).get("unix socket"))
        let descriptor = socket.rawValue
        if try UnixSocketListener.isStale(path) { unlink(path) }
        _ = try address.withSystem { system in
            // No moment in which others could connect: nobody may until the permissions are set.
            let mask = umask(0o777)
            defer { _ = umask(mask) }
            return Syscall.call { bind(descriptor, system, size) }
        }.get("bind \(path)")
        do {
            _ = try Syscall.call { chmod(path, permissions) }.get("chmod \(path)")
            _ = try Syscall.call { listen(descriptor, backlog) }.get("listen \(path)")
        } catch {
            unlink(path)
            throw error
        }
        self.socket = socket
        self.path = path
    }

    deinit { unlink(path) }

    /// For the event loop.
    public var descriptor: Int32 { socket.rawValue }

    /// The next connection.
    public mutating func accept() -> AcceptResult {
        let descriptor = socket.rawValue
        while true {
            switch Syscall.call({ clinux_accept4(descriptor, nil, nil, clinux_sock_nonblock | clinux_sock_cloexec) }) {
            case .success(let accepted):
                return .accepted(UnixStream(ByteStream(socket: FileDescriptor(takingOwnershipOf: accepted))))
            case .failure(EAGAIN): return .noneWaits
            case .failure(let code) where SystemError.exhaustion.contains(code):
                return .exhausted(SystemError("accept", code))
            // Errors of the connection that waited, accept(2): gone before it was accepted, as if it had never come.
            case .failure: continue
            }
        }
    }

    /// Whether `path` is a socket without a listener.
    private static func isStale(_ path: String) throws(SystemError) -> Bool {
        var status = stat()
        guard lstat(path, &status) == 0 else { return false }
        guard status.st_mode & S_IFMT == S_IFSOCK else { throw SystemError("bind \(path)", EEXIST) }
        do {
            _ = try UnixStream(connectingTo: path)
        } catch {
            return error.code == ECONNREFUSED
        }
        throw SystemError("bind \(path)", EADDRINUSE)
    }
}

/// A non-blocking connection over a local socket.
public struct UnixStream: ~Copyable, Sendable {
    private var stream: ByteStream

    init(_ stream: consuming ByteStream) { self.stream = stream }

    /// Connects at once or fails; EAGAIN means that the listener's backlog is full.
    public init(connectingTo path: String) throws(SystemError) {
        var address = try sockaddr_un(path)
        let socket = FileDescriptor(
            takingOwnershipOf: try Syscall.socket(AF_UNIX, clinux_sock_stream).get("unix socket"))
        let descriptor = socket.rawValue
        _ = try address.withSystem { system in
            Syscall.call { connect(descriptor, system, socklen_t(MemoryLayout<sockaddr_un>.size)) }
        }.get("connect \(path)")
        stream = ByteStream(socket: socket)
    }

    /// For the event loop.
    public var descriptor: Int32 { stream.socket.rawValue }

    /// Reads what has arrived, up to the buffer's size.
    public mutating func receive(into buffer: UnsafeMutableRawBufferPointer) -> StreamResult {
        stream.receive(into: buffer)
    }

    /// Sends what the kernel takes of `bytes`.
    public mutating func send(_ bytes: Span<UInt8>) -> StreamResult { stream.send(bytes) }

    /// Tells the other end that nothing more will come; reading goes on.
    public mutating func finishSending() { stream.finishSending() }
}

extension sockaddr_un {
    fileprivate init(_ path: String) throws(SystemError) {
        self.init()
        sun_family = sa_family_t(AF_UNIX)
        let room = MemoryLayout.size(ofValue: sun_path)
        // One byte for the zero at the end.
        guard path.utf8.count < room else { throw SystemError("socket path \(path)", ENAMETOOLONG) }
        withUnsafeMutableBytes(of: &sun_path) { $0.copyBytes(from: path.utf8) }
    }

    fileprivate mutating func withSystem<R>(_ body: (UnsafePointer<sockaddr>) -> R) -> R {
        withUnsafePointer(to: &self) { $0.withMemoryRebound(to: sockaddr.self, capacity: 1, body) }
    }
}
