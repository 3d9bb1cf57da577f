import Peer
import Primitives
import Reactor

/// A TCP connection to a TURN server, with what is spoken over it. A class, because the loop's list holds several of what
/// cannot be copied.
final class RelayConnection {
    let server: ResolvedICEServer
    let token: EventLoop.Token
    var tcp: TCPStream
    var stream: RelayStream
    /// Known once it is connected.
    var local: SocketAddress?
    /// Whether the session has been told of it.
    var isInUse: Bool
    /// When it must be in use, or is given up; nil from then on.
    var deadline: Instant?
    /// How often it was tried before, without having come into use.
    let failures: Int
    let redirections: Int
    var interest: EventLoop.Interest

    init(
        _ server: ResolvedICEServer, token: EventLoop.Token, tcp: consuming TCPStream, stream: consuming RelayStream,
        failures: Int, redirections: Int, deadline: Instant
    ) {
        self.server = server
        self.token = token
        self.tcp = tcp
        self.stream = stream
        self.failures = failures
        self.redirections = redirections
        self.deadline = deadline
        local = nil
        isInUse = false
        // Writable means connected.
        interest = .writable
    }

    /// Gives the socket what waits for it; false when the connection is lost.
    func write() -> Bool {
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

/// A server to which a connection failed or was lost, and when it is tried again.
struct RelayRetry {
    var server: ResolvedICEServer
    var at: Instant
    var failures: Int

    /// How long those wait that are due while there is no room for their connection.
    static let pause = Duration.seconds(5)

    /// Takes those out that are due, as many as there is room for; the others come later.
    static func takeDue(from retries: inout [RelayRetry], room: Int, now: Instant) -> [RelayRetry] {
        var due: [RelayRetry] = []
        retries = retries.compactMap { retry in
            guard retry.at <= now else { return retry }
            guard due.count < room else {
                return RelayRetry(server: retry.server, at: now + pause, failures: retry.failures)
            }
            due.append(retry)
            return nil
        }
        return due
    }
}
