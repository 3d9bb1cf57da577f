import Primitives
import Reactor
import Service

/// Sockets for multicast DNS (RFC 6762). They open with every session, to hear what a browser announces before its offer arrives, and
/// close when it is connected and no name is asked for any more.
struct NameSockets {
    private static let log = Log("network")
    private static let options = UDPSocket.Options(sendBuffer: nil, receiveBuffer: nil)

    private let registry: SocketRegistry
    private(set) var bound: [BoundSocket]
    private var plan: NamePlan

    init(registry: SocketRegistry) {
        self.registry = registry
        bound = []
        plan = NamePlan()
    }

    /// Opens them anew on the networks of these addresses.
    ///
    /// - Returns: the local addresses of those that ask.
    mutating func open(on addresses: [InterfaceAddress]) -> [SocketAddress] {
        closeAll()
        plan = NamePlan(addresses)
        let asking = plan.asking.compactMap { ask($0) }
        for one in plan.listening { listen(one) }
        return asking
    }

    func isOnLink(_ source: IPAddress) -> Bool { plan.isOnLink(source) }

    private mutating func ask(_ asking: NamePlan.Asking) -> SocketAddress? {
        do throws(SystemError) {
            let socket = try BoundSocket(
                to: SocketAddress(address: asking.address, port: 0), NameSockets.options, registry: registry
            ) { socket throws(SystemError) in try socket.sendMulticast(byInterface: asking.interface) }
            bound.append(socket)
            return socket.localAddress
        } catch {
            NameSockets.log.repeated(
                .info, "mdns", "names are not asked for from \(Redacted(asking.address)): \(error)")
            return nil
        }
    }

    private mutating func listen(_ listening: NamePlan.Listening) {
        // Bound to the group where that is possible, so that datagrams to this machine's own addresses are left to other
        // programs.
        let address = listening.group.isIPv4 ? listening.group : IPAddress("::")!
        var options = NameSockets.options
        options.reusesAddress = true
        do throws(SystemError) {
            bound.append(
                try BoundSocket(to: SocketAddress(address: address, port: NamePlan.port), options, registry: registry) {
                    socket throws(SystemError) in
                    for index in listening.interfaces { try socket.join(listening.group, onInterface: index) }
                })
        } catch {
            NameSockets.log.repeated(
                .info, "mdns", "answers to everyone are not heard at \(listening.group): \(error)")
        }
    }

    mutating func closeAll() {
        for socket in bound { socket.release() }
        bound = []
    }
}
