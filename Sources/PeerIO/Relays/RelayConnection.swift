import Peer
import Primitives
import Reactor

/// A TCP connection to a TURN server, with what is spoken over it. A class, because the list of connections holds several of what
/// cannot be copied.
final class RelayConnection {
    let id: RelayMachine.ID
    /// As it was dialled.
    let server: ResolvedICEServer
    let token: EventLoop.Token
    private(set) var tcp: TCPStream
    private(set) var stream: RelayStream
    /// Known once it is connected.
    private(set) var local: SocketAddress?
    /// What the socket is watched for. Writable means connected at first.
    private var interest = EventLoop.Interest.writable
    private let registry: SocketRegistry

    /// Begins to connect.
    ///
    /// - Throws: `SystemError` or `PeerError`, where no connection can even be begun.
    init(_ id: RelayMachine.ID, to server: ResolvedICEServer, trust: RelayTrust?, registry: SocketRegistry) throws {
        self.id = id
        self.server = server
        self.registry = registry
        token = registry.makeToken()
        tcp = try TCPStream(connectingTo: server.address)
        stream = try RelayStream(serverName: server.host, trust: server.transport == .tls ? trust : nil)
        try registry.register(tcp.descriptor, token: token, for: interest)
    }

    /// What a step has come to.
    enum Outcome {
        case done
        /// Nothing before the next event.
        case notYet
        case lost(String)
    }

    /// The socket may be connected by now.
    func finishConnect() -> Outcome {
        guard local == nil else { return .done }
        switch tcp.finishConnect() {
        case .inProgress: return .notYet
        case .failed(let error): return .lost("\(error)")
        case .connected:
            guard let local = try? tcp.localAddress() else { return .lost("no local address") }
            self.local = local
            return .done
        }
    }

    /// Reads once, by way of `buffer`; what came is in the stream.
    func read(into buffer: inout [UInt8]) -> Outcome {
        let result = buffer.withUnsafeMutableBytes { tcp.receive(into: $0) }
        switch result {
        case .transferred(let count): stream.receive(buffer.span.extracting(0..<count))
        case .wouldBlock: return .notYet
        case .ended: return .lost("ended by the server")
        case .failed(let error): return .lost("\(error)")
        }
        return .done
    }

    /// Why the stream is over; nil while it is not.
    var streamEnd: String? {
        if case .over(let why) = stream.phase { why } else { nil }
    }

    /// The next whole frame in place of what is in `packet`; false when there is none yet.
    func nextFrame(into packet: inout PacketBuffer) -> Bool { stream.nextFrame(into: &packet) }

    /// Queues a frame; false when too much waits already.
    func send(_ frame: Span<UInt8>) -> Bool { stream.send(frame) }

    /// Gives the socket what waits for it, and watches it for the rest.
    func flush() {
        // A connection that fails here is also reported as readable.
        guard write() else { return }
        let wanted: EventLoop.Interest = stream.hasOutgoing ? [.readable, .writable] : .readable
        guard wanted != interest else { return }
        interest = wanted
        registry.modify(tcp.descriptor, token: token, for: wanted)
    }

    /// Says goodbye, as far as the socket takes it.
    func close() {
        stream.close()
        _ = write()
        registry.deregister(tcp.descriptor)
    }

    /// False when the connection is lost.
    private func write() -> Bool {
        while stream.hasOutgoing {
            switch tcp.send(stream.outgoing) {
            case .transferred(let count): stream.sent(count)
            case .wouldBlock: return true
            case .ended, .failed: return false
            }
        }
        return true
    }
}
