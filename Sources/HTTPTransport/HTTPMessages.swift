public import HTTP
public import Primitives

/// A whole request as the server received it.
public struct HTTPRequest: Sendable {
    /// For `respond`.
    public var id: RequestID
    /// HEAD gets the answer of GET without its body.
    public var method: HTTPMethod
    /// Percent-decoded path, without query.
    public var path: String
    /// Percent-decoded, in order.
    public var query: [QueryItem]
    /// In the order in which they came.
    public var headers: [HTTPHeader]
    /// Whole; its size was judged by the path's limit.
    public var body: [UInt8]
    /// Where the connection comes from: a proxy's address where there is one.
    public var peer: SocketAddress
}

/// A whole answer.
public struct HTTPResponse: Hashable, Sendable {
    /// 100 … 599 (RFC 9110 section 15).
    public var status: Int
    /// Without Content-Length, Connection and Date, which the transport owns.
    public var headers: [HTTPHeader]
    /// Complete: answers in pieces go by `HTTPServer.beginAnswer`.
    public var body: [UInt8]

    /// Nothing is checked.
    public init(status: Int, headers: [HTTPHeader] = [], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }
}

/// The request that asked for a WebSocket.
public struct WebSocketHandshake: Sendable {
    /// Percent-decoded path, without query.
    public var path: String
    /// Percent-decoded, in order.
    public var query: [QueryItem]
    /// In the order in which they came.
    public var headers: [HTTPHeader]
    /// Where the connection comes from: a proxy's address where there is one.
    public var peer: SocketAddress
}

/// What starting a server or client can fail with.
public enum HTTPTransportError: Error, Hashable, Sendable, CustomStringConvertible {
    case cannotListen(SocketAddress, reason: String)
    case cannotLoadCertificate(file: String, reason: String)
    case cannotLoadTrust(file: String, reason: String)
    /// A service manager's descriptor that is no listening TCP socket.
    case notListening(descriptor: Int32)
    case outOfResources

    public var description: String {
        switch self {
        case .cannotListen(let address, let reason): "http: cannot listen on \(address) (\(reason))"
        case .cannotLoadCertificate(let file, let reason): "tls: cannot load certificate or key \(file) (\(reason))"
        case .cannotLoadTrust(let file, let reason): "tls: cannot load trusted certificates \(file) (\(reason))"
        case .notListening(let descriptor): "http: descriptor \(descriptor) is no listening TCP socket"
        case .outOfResources: "http: cannot create a context (out of memory or file descriptors)"
        }
    }
}
