import CLinux
import Glibc
public import Primitives

/// A TCP socket that connections arrive at.
public struct TCPListener: ~Copyable, Sendable {
    /// What `accept` brought.
    public enum AcceptResult: ~Copyable {
        case accepted(TCPStream)
        case noneWaits
        /// No connection can be taken now, for want of descriptors or memory. One that waits is reported again at once: the
        /// caller must pause, or it turns in circles.
        case exhausted(SystemError)
    }

    private let socket: FileDescriptor
    /// With the port that the kernel chose.
    public let address: SocketAddress

    /// Binds and listens. An IPv6 socket takes IPv6 alone.
    ///
    /// - Parameter takesBothFamilies: an IPv6 socket for any address takes IPv4 connections too.
    public init(
        on address: SocketAddress, takesBothFamilies: Bool = false, backlog: Int32 = 1024
    ) throws(SystemError) {
        let socket = FileDescriptor(
            takingOwnershipOf: try Syscall.socket(address.family, clinux_sock_stream).get("tcp socket"))
        let descriptor = socket.rawValue
        // A server that is started again does not wait for connections of the one before.
        _ = try Syscall.setOption(descriptor, SOL_SOCKET, SO_REUSEADDR, 1).get("SO_REUSEADDR")
        if !address.address.isIPv4 {
            _ = try Syscall.setOption(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, takesBothFamilies ? 0 : 1)
                .get("IPV6_V6ONLY")
        }
        _ = try address.withSystem { system, size in Syscall.call { bind(descriptor, system, size) } }
            .get("bind \(address)")
        _ = try Syscall.call { listen(descriptor, backlog) }.get("listen \(address)")
        self.address = try SystemAddress.local(descriptor).get("getsockname")
        self.socket = socket
    }

    /// Takes over a socket that a service manager opened; nil when it is no listening TCP socket, and then it stays open.
    public init?(adopting descriptor: Int32) {
        guard case .success(let isListening) = Syscall.option(descriptor, SOL_SOCKET, SO_ACCEPTCONN), isListening != 0,
            case .success(let address) = SystemAddress.local(descriptor),
            case .success(let flags) = Syscall.call({ fcntl(descriptor, F_GETFL) }),
            case .success = Syscall.call({ fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) }),
            case .success = Syscall.call({ fcntl(descriptor, F_SETFD, FD_CLOEXEC) })
        else { return nil }
        self.address = address
        socket = FileDescriptor(takingOwnershipOf: descriptor)
    }

    /// For the event loop.
    public var descriptor: Int32 { socket.rawValue }

    /// The next connection. Small messages of it do not wait for each other.
    public mutating func accept() -> AcceptResult {
        let listener = socket.rawValue
        while true {
            switch Syscall.call({ clinux_accept4(listener, nil, nil, clinux_sock_nonblock | clinux_sock_cloexec) }) {
            case .success(let accepted):
                let socket = FileDescriptor(takingOwnershipOf: accepted)
                _ = Syscall.setOption(accepted, IPPROTO_TCP.asInt32, TCP_NODELAY, 1)
                // Gone already: as if it had never come.
                guard case .success(let peer) = SystemAddress.peer(accepted) else { continue }
                return .accepted(TCPStream(accepted: socket, from: peer))
            case .failure(EAGAIN): return .noneWaits
            case .failure(let code) where SystemError.exhaustion.contains(code):
                return .exhausted(SystemError("accept", code))
            // Errors of the connection that waited, accept(2).
            case .failure: continue
            }
        }
    }
}
