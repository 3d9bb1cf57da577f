public import Primitives

/// The HTTP request that opened an Engine.IO transport, as far as anyone above needs it.
public struct EngineIOHandshake: Hashable, Sendable {
    /// Decoded query, in order.
    public var query: [QueryItem]
    /// The `Authorization` header.
    public var authorization: Redacted<String>?
    /// The `Origin` header; nil from what is no browser.
    public var origin: String?
    /// Where the client is, for throttling and audit.
    public var peer: SocketAddress?

    /// Nothing is checked.
    public init(
        query: [QueryItem], authorization: Redacted<String>? = nil, origin: String? = nil, peer: SocketAddress? = nil
    ) {
        self.query = query
        self.authorization = authorization
        self.origin = origin
        self.peer = peer
    }

    /// Where its client is counted: its address, in IPv6 its /64.
    var address: IPAddress? { peer?.address.prefix64 }

    /// The first value of that name.
    public subscript(name: String) -> String? { query.first { $0.name == name }?.value }
}

/// A plain HTTP request on the Engine.IO path.
public struct EngineIORequest: Hashable, Sendable {
    /// The three that the protocol uses. `other` is answered 400.
    public enum Method: Hashable, Sendable { case get, post, options, other }
    /// POST brings packets, GET fetches them, OPTIONS asks for CORS.
    public var method: Method
    /// Query and headers.
    public var handshake: EngineIOHandshake
    /// The `Content-Type` header.
    public var contentType: String?
    /// Whole; its size was judged before.
    public var body: [UInt8]

    /// Nothing is checked.
    public init(method: Method, handshake: EngineIOHandshake, contentType: String? = nil, body: [UInt8] = []) {
        self.method = method
        self.handshake = handshake
        self.contentType = contentType
        self.body = body
    }
}

/// What an HTTP request on the Engine.IO path is answered with. CORS headers are the driver's.
public struct EngineIOResponse: Hashable, Sendable {
    /// 200, 400, 403 or 413.
    public var status: Int
    /// The `Content-Type` header.
    public var contentType: String
    /// Packets, or the error as JSON.
    public var body: [UInt8]

    /// Nothing is checked.
    public init(status: Int, contentType: String, body: [UInt8]) {
        self.status = status
        self.contentType = contentType
        self.body = body
    }
}
