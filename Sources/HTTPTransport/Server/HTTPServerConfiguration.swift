internal import Crypto
public import Primitives
internal import Reactor

/// What one server listens on and allows.
public struct HTTPServerConfiguration: Sendable {
    /// PEM files. The certificate file carries the whole chain.
    public struct TLS: Hashable, Sendable {
        /// The server's certificate, then its intermediates.
        public var certificateFile: String
        /// Unencrypted.
        public var privateKeyFile: String
        /// Nothing is read here.
        public init(certificateFile: String, privateKeyFile: String) {
            self.certificateFile = certificateFile
            self.privateKeyFile = privateKeyFile
        }
    }

    /// Port 0 takes a free one; see `HTTPServer.addresses`.
    public var listen: [SocketAddress]
    /// Nil: plain HTTP.
    public var tls: TLS?
    /// Paths on which an upgrade to WebSocket is let in, compared without a trailing slash. Elsewhere it is a 404.
    public var webSocketPaths: [String] = []
    /// Bytes of a request body; more is answered 413.
    public var maximumBodySize: Int = 1_000_000
    /// Paths whose bodies have a smaller limit: the first whose path begins so. Judged by the head, before the body comes.
    public var bodyLimits: [(pathPrefix: String, bytes: Int)] = []
    /// Bytes of a WebSocket message; more closes it with 1009.
    public var maximumMessageSize: Int = 1_000_000
    /// The same for a client that has just come, until `limitMessages` says otherwise; nil: the same. What comes right behind
    /// the upgrade is judged before the application has heard of the client.
    public var firstMessageSize: Int?
    /// Bytes waiting to be sent to one client; more closes it: it does not read.
    public var maximumPendingBytes: Int = 4_000_000
    /// Bytes by which what is held for all clients grows before `holdingsGrew` says so.
    public var holdingsStep: Int = 256 * 1024
    /// Connections open at once, of both kinds; more are closed when they arrive.
    public var maximumConnections: Int = 20_000
    /// Connections of one address (of one /64 in IPv6), whatever they do.
    public var maximumConnectionsPerAddress: Int = .max
    /// Addresses that stand for many clients, to which that limit does not apply.
    public var proxies: [IPAddress] = []
    /// Listening sockets that a service manager opened. With one or more of them nothing else is listened on.
    public var listeningSockets: [Int32] = []
    /// For a request's head to arrive, then for its body, and for its answer to be taken.
    public var requestTimeout: Duration = .seconds(20)
    /// How long a connection may stay idle between two requests.
    public var keepAliveTimeout: Duration = .seconds(60)

    /// The time of day for the `Date` of answers; without it they carry none.
    public var clock: (@Sendable () -> WallClock)?

    /// Everything else as above.
    public init(listen: [SocketAddress]) { self.listen = listen }

    func letsIn(webSocket path: String) -> Bool {
        func trimmed(_ path: String) -> Substring { path.hasSuffix("/") ? path.dropLast() : path[...] }
        return webSocketPaths.contains { trimmed($0) == trimmed(path) }
    }
}

extension HTTPServerConfiguration.TLS {
    /// Reads the files.
    func context() throws(HTTPTransportError) -> TLSServerContext {
        for file in [certificateFile, privateKeyFile] {
            do throws(SystemError) { try SystemFile.checkReadable(file) } catch {
                throw .cannotLoadCertificate(file: file, reason: error.reason)
            }
        }
        do throws(CryptoError) {
            return try TLSServerContext(certificateFile: certificateFile, privateKeyFile: privateKeyFile)
        } catch {
            throw .cannotLoadCertificate(file: certificateFile, reason: "certificate and key do not fit")
        }
    }
}
