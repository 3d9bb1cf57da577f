internal import Crypto
internal import HTTP
internal import Primitives
internal import Reactor

/// One exchange with a server: a request and its answer, or a WebSocket.
///
///     resolving ──▶ connecting ──▶ open ──▶ over
///                      ▲    │               (also from everywhere by a failure)
///                      └────┘ the next address
final class ClientExchange {
    enum Purpose {
        case request(RequestID)
        case webSocket(ConnectionID)
    }

    enum Phase {
        case resolving(NameLookup.Question)
        case connecting
        /// The handshake of TLS, the exchange, the WebSocket.
        case open
        case over
    }

    /// Its name in the event loop.
    let identifier: UInt64
    let purpose: Purpose
    let url: ClientURL
    let method: HTTPMethod
    /// Head and body, sent once the connection is there.
    let request: [UInt8]
    let deadline: Instant
    let responseLimit: Int
    var phase: Phase
    var remaining: [IPAddress]
    /// When the address that is being tried is given up for the next one.
    var attemptEnds: Instant?
    var channel: Channel?
    var http: HTTPClientMachine
    var webSocket: WebSocketMachine?
    var response: HTTPResponse
    var closeCode: WebSocketCloseCode?
    var peerCloseCode: WebSocketCloseCode?
    /// When a close that the server does not answer is over.
    var closeEnds: Instant?
    var endsWhenSent: Bool
    var hasNotedCertificates: Bool
    var interest: EventLoop.Interest

    init(
        _ identifier: UInt64, _ purpose: Purpose, url: ClientURL, method: HTTPMethod, request: [UInt8],
        accept: String?, deadline: Instant, responseLimit: Int
    ) {
        self.identifier = identifier
        self.purpose = purpose
        self.url = url
        self.method = method
        self.request = request
        self.deadline = deadline
        self.responseLimit = responseLimit
        phase = .connecting
        remaining = []
        http = HTTPClientMachine(method, accept: accept)
        response = HTTPResponse(status: 0)
        endsWhenSent = false
        hasNotedCertificates = false
        interest = []
    }

    var closedWith: WebSocketCloseCode { peerCloseCode ?? closeCode ?? .abnormal }

    /// Whether the caller has been told that it is open.
    var isOpenWebSocket: Bool { webSocket != nil }

    var isOver: Bool { if case .over = phase { true } else { false } }

    /// When its deadlines have to be checked although nothing happened.
    var nextTimeout: Instant? {
        if isOver { return nil }
        return [isOpenWebSocket ? nil : deadline, attemptEnds, closeEnds].compactMap { $0 }.min()
    }
}
