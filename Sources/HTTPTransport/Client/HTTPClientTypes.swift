public import HTTP
public import Primitives

/// What holds for all exchanges of one client.
public struct HTTPClientConfiguration: Sendable {
    /// PEM file of trusted authorities; nil takes the system's.
    public var caFile: String?
    /// The `User-Agent` field.
    public var userAgent: String = "kiosk-agent"
    /// Bytes of a WebSocket message; more closes it with 1009.
    public var maximumMessageSize: Int = 1_000_000
    /// Bytes waiting to be sent to the server; more closes it with 1008.
    public var maximumPendingBytes: Int = 4_000_000
    /// The defaults above.
    public init() {}
}

/// One request and what its answer may be.
public struct HTTPClientRequest: Sendable {
    /// Decides whether a request without a body says `Content-Length: 0`.
    public var method: HTTPMethod
    /// `http://` or `https://`, host, optional port, path and query.
    public var url: String
    /// Without Host, Content-Length, Connection and User-Agent, which the transport owns.
    public var headers: [HTTPHeader]
    /// Empty: the request has none.
    public var body: [UInt8]
    /// From here to the end of the answer.
    public var timeout: Duration
    /// Bytes of the answer's body; more fails.
    public var maximumResponseSize: Int = 1_000_000

    /// Nothing is checked: a bad address fails when the request is started.
    public init(
        _ method: HTTPMethod, url: String, headers: [HTTPHeader] = [], body: [UInt8] = [],
        timeout: Duration = .seconds(15)
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.timeout = timeout
    }
}

/// Why an exchange with a server failed; `description` is a sentence for a technician.
public enum HTTPFailure: Error, Hashable, Sendable, CustomStringConvertible {
    case badURL(String)
    case nameNotFound(host: String)
    case cannotConnect(reason: String)
    case timedOut
    case tls(TLSFailure)
    /// The server answered a WebSocket request with this status instead of 101.
    case upgradeRefused(status: Int)
    case closedEarly
    case tooLarge
    case badResponse(reason: String)

    public var description: String {
        switch self {
        case .badURL(let url): "http: not an http or https address (\(url))"
        case .nameNotFound(let host): "http: host name not found (\(host))"
        case .cannotConnect(let reason): "http: cannot connect (\(reason))"
        case .timedOut: "http: no answer in time"
        case .tls(let failure): failure.description
        case .upgradeRefused(let status): "websocket: upgrade refused (status \(status))"
        case .closedEarly: "http: connection closed before the answer was complete"
        case .tooLarge: "http: answer larger than allowed"
        case .badResponse(let reason): "http: bad answer (\(reason))"
        }
    }
}

/// What is wrong with the server's certificate, or with our clock.
public enum TLSFailure: Hashable, Sendable, CustomStringConvertible {
    case notTrusted
    case selfSigned
    case expired
    /// Not yet valid: usually this machine's clock is behind.
    case notYetValid
    case hostNameMismatch
    case other(String)

    public var description: String {
        switch self {
        case .notTrusted: "tls: the server's certificate is signed by no authority trusted here"
        case .selfSigned: "tls: the server's certificate is self-signed and not trusted here"
        case .expired: "tls: the server's certificate has expired, or this machine's clock is ahead"
        case .notYetValid: "tls: the server's certificate is not valid yet: is this machine's clock behind?"
        case .hostNameMismatch: "tls: the server's certificate is for another host name"
        case .other(let reason): "tls: \(reason)"
        }
    }
}

/// What became of requests and WebSockets.
public enum HTTPClientEvent: Sendable {
    case response(RequestID, HTTPResponse)
    case requestFailed(RequestID, HTTPFailure)
    case webSocketOpened(ConnectionID)
    /// It never opened; the last event of that connection.
    case webSocketFailed(ConnectionID, HTTPFailure)
    case message(ConnectionID, WebSocketMessage)
    /// It was open; the last event of that connection, also after our own `close`.
    case webSocketClosed(ConnectionID, WebSocketCloseCode)
    case woken
}
