import Glibc
import Peer
import Primitives
import Reactor

/// Gives the probes' machines sockets and a clock.
enum ProbeDriver {
    struct Account: Sendable {
        var username: String
        var password: Redacted<String>
    }

    static func nat(server: SocketAddress, deadline: Instant) -> Result<NATProbe.Result, SystemError> {
        do throws(SystemError) {
            var sockets = try ProbeSockets(toward: server)
            var now = MonotonicClock.now()
            var probe = NATProbe(server: server, random: .system, now: now)
            var packet = PacketBuffer(capacity: PacketPool.slotSize)
            while !probe.isFinished, now < deadline {
                while let (socket, destination) = probe.pollTransmit(into: &packet, now: now) {
                    sockets.send(packet.bytes, over: socket.rawValue, to: destination)
                }
                try sockets.wait(until: min(probe.nextTimeout ?? deadline, deadline))
                now = MonotonicClock.now()
                for index in 0..<2 {
                    while let datagram = sockets.next(index) { probe.handle(datagram.packet.bytes, now: now) }
                }
                probe.handleTimeout(now: now)
            }
            return .success(probe.findings)
        } catch {
            return .failure(error)
        }
    }

    static func relayOverUDP(
        _ server: SocketAddress, _ account: Account, deadline: Instant
    ) -> Result<RelayProbe.Result, RelayTrial.TrialFailure> {
        do throws(SystemError) {
            var sockets = try ProbeSockets(toward: server)
            var now = MonotonicClock.now()
            var probe = RelayProbe(
                server: server, transport: .udp, username: account.username, password: account.password,
                bases: sockets.addresses, random: .system, now: now)
            var packet = PacketBuffer(capacity: PacketPool.slotSize)
            while !probe.isFinished, now < deadline {
                flush(&probe, &packet, &sockets, now: now)
                try sockets.wait(until: min(probe.nextTimeout ?? deadline, deadline))
                now = MonotonicClock.now()
                for leg in 0..<2 {
                    while let datagram = sockets.next(leg) { probe.handle(datagram.packet.bytes, leg: leg, now: now) }
                }
                probe.handleTimeout(now: now)
            }
            flush(&probe, &packet, &sockets, now: now)
            return .success(probe.result)
        } catch {
            return .failure(.system("\(error)"))
        }
    }

    private static func flush(
        _ probe: inout RelayProbe, _ packet: inout PacketBuffer, _ sockets: inout ProbeSockets, now: Instant
    ) {
        while let (leg, destination) = probe.pollTransmit(into: &packet, now: now) {
            sockets.send(packet.bytes, over: leg, to: destination)
        }
    }

    /// - Parameter encryption: whose certificates are believed, and for which name; nil for plain TCP.
    static func relayOverStream(
        _ server: SocketAddress, _ account: Account, encryption: (trust: RelayTrust, name: String)?, deadline: Instant
    ) -> Result<RelayProbe.Result, RelayTrial.TrialFailure> {
        do {
            var streams = [try ProbeStream(to: server, encryption), try ProbeStream(to: server, encryption)]
            var now = MonotonicClock.now()
            let opened = min(deadline, now + .seconds(6))
            while let waiting = streams.first(where: { !$0.isOpen }) {
                if let problem = streams.compactMap(\.problem).first { return .failure(.noConnection(problem)) }
                guard now < opened else { return .failure(.noConnection("no answer")) }
                waiting.wait(until: opened)
                now = MonotonicClock.now()
            }
            var probe = RelayProbe(
                server: server, transport: encryption == nil ? .tcp : .tls, username: account.username,
                password: account.password, bases: streams.map(\.address), random: .system, now: now)
            var packet = PacketBuffer(capacity: PacketPool.slotSize)
            while !probe.isFinished, now < deadline {
                flush(&probe, &packet, streams, now: now)
                ProbeStream.wait(for: streams, until: min(probe.nextTimeout ?? deadline, deadline))
                now = MonotonicClock.now()
                for (leg, stream) in streams.enumerated() {
                    stream.receive()
                    while stream.next(into: &packet) { probe.handle(packet.bytes, leg: leg, now: now) }
                }
                if !probe.isFinished, let problem = streams.compactMap(\.problem).first {
                    return .failure(.noConnection(problem))
                }
                probe.handleTimeout(now: now)
            }
            flush(&probe, &packet, streams, now: now)
            streams.removeAll()
            return .success(probe.result)
        } catch let error as SystemError {
            return .failure(.noConnection(SystemError.text(error.code)))
        } catch {
            return .failure(.system("\(error)"))
        }
    }

