import Primitives
import Reactor
import Service

/// A bound UDP socket and its place in the event loop. A class, because lists hold several of what cannot be copied.
final class BoundSocket {
    private static let log = Log("network")

    var socket: UDPSocket
    let token: EventLoop.Token
    /// Whether the kernel takes no more for now; it is watched until it does.
    private(set) var isBlocked = false
    private let registry: SocketRegistry

    /// Binds it; `prepare` does to it what must be done before it is watched.
    init(
        to address: SocketAddress, _ options: UDPSocket.Options, registry: SocketRegistry,
        prepare: (inout UDPSocket) throws(SystemError) -> Void = { _ throws(SystemError) in }
    ) throws(SystemError) {
        self.registry = registry
        token = registry.makeToken()
        var socket = try UDPSocket(bindingTo: address, options)
        try prepare(&socket)
        self.socket = socket
        try registry.register(self.socket.descriptor, token: token, for: .readable)
    }

    var localAddress: SocketAddress { socket.localAddress }

    /// Hands the queue to the kernel.
    ///
    /// - Returns: how many datagrams were lost.
    func flush() -> Int {
        let result = socket.flush()
        if result.failed > 0, let error = result.lastError {
            BoundSocket.log.repeated(.debug, "send-failed", "datagram not sent: \(error)")
        }
        if result.isBlocked != isBlocked {
            isBlocked = result.isBlocked
            registry.modify(socket.descriptor, token: token, for: isBlocked ? [.readable, .writable] : .readable)
        }
        return result.failed
    }

    /// Lets what waits go. The socket closes with its last reference.
    func release() {
        socket.dropQueue()
        registry.deregister(socket.descriptor)
    }
}
