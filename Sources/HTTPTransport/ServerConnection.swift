internal import HTTP
internal import Primitives
internal import Reactor

/// One accepted connection: a request at a time, or a WebSocket.
final class ServerConnection {
    /// Its name in the event loop.
    let identifier: UInt64
    let peer: SocketAddress
    var channel: Channel
    /// Nil once it is a WebSocket.
    var http: HTTPServerMachine?
    var webSocket: WebSocketMachine?
    /// The request whose body is coming, or that waits for its answer.
    var request: HTTPRequest?
    var bodyLimit: Int
    /// Whether the application has been told of `request`.
    var isAnnounced: Bool
    /// A handshake that becomes a WebSocket when the request is whole.
    var handshake: HTTPRequestHead?
    var webSocketID: ConnectionID?
    /// Set once the WebSocket is to be closed behind its last message.
    var closeCode: WebSocketCloseCode?
    var peerCloseCode: WebSocketCloseCode?
    /// An answer is on its way.
    var isAnswering: Bool
    /// Closes as soon as everything has been sent.
    var endsWhenSent: Bool
    /// What still comes is swallowed until the deadline: an answer is lost to a client that finds its connection reset.
    var isLingering: Bool
    /// The other side has sent everything.
    var hasPeerEnded: Bool
    var deadline: Instant?
    /// When the server's deadlines will ask.
    var queuedAt: Instant?
    var interest: EventLoop.Interest
    var isDirty: Bool

    init(_ identifier: UInt64, _ channel: consuming Channel, peer: SocketAddress) {
        self.identifier = identifier
        self.peer = peer
        self.channel = channel
        http = HTTPServerMachine()
        bodyLimit = 0
        isAnnounced = false
        isAnswering = false
        endsWhenSent = false
        isLingering = false
        hasPeerEnded = false
        interest = .readable
        isDirty = false
    }

    var closedWith: WebSocketCloseCode { closeCode ?? peerCloseCode ?? .abnormal }

    /// Whether a whole request has not been answered yet.
    var isAwaitingAnswer: Bool { request != nil && http?.wantsInput == false }

    /// What the event loop is to report.
    var wantedInterest: EventLoop.Interest {
        var wanted: EventLoop.Interest = []
        if isLingering || channel.isHandshaking || webSocket != nil || http?.wantsInput == true {
            wanted.insert(.readable)
        }
        if channel.hasOutput { wanted.insert(.writable) }
        if hasPeerEnded {
            wanted.remove(.readable)
            wanted.insert(.ignoresEnd)
        }
        return wanted
    }

    /// Hands to the kernel what it takes. False when the connection broke.
    func flush() -> Bool {
        isDirty = false
        return channel.flush(&webSocket)
    }
}
