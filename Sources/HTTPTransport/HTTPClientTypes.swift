public import HTTP
public import Primitives

public struct HTTPClientConfiguration: Sendable {
    /// PEM file of trusted authorities; nil takes the system's.
    public var caFile: String?
    public var userAgent: String = "kiosk-agent"
    public var maximumMessageSize: Int = 1_000_000
    public var maximumPendingBytes: Int = 4_000_000
    public init() {}
}

public struct HTTPClientRequest: Sendable {
    public var method: HTTPMethod
    /// `http://` or `https://`, host, optional port, path and query.
    public var url: String
    public var headers: [HTTPHeader]
    public var body: [UInt8]
    /// From here to the end of the answer.
    public var timeout: Duration
    public var maximumResponseSize: Int = 1_000_000

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
