public import Primitives

/// Request methods that the server passes on; any other is answered 405 by the transport.
public enum HTTPMethod: String, Hashable, Sendable, CaseIterable {
    case get = "GET"
    case head = "HEAD"
    case post = "POST"
    case put = "PUT"
    case patch = "PATCH"
    case delete = "DELETE"
    case options = "OPTIONS"
}

/// One header field. Names compare without regard to case (RFC 9110 section 5.1).
public struct HTTPHeader: Hashable, Sendable {
    public var name: String
    public var value: String

    public init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

extension [HTTPHeader] {
    /// The first value of that field.
    public subscript(name: String) -> String? {
        let wanted = name.lowercased()
        return first { $0.name.lowercased() == wanted }?.value
    }
}

/// A whole request as the server received it.
public struct HTTPRequest: Sendable {
    public var id: RequestID
    public var method: HTTPMethod
    /// Percent-decoded path, without query.
    public var path: String
    /// Percent-decoded, in order.
    public var query: [QueryItem]
    public var headers: [HTTPHeader]
    public var body: [UInt8]
    public var peer: SocketAddress
}

/// A whole answer.
public struct HTTPResponse: Hashable, Sendable {
    public var status: Int
    /// Without Content-Length, Connection and Date, which the transport owns.
    public var headers: [HTTPHeader]
    public var body: [UInt8]

    public init(status: Int, headers: [HTTPHeader] = [], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }
}

/// The request that asked for a WebSocket.
public struct WebSocketHandshake: Sendable {
    public var path: String
    public var query: [QueryItem]
    public var headers: [HTTPHeader]
    public var peer: SocketAddress
}

/// RFC 6455 section 7.4.
public struct WebSocketCloseCode: Hashable, Sendable, CustomStringConvertible {
    public var rawValue: UInt16
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    public static let normal = WebSocketCloseCode(rawValue: 1000)
    public static let goingAway = WebSocketCloseCode(rawValue: 1001)
    public static let protocolError = WebSocketCloseCode(rawValue: 1002)
    public static let noStatus = WebSocketCloseCode(rawValue: 1005)
    /// The connection was lost without a close frame; never on the wire.
    public static let abnormal = WebSocketCloseCode(rawValue: 1006)
    public static let policyViolation = WebSocketCloseCode(rawValue: 1008)
    public static let messageTooBig = WebSocketCloseCode(rawValue: 1009)
    public static let tryAgainLater = WebSocketCloseCode(rawValue: 1013)

    public var description: String { "close code \(rawValue)" }
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

/// Ends a `service` call from another thread.
public struct ServiceWaker: Sendable {
    let target: WakeTarget
    /// The service thread's `service(for:)` returns and `nextEvent()` yields `.woken`.
    public func wake() { target.wake() }
}
