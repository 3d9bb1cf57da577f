internal import HTTP
internal import HTTPTransport
internal import Primitives
internal import Signaling

/// What becomes of a request before anybody asks whose it is: to whom it goes, or what it is answered at once.
struct RequestGate {
    enum Admission: Equatable {
        /// Nobody needs to see it.
        case answered(HTTPResponse)
        case engine
        case api
        case health
        case readiness
        case metrics
        /// One of the console's files, or nothing.
        case file
    }

    private let proxies: ProxyTrust
    private let metricsReaders: [IPAddress]
    /// Of one address, but Socket.IO's, whose clients have limits of their own.
    private var budgets: TokenBuckets<IPAddress>
    /// Whether a proxy that is not trusted has been named.
    private var hasNamedProxy: Bool

    /// - Parameter requestsPerAddress: a second, and ten times as many at once.
    init(proxies: ProxyTrust, metricsReaders: [IPAddress], requestsPerAddress: Int) {
        self.proxies = proxies
        self.metricsReaders = metricsReaders
        budgets = TokenBuckets(burst: 10 * requestsPerAddress, perSecond: Double(requestsPerAddress))
        hasNamedProxy = false
    }

    static func isEngine(_ path: String) -> Bool { path == "/socket.io" || path == "/socket.io/" }

    /// The client's own address, as far as anybody knows it.
    func clientAddress(_ peer: SocketAddress, _ headers: [HTTPHeader]) -> SocketAddress {
        proxies.clientAddress(peer, headers)
    }

    mutating func admit(_ request: HTTPRequest, now: Instant) -> Admission {
        let path = request.path
        if Self.isEngine(path) {
            return request.method == .options ? .answered(HTTPResponse(status: 204)) : .engine
        }
        guard budgets.take(clientAddress(request.peer, request.headers).address.prefix64, now: now) else {
            let error = SignalingError(.throttled, "too many requests from your address")
            return .answered(.error(429, error, headers: [HTTPHeader("Retry-After", "1")]))
        }
        if path.hasPrefix("/api/") {
            return request.method == .options ? .answered(HTTPResponse(status: 204)) : .api
        }
        guard request.method == .get || request.method == .head else {
            return .answered(.error(405, SignalingError(.badRequest, "method not allowed")))
        }
        switch path {
        case "/healthz": return .health
        case "/readyz": return .readiness
        case "/metrics": return mayReadMetrics(request) ? .metrics : .answered(.nothingHere)
        default: return .file
        }
    }

    /// The address of a proxy that `proxy.trusted` does not name, the first time that one is met.
    mutating func proxyToName(_ request: HTTPRequest) -> IPAddress? {
        guard !hasNamedProxy, proxies.isForwardedByStranger(request.peer, request.headers) else { return nil }
        hasNamedProxy = true
        return request.peer.address.unmapped
    }

    private func mayReadMetrics(_ request: HTTPRequest) -> Bool {
        guard !proxies.isForwardedByStranger(request.peer, request.headers),
            let reader = proxies.originAddress(request.peer, request.headers)
        else { return false }
        return metricsReaders.contains(reader)
    }
}
