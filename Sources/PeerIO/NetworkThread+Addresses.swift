import Peer
import Primitives
import Reactor
import Service

/// The machine's addresses, and the sockets bound to them.
extension NetworkThread {
    /// How often an address that cannot be bound yet is tried again, and after how long: the kernel shows an IPv6 address
    /// before it has made sure that no other host has it (RFC 4862 section 5.4), and reports nothing when it has.
    private static let rebinds = 10
    private static let rebindInterval = Duration.milliseconds(500)

    /// - Parameter mayBeLoopback: whether a machine without any other address offers its loopback address.
    func usableAddresses(mayBeLoopback: Bool) -> [InterfaceAddress] {
        do throws(SystemError) {
            return interfaces.select(try NetworkInterfaces.addresses(), mayBeLoopback: mayBeLoopback)
        } catch {
            NetworkThread.log.repeated(.warning, "interfaces", "addresses of this machine unknown: \(error)")
            return []
        }
    }

    @discardableResult
    mutating func bind(_ address: IPAddress, now: Instant) -> Bool {
        do throws(SystemError) {
            // AF41 for interactive video (RFC 8837 section 5); networks that do not know it ignore it.
            let bound = BoundSocket(
                try UDPSocket(
                    bindingTo: SocketAddress(address: address, port: 0),
                    UDPSocket.Options(sendBuffer: 512 * 1024, receiveBuffer: 256 * 1024, dscp: 34)),
                token: makeToken())
            try loop.register(bound.socket.descriptor, token: bound.token, for: .readable)
            sockets.append(bound)
            let base = bound.socket.localAddress
            mutate { peer, now in peer.addLocalAddress(base, now: now) }
            return true
        } catch {
            NetworkThread.log.repeated(.info, "bind", "address not usable: \(error)")
            if session.rebindAt == nil {
                session.rebindAt = now + NetworkThread.rebindInterval
                session.rebindsLeft = NetworkThread.rebinds
            }
            return false
        }
    }

    mutating func makeToken() -> EventLoop.Token {
        defer { nextToken += 1 }
        return EventLoop.Token(nextToken)
    }

    mutating func rebind(now: Instant) {
        session.rebindAt = nil
        guard hasSession, session.rebindsLeft > 0 else { return }
        let left = session.rebindsLeft - 1
        let before = sockets.count
        for address in unboundAddresses() { bind(address.address, now: now) }
        if session.rebindAt != nil { session.rebindsLeft = left }
        if sockets.count > before { askForRestart() }
    }

    private func unboundAddresses() -> [InterfaceAddress] {
        usableAddresses(mayBeLoopback: false).filter { usable in
            !sockets.contains { $0.socket.localAddress.address == usable.address }
        }
    }

    /// Addresses came or went: sockets follow, and the monitor is asked for an offer that restarts ICE. Until it comes,
    /// new addresses are tried with the candidates that are known.
    mutating func interfacesChanged() {
        guard hasSession else { return }
        let now = MonotonicClock.now()
        let usable = usableAddresses(mayBeLoopback: false)
        // A session on the loopback address began on a machine without any other, and goes on there.
        let gone = sockets.filter { bound in
            let address = bound.socket.localAddress.address
            return !address.isLoopback && !usable.contains { $0.address == address }
        }
        for bound in gone {
            let base = bound.socket.localAddress
            release(bound)
            sockets.removeAll { $0 === bound }
            mutate { peer, now in peer.removeLocalAddress(base, now: now) }
        }
        let new = unboundAddresses()
        for address in new { bind(address.address, now: now) }
        guard hasSession else { return }
        reconnectRelays(without: usable.map(\.address), now: now)
        if !nameSockets.isEmpty { openNameSockets() }
        NetworkThread.log.info("addresses changed: \(gone.count) gone, \(new.count) new")
        guard !gone.isEmpty || !new.isEmpty else { return }
        askForRestart()
    }

    private mutating func askForRestart() {
        guard session.offerArrivedAt != nil else { return }
        session.restarts.asked(now: MonotonicClock.now())
        events.post(.restartRequest(sessionId: session.id))
    }
}
