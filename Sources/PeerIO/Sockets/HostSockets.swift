import Primitives
import Reactor
import Service

/// The machine's addresses, and the sockets of a session bound to them.
struct HostSockets {
    private static let log = Log("network")

    private let interfaces: InterfaceFilter
    private let registry: SocketRegistry
    private(set) var bound: [BoundSocket]
    private var rebinds: RebindSchedule

    init(_ interfaces: InterfaceFilter, registry: SocketRegistry) {
        self.interfaces = interfaces
        self.registry = registry
        bound = []
        rebinds = RebindSchedule()
    }

    /// When `rebind` is due.
    var nextTimeout: Instant? { rebinds.nextTimeout }

    /// - Parameter mayBeLoopback: whether a machine without any other address offers its loopback address.
    func usableAddresses(mayBeLoopback: Bool) -> [InterfaceAddress] {
        do throws(SystemError) {
            return interfaces.select(try NetworkInterfaces.addresses(), mayBeLoopback: mayBeLoopback)
        } catch {
            HostSockets.log.repeated(.warning, "interfaces", "addresses of this machine unknown: \(error)")
            return []
        }
    }

    /// Binds a socket to each address that has none.
    ///
    /// - Returns: the local addresses of the new sockets.
    mutating func bind(_ addresses: [InterfaceAddress], now: Instant) -> [SocketAddress] {
        let unbound = addresses.filter { usable in !bound.contains { $0.localAddress.address == usable.address } }
        return unbound.compactMap { bind($0.address, now: now) }
    }

    private mutating func bind(_ address: IPAddress, now: Instant) -> SocketAddress? {
        do throws(SystemError) {
            // AF41 for interactive video (RFC 8837 section 5); networks that do not know it ignore it.
            let socket = try BoundSocket(
                to: SocketAddress(address: address, port: 0),
                UDPSocket.Options(sendBuffer: 512 * 1024, receiveBuffer: 256 * 1024, dscp: 34), registry: registry)
            bound.append(socket)
            return socket.localAddress
        } catch {
            HostSockets.log.repeated(.info, "bind", "address not usable: \(error)")
            rebinds.failed(now: now)
            return nil
        }
    }

    /// Tries again to bind what could not be bound, when that is due.
    ///
    /// - Returns: the local addresses of the new sockets.
    mutating func rebind(now: Instant) -> [SocketAddress] {
        guard rebinds.begin(now: now) else { return [] }
        let new = bind(usableAddresses(mayBeLoopback: false), now: now)
        rebinds.ended()
        return new
    }

    /// Gives up the sockets of addresses that are not usable any more. One on the loopback address began on a machine without any other,
    /// and goes on there.
    ///
    /// - Returns: their local addresses.
    mutating func release(exceptOn usable: [InterfaceAddress]) -> [SocketAddress] {
        let gone = bound.filter { socket in
            let address = socket.localAddress.address
            return !address.isLoopback && !usable.contains { $0.address == address }
        }
        for socket in gone { socket.release() }
        bound.removeAll { socket in gone.contains { $0 === socket } }
        return gone.map(\.localAddress)
    }

    mutating func closeAll() {
        for socket in bound { socket.release() }
        bound = []
    }
}
