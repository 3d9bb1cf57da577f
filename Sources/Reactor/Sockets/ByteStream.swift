import CLinux
import Glibc
public import Primitives

/// What one call on a stream did.
public enum StreamResult: Hashable, Sendable {
    /// So many bytes moved, at least one.
    case transferred(Int)
    /// Nothing can move now; wait for the descriptor.
    case wouldBlock
    /// The other end has sent everything and closed.
    case ended
    case failed(SystemError)
}

/// A connected, non-blocking byte stream. What `TCPStream` and `UnixStream` have in common.
struct ByteStream: ~Copyable, Sendable {
    let socket: FileDescriptor

    mutating func receive(into buffer: UnsafeMutableRawBufferPointer) -> StreamResult {
        guard buffer.count > 0 else { return .transferred(0) }
        switch Syscall.receive(socket.rawValue, buffer) {
        case .success(0): return .ended
        case .success(let count): return .transferred(count)
        case .failure(EAGAIN): return .wouldBlock
        case .failure(let code): return .failed(SystemError("recv", code))
        }
    }

    mutating func send(_ bytes: Span<UInt8>) -> StreamResult {
        let descriptor = socket.rawValue
        let outcome = bytes.withUnsafeBufferPointer { Syscall.send(descriptor, UnsafeRawBufferPointer($0)) }
        switch outcome {
        case .success(let count): return .transferred(count)
        case .failure(EAGAIN): return .wouldBlock
        case .failure(let code): return .failed(SystemError("send", code))
        }
    }

    /// Tells the other end that nothing more will come.
    mutating func finishSending() { _ = Syscall.call { shutdown(socket.rawValue, SHUT_WR.asInt32) } }
}

/// A non-blocking TCP connection.
public struct TCPStream: ~Copyable, Sendable {
    /// How a connection attempt stands.
    public enum ConnectResult: Hashable, Sendable {
        case connected
        /// Wait until the descriptor is writable, then ask again.
        case inProgress
        case failed(SystemError)
    }

    private var stream: ByteStream
    /// The other end.
    public let remoteAddress: SocketAddress

    /// Begins to connect. `finishConnect` tells how it went.
    ///
    /// - Parameter local: the address to connect from, nil lets the kernel choose.
    public init(connectingTo remote: SocketAddress, from local: SocketAddress? = nil) throws(SystemError) {
        let socket = FileDescriptor(
            takingOwnershipOf: try Syscall.socket(remote.family, clinux_sock_stream).get("tcp socket"))
        let descriptor = socket.rawValue
        // Media and STUN messages must not wait for earlier ones to be acknowledged.
        _ = try Syscall.setOption(descriptor, IPPROTO_TCP.asInt32, TCP_NODELAY, 1).get("TCP_NODELAY")
        if let local {
            _ = try local.withSystem { system, size in Syscall.call { bind(descriptor, system, size) } }
                .get("bind \(local)")
        }
        let outcome = remote.withSystem { system, size in Syscall.call { connect(descriptor, system, size) } }
        if case .failure(let code) = outcome, code != EINPROGRESS { throw SystemError("connect", code) }
        stream = ByteStream(socket: socket)
        remoteAddress = remote
    }

    /// A connection that a listener accepted.
    init(accepted socket: consuming FileDescriptor, from remote: SocketAddress) {
        stream = ByteStream(socket: socket)
        remoteAddress = remote
    }

    /// For the event loop.
    public var descriptor: Int32 { stream.socket.rawValue }

    /// How many bytes the kernel keeps for a receiver that does not read: left to itself it grows to megabytes each.
    public mutating func limitSendBuffer(to bytes: Int32) {
        _ = Syscall.setOption(descriptor, SOL_SOCKET, SO_SNDBUF, bytes)
    }

    /// How the connection attempt stands.
    public mutating func finishConnect() -> ConnectResult {
        switch Syscall.option(descriptor, SOL_SOCKET, SO_ERROR) {
        case .success(0):
            switch SystemAddress.peer(descriptor) {
            case .success: return .connected
            case .failure(ENOTCONN): return .inProgress
            case .failure(let code): return .failed(SystemError("connect", code))
            }
        case .success(let code), .failure(let code): return .failed(SystemError("connect", code))
        }
    }

    /// The address the kernel connects from.
    public func localAddress() throws(SystemError) -> SocketAddress {
        try SystemAddress.local(descriptor).get("getsockname")
    }

    /// Reads what has arrived, up to the buffer's size.
    public mutating func receive(into buffer: UnsafeMutableRawBufferPointer) -> StreamResult {
        stream.receive(into: buffer)
    }

    /// Sends what the kernel takes of `bytes`.
    public mutating func send(_ bytes: Span<UInt8>) -> StreamResult { stream.send(bytes) }

    /// Tells the other end that nothing more will come (FIN); reading goes on.
    public mutating func finishSending() { stream.finishSending() }
}