    private static func flush(
        _ probe: inout RelayProbe, _ packet: inout PacketBuffer, _ streams: [ProbeStream], now: Instant
    ) {
        while let (leg, _) = probe.pollTransmit(into: &packet, now: now) {
            streams[leg].send(packet.bytes)
        }
    }
}

/// Two UDP sockets in one loop.
private struct ProbeSockets: ~Copyable {
    private var loop: EventLoop
    private var first: UDPSocket
    private var second: UDPSocket
    private let pool: PacketPool

    init(toward server: SocketAddress) throws(SystemError) {
        let any = SocketAddress(address: server.address.isIPv4 ? .v4(0) : .v6(high: 0, low: 0), port: 0)
        var loop = try EventLoop()
        let first = try UDPSocket(bindingTo: any)
        let second = try UDPSocket(bindingTo: any)
        try loop.register(first.descriptor, token: EventLoop.Token(0), for: .readable)
        try loop.register(second.descriptor, token: EventLoop.Token(1), for: .readable)
        self.loop = loop
        self.first = first
        self.second = second
        pool = PacketPool(slotCount: 2 * UDPSocket.batchSize)
    }

    var addresses: [SocketAddress] { [first.localAddress, second.localAddress] }

    /// What cannot be sent is as good as lost: the probes send again.
    mutating func send(_ bytes: Span<UInt8>, over index: Int, to destination: SocketAddress) {
        _ = index == 0 ? first.send(bytes, to: destination) : second.send(bytes, to: destination)
    }

    mutating func wait(until deadline: Instant) throws(SystemError) {
        try loop.wait(until: deadline)
        _ = first.receive(from: pool)
        _ = second.receive(from: pool)
    }

    mutating func next(_ index: Int) -> Datagram? { index == 0 ? first.nextDatagram() : second.nextDatagram() }
}

/// One connection to a relay: TCP, and TLS when asked for. Each turn waits with poll(2), for there are two at most.
private final class ProbeStream {
    private var tcp: TCPStream
    private var stream: RelayStream
    private var isConnected: Bool
    private var failure: String?
    private var buffer: [UInt8]

    init(to server: SocketAddress, _ encryption: (trust: RelayTrust, name: String)?) throws {
        tcp = try TCPStream(connectingTo: server)
        stream = try RelayStream(serverName: encryption?.name ?? "", trust: encryption?.trust)
        isConnected = false
        failure = nil
        buffer = [UInt8](repeating: 0, count: 16 * 1024)
    }

    var address: SocketAddress { (try? tcp.localAddress()) ?? SocketAddress(address: .v4(0), port: 0) }
    var isOpen: Bool { isConnected && stream.phase == .open }

    var problem: String? {
        if case .over(let reason) = stream.phase { return failure ?? reason }
        return failure
    }

    /// One step towards an open stream.
    func wait(until deadline: Instant) {
        if isConnected {
            ProbeStream.wait(for: [self], until: deadline)
            return receive()
        }
        var entry = pollfd(fd: tcp.descriptor, events: Int16(POLLOUT), revents: 0)
        _ = poll(&entry, 1, ProbeStream.milliseconds(until: deadline))
        switch tcp.finishConnect() {
        case .connected:
            isConnected = true
            write()
        case .inProgress: break
        case .failed(let error): failure = SystemError.text(error.code)
        }
    }

    static func wait(for streams: [ProbeStream], until deadline: Instant) {
        var entries = streams.map { pollfd(fd: $0.tcp.descriptor, events: Int16(POLLIN), revents: 0) }
        _ = poll(&entries, nfds_t(entries.count), milliseconds(until: deadline))
    }

    private static func milliseconds(until deadline: Instant) -> Int32 {
        Int32(clamping: max(0, ((deadline - MonotonicClock.now()).nanoseconds + 999_999) / 1_000_000))
    }

    func receive() {
        while true {
            switch buffer.withUnsafeMutableBytes({ tcp.receive(into: $0) }) {
            case .transferred(let count): stream.receive(buffer.span.extracting(0..<count))
            case .wouldBlock: return write()
            case .ended:
                failure = failure ?? "the relay closed the connection"
                return
            case .failed(let error):
                failure = failure ?? SystemError.text(error.code)
                return
            }
        }
    }

    func next(into packet: inout PacketBuffer) -> Bool { stream.nextFrame(into: &packet) }

    func send(_ frame: Span<UInt8>) {
        _ = stream.send(frame)
        write()
    }

    /// A probe says little: what does not fit into an empty send buffer means that the connection is dead.
    private func write() {
        while stream.outgoing.count > 0 {
            guard case .transferred(let count) = tcp.send(stream.outgoing) else {
                failure = failure ?? "the connection was lost"
                return
            }
            stream.sent(count)
        }
    }
}
