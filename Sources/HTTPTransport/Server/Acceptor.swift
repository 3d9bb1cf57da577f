internal import Primitives
internal import Reactor

/// Takes new connections off the listening sockets.
///
///     listening ──no descriptor is left──▶ resting ──half a second──▶ listening
///         └────────────────── stop ───────────┴──▶ stopped, a service manager's sockets only
///
/// A server's own sockets go on being served when it stops: who comes then is turned away. On a service manager's they wait
/// for the next process that serves it.
struct Acceptor {
    private enum Phase {
        case listening
        case resting(until: Instant)
        case stopped
    }

    private let sockets: ListeningSockets
    private let firstToken: UInt64
    private let areServiceManagers: Bool
    private var phase: Phase
    /// How often no connection could be accepted for want of descriptors.
    private(set) var exhaustionCount: UInt64

    private static let rest: Duration = .milliseconds(500)

    /// - Parameter firstToken: of the first socket in the event loop; the others count from there.
    init(_ configuration: HTTPServerConfiguration, firstToken: UInt64) throws(HTTPTransportError) {
        sockets = try ListeningSockets(configuration)
        self.firstToken = firstToken
        areServiceManagers = !configuration.listeningSockets.isEmpty
        phase = .listening
        exhaustionCount = 0
    }

    /// With real ports.
    var addresses: [SocketAddress] { sockets.addresses }

    var nextTimeout: Instant? {
        switch phase {
        case .resting(let end): end
        case .listening, .stopped: nil
        }
    }

    func register(in loop: inout EventLoop) throws(SystemError) {
        try sockets.register(in: &loop, firstToken: firstToken)
    }

    /// The next connection that waits on the socket of that token; nil when there is none, or none can be taken.
    mutating func accept(_ token: UInt64, in loop: inout EventLoop, now: Instant) -> TCPStream? {
        switch sockets.accept(on: Int(token - firstToken)) {
        case .accepted(let stream): return stream
        case .noneWaits: return nil
        case .exhausted:
            exhaustionCount += 1
            phase = .resting(until: now + Acceptor.rest)
            sockets.deregister(from: &loop)
            return nil
        }
    }

    mutating func handleTimeout(in loop: inout EventLoop, now: Instant) {
        guard case .resting(let end) = phase, end <= now else { return }
        phase = .listening
        try? register(in: &loop)
    }

    mutating func stop(in loop: inout EventLoop) {
        guard areServiceManagers else { return }
        if case .listening = phase { sockets.deregister(from: &loop) }
        phase = .stopped
    }
}
