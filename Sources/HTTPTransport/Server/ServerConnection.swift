internal import HTTP
internal import Primitives
internal import Reactor

/// One accepted connection: a request at a time, or a WebSocket.
final class ServerConnection {
    /// Its name in the event loop.
    let identifier: UInt64
    let peer: SocketAddress
    let acceptedAt: Instant
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
    /// The request whose answer is given in pieces.
    var answerInPieces: RequestID?
    /// The application has been asked for the next piece.
    var isPieceWanted: Bool
    /// The account that the memory is held for; nil for a stranger.
    var account: String?
    /// Of what waits to be sent, bytes that many connections share.
    var sharedBytes: Int
    /// `heldBytes` as the server has counted them.
    var countedBytes: Int
    /// Closes as soon as everything has been sent.
    var endsWhenSent: Bool
    /// What still comes is swallowed until the deadline: an answer is lost to a client that finds its connection reset.
    var isLingering: Bool
    /// The other side has sent everything.
    var hasPeerEnded: Bool
    var deadline: DeadlineQueue.Deadline
    var interest: EventLoop.Interest
    var isDirty: Bool

    init(_ identifier: UInt64, _ channel: consuming Channel, peer: SocketAddress, now: Instant) {
        self.identifier = identifier
        self.peer = peer
        acceptedAt = now
        self.channel = channel
        http = HTTPServerMachine()
        bodyLimit = 0
        isAnnounced = false
        isAnswering = false
        isPieceWanted = false
        sharedBytes = 0
        countedBytes = 0
        endsWhenSent = false
        isLingering = false
        hasPeerEnded = false
        deadline = DeadlineQueue.Deadline()
        interest = .readable
        isDirty = false
    }

    var closedWith: WebSocketCloseCode { closeCode ?? peerCloseCode ?? .abnormal }

    /// Whether a whole request has not been answered yet.
    var isAwaitingAnswer: Bool { request != nil && http?.wantsInput == false }

    /// Bytes held for this client: of a request or message that is not whole, and of what waits to be sent.
    var heldBytes: Int {
        let waiting = channel.pendingBytes
        return (http?.heldBytes ?? 0) + (request?.body.count ?? 0) + (webSocket?.heldBytes ?? 0) + waiting
            - min(waiting, sharedBytes)
    }

    /// Whether the next piece of an answer is due: the kernel has nearly everything of the last.
    var mayTakePiece: Bool { answerInPieces != nil && !isPieceWanted && channel.pendingBytes < 16 * 1024 }

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

    /// Says that nothing more comes, unless something was cut short: that must not look whole.
    func finishSending() {
        if !channel.hasOutput, http?.isAnswering != true { channel.finishSending() }
    }
}
