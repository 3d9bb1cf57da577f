import Peer
import Primitives
import Reactor
import Service

/// Sockets for multicast DNS (RFC 6762). They open with every session, to hear what a browser announces before its offer
/// arrives, and close when it is connected and no name is asked for any more.
extension NetworkThread {
    private static let port: UInt16 = 5353
    private static let groups = [IPAddress("224.0.0.251")!, IPAddress("ff02::fb")!]

    /// Per interface and family a socket that asks, on a port of its own, so that unicast answers reach no other program on
    /// this machine; and per family one that receives multicast answers.
    mutating func openNameSockets() {
        closeNameSockets()
        var asking: [SocketAddress] = []
        var seen: [(UInt32, Bool)] = []
        nameNetworks = usableAddresses(mayBeLoopback: false).filter { !$0.isPointToPoint }
        for address in nameNetworks {
            let isIPv4 = address.address.isIPv4
            guard !seen.contains(where: { $0 == (address.index, isIPv4) }) else { continue }
            seen.append((address.index, isIPv4))
            if let socket = open(SocketAddress(address: address.address, port: 0), askingBy: address.index) {
                asking.append(socket)
            }
        }
        for group in NetworkThread.groups where seen.contains(where: { $0.1 == group.isIPv4 }) {
            listen(to: group, on: seen.filter { $0.1 == group.isIPv4 }.map(\.0))
        }
        mutate { peer, now in peer.setNameSockets(asking, now: now) }
    }

    mutating func closeNameSockets() {
        for bound in nameSockets { release(bound) }
        nameSockets = []
    }

    mutating func receiveNames(on bound: BoundSocket) {
        guard case .received = bound.socket.receive(from: pool) else { return }
        while let datagram = bound.socket.nextDatagram() {
            guard hasSession, isOnLink(datagram.source.address) else { continue }
            peer!.handleNameResponse(datagram.packet.bytes, from: datagram.source, now: MonotonicClock.now())
        }
        mutate { _, _ in }
    }

    /// `.local` names belong to one link: datagrams from beyond it are ignored (RFC 6762 section 11).
    private func isOnLink(_ source: IPAddress) -> Bool {
        source.isLinkLocal
            || nameNetworks.contains { source.isInNetwork(of: $0.address, prefixLength: $0.prefixLength) }
    }

    private mutating func open(_ address: SocketAddress, askingBy index: UInt32) -> SocketAddress? {
        do throws(SystemError) {
            let bound = BoundSocket(
                try UDPSocket(bindingTo: address, UDPSocket.Options(sendBuffer: nil, receiveBuffer: nil)),
                token: makeToken())
            try bound.socket.sendMulticast(byInterface: index)
            try register(bound)
            return bound.socket.localAddress
        } catch {
            NetworkThread.log.repeated(
                .info, "mdns", "names are not asked for from \(Redacted(address.address)): \(error)")
            return nil
        }
    }

    private mutating func listen(to group: IPAddress, on interfaces: [UInt32]) {
        // Bound to the group where that is possible, so that datagrams to this machine's own addresses are left to other
        // programs.
        let address = group.isIPv4 ? group : IPAddress("::")!
        do throws(SystemError) {
            let bound = BoundSocket(
                try UDPSocket(
                    bindingTo: SocketAddress(address: address, port: NetworkThread.port),
                    UDPSocket.Options(sendBuffer: nil, receiveBuffer: nil, reusesAddress: true)),
                token: makeToken())
            for index in interfaces { try bound.socket.join(group, onInterface: index) }
            try register(bound)
        } catch {
            NetworkThread.log.repeated(.info, "mdns", "answers to everyone are not heard at \(group): \(error)")
        }
    }

    private mutating func register(_ bound: BoundSocket) throws(SystemError) {
        try loop.register(bound.socket.descriptor, token: bound.token, for: .readable)
        nameSockets.append(bound)
    }
}
