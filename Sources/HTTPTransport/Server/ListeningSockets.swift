internal import Primitives
internal import Reactor

/// The sockets on which a server listens.
final class ListeningSockets {
    private final class Listener {
        var socket: TCPListener
        init(_ socket: consuming TCPListener) { self.socket = socket }
    }

    private let listeners: [Listener]

    /// Those that a service manager opened, or else new ones on the configured addresses.
    init(_ configuration: HTTPServerConfiguration) throws(HTTPTransportError) {
        var listeners: [Listener] = []
        for descriptor in configuration.listeningSockets {
            guard let socket = TCPListener(adopting: descriptor) else {
                throw .notListening(descriptor: descriptor)
            }
            listeners.append(Listener(socket))
        }
        if listeners.isEmpty {
            for address in configuration.listen {
                // Beside an IPv4 listener on the same port, the IPv6 one leaves IPv4 alone.
                let isAlone = !configuration.listen.contains {
                    $0.address.isIPv4 && $0.port == address.port
                }
                do throws(SystemError) {
                    listeners.append(
                        Listener(
                            try TCPListener(
                                on: address, takesBothFamilies: isAlone && address.address.isUnspecified)))
                } catch {
                    throw .cannotListen(address, reason: error.reason)
                }
            }
        }
        self.listeners = listeners
    }

    /// With real ports.
    var addresses: [SocketAddress] { listeners.map { $0.socket.address } }

    /// - Parameter firstToken: of the first socket; the others count from there.
    func register(in loop: inout EventLoop, firstToken: UInt64) throws(SystemError) {
        for (index, listener) in listeners.enumerated() {
            try loop.register(
                listener.socket.descriptor, token: .init(firstToken + UInt64(index)), for: .readable)
        }
    }

    func deregister(from loop: inout EventLoop) {
        for listener in listeners { try? loop.deregister(listener.socket.descriptor) }
    }

    func accept(on index: Int) -> TCPListener.AcceptResult { listeners[index].socket.accept() }
}
