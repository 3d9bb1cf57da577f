public import Primitives

public struct HTTPServerConfiguration: Sendable {
    /// PEM files. The certificate file carries the whole chain.
    public struct TLS: Hashable, Sendable {
        public var certificateFile: String
        public var privateKeyFile: String
        public init(certificateFile: String, privateKeyFile: String) {
            self.certificateFile = certificateFile
            self.privateKeyFile = privateKeyFile
        }
    }

    /// Port 0 takes a free one; see `HTTPServer.addresses`.
    public var listen: [SocketAddress]
    public var tls: TLS?
    /// Paths on which an upgrade to WebSocket is let in, compared without a trailing slash. Elsewhere it is a 404.
    public var webSocketPaths: [String] = []
    /// Bytes of a request body; more is answered 413.
    public var maximumBodySize: Int = 1_000_000
    /// Bytes of a WebSocket message; more closes it with 1009.
    public var maximumMessageSize: Int = 1_000_000
    /// Bytes waiting to be sent to one client; more closes it: it does not read.
    public var maximumPendingBytes: Int = 4_000_000
    public var maximumConnections: Int = 20_000
    /// For a whole request head and body to arrive.
    public var requestTimeout: Duration = .seconds(20)
    public var keepAliveTimeout: Duration = .seconds(60)

    public init(listen: [SocketAddress]) { self.listen = listen }
}

public enum HTTPServerEvent: Sendable {
    /// Answer it with `respond(to:_:)`, now or later.
    case request(HTTPRequest)
    /// The client went away before the answer; an answer is ignored from now on.
    case requestAborted(RequestID)
    case webSocketOpened(ConnectionID, WebSocketHandshake)
    case message(ConnectionID, WebSocketMessage)
    /// The last event of that connection, also after our own `close`.
    case webSocketClosed(ConnectionID, WebSocketCloseCode)
    case woken
}

/// HTTP/1.1 and WebSocket server. All calls come from one thread, only the `waker` from any.
///
///     while running {
///         server.service(for: untilNextTimeout)
///         while let event = server.nextEvent() { … server.respond(to:_:) … server.send(_:on:) … }
///     }
public final class HTTPServer {
    /// Listens at once.
    public init(_ configuration: HTTPServerConfiguration) throws(HTTPTransportError) {}

    /// Where it listens, with real ports.
    public private(set) var addresses: [SocketAddress] = []
    public let waker = ServiceWaker(target: WakeTarget())

    /// Moves bytes; returns when there are events, when woken, or after `limit` (nil: no limit).
    public func service(for limit: Duration?) {}
    public func nextEvent() -> HTTPServerEvent? { nil }

    public func respond(to request: RequestID, _ response: HTTPResponse) {}
    /// False when the connection is gone or has just been closed because too much is waiting for it.
    @discardableResult
    public func send(_ message: WebSocketMessage, on connection: ConnectionID) -> Bool { false }
    /// Closes after what was sent before; `webSocketClosed` follows.
    public func close(_ connection: ConnectionID, code: WebSocketCloseCode) {}
    /// Bytes accepted by `send` that the kernel has not taken yet.
    public func pendingBytes(on connection: ConnectionID) -> Int { 0 }
    /// Reads the certificate and key files again; connections that are open keep the old ones.
    public func reloadCertificates() throws(HTTPTransportError) {}
    /// Connections open, of both kinds.
    public var connectionCount: Int { 0 }
    /// Stops listening; open connections go on.
    public func stopListening() {}
}

@available(*, unavailable, message: "a server belongs to the thread that services it")
extension HTTPServer: Sendable {}
