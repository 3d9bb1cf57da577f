internal import CWebSockets
public import Primitives

/// HTTP/1.1 and WebSocket client. All calls come from one thread, only the `waker` from any.
public final class HTTPClient {
    public let waker: ServiceWaker

    let configuration: HTTPClientConfiguration
    private var context: ServiceContext?
    private var vhost: OpaquePointer?
    private var events: RingBuffer<HTTPClientEvent>
    private var requests: [RequestID: ClientConnection]
    private var webSockets: [ConnectionID: ClientConnection]
    private var lastIdentifier: UInt64
    /// The chain of the server that was verified last, also when it was refused; its own certificate first.
    public internal(set) var lastCertificates: [ServerCertificate]

    public init(_ configuration: HTTPClientConfiguration) throws(HTTPTransportError) {
        self.configuration = configuration
        waker = ServiceWaker(target: WakeTarget())
        context = nil
        vhost = nil
        events = RingBuffer()
        requests = [:]
        webSockets = [:]
        lastIdentifier = 0
        lastCertificates = []
        if let file = configuration.caFile, cws_is_readable(file) == 0 {
            throw .cannotLoadTrust(file: file, reason: systemError())
        }
        // The system's authorities stay out when a file names whom to trust.
        let trust = configuration.caFile == nil ? 0 : cws_option_disable_os_ca
        context = ServiceContext(
            owner: Unmanaged.passUnretained(self).toOpaque(), callback: clientCallback, receiveSize: 16 * 1024,
            options: cws_option_explicit_vhosts | cws_option_validate_utf8 | trust
        ) { info, _ in
            info.max_http_header_data = 8192
            // The caller's own deadline is what counts.
            info.timeout_secs = 3600
            info.connect_timeout_secs = 10
            // Tables for as many as the process may open are hundreds of kilobytes; a client has a handful.
            info.fd_limit_per_thread = 64
        }
        guard let context else { throw .outOfResources }
        waker.target.setContext(context.handle)
        var info = lws_context_creation_info()
        info.port = -1
        info.protocols = context.protocolTable
        info.vhost_name = context.keep("client")
        info.options = cws_option_tls_global_init | cws_option_validate_utf8 | trust
        info.alpn = context.keep("http/1.1")
        info.keepalive_timeout = 3600
        info.ssl_client_options_set = cws_tls_1_2_and_later
        if let file = configuration.caFile { info.client_ssl_ca_filepath = context.keep(file) }
        vhost = lws_create_vhost(context.handle, &info)
        guard let vhost else {
            throw .cannotLoadTrust(file: configuration.caFile ?? "", reason: "no certificate in it")
        }
        lws_init_vhost_client_ssl(&info, vhost)
    }

    deinit {
        waker.target.setContext(nil)
        context?.destroy()
    }

    // MARK: Service

    /// Moves bytes; returns when there are events, when woken, or after `limit` (nil: no limit).
    public func service(for limit: Duration?) {
        guard events.isEmpty else { return }
        // libwebsockets changes its own timeouts on the way; a caller's holds from beginning to end.
        var limit = limit
        for connection in unfinished {
            let left = Duration.nanoseconds((connection.deadline &- cws_microseconds()) &* 1000)
            limit = min(limit ?? left, left)
        }
        context!.service(for: limit) { !events.isEmpty }
        let now = cws_microseconds()
        for connection in unfinished where connection.deadline <= now {
            fail(connection, .timedOut)
            if let wsi = connection.wsi { lws_set_timeout(wsi, PENDING_TIMEOUT_USER_OK, -1) }
        }
    }

    /// What has neither been answered nor opened yet. There are a few at most.
    private var unfinished: [ClientConnection] {
        Array(requests.values) + webSockets.values.filter { !$0.isOpen }
    }

    public func nextEvent() -> HTTPClientEvent? { events.popFirst() }

    /// Exactly one `response` or `requestFailed` follows, unless it is cancelled.
    public func start(_ request: HTTPClientRequest) -> RequestID {
        lastIdentifier += 1
        let id = RequestID(rawValue: lastIdentifier)
        let connection = ClientConnection(
            .request(id), headers: request.headers, body: request.body,
            expectsBody: [.post, .put, .patch].contains(request.method))
        connection.responseLimit = request.maximumResponseSize
        requests[id] = connection
        connect(connection, url: request.url, method: request.method.rawValue, timeout: request.timeout)
        return id
    }

    public func cancel(_ request: RequestID) {
        guard let connection = requests.removeValue(forKey: request) else { return }
        connection.isOver = true
        if let wsi = connection.wsi { lws_set_timeout(wsi, PENDING_TIMEOUT_USER_OK, -1) }
    }

    /// `url` is `ws://`, `wss://`, `http://` or `https://` with path and query; `timeout` is for the handshake.
    public func openWebSocket(url: String, headers: [HTTPHeader] = [], timeout: Duration = .seconds(15)) -> ConnectionID
    {
        lastIdentifier += 1
        let id = ConnectionID(rawValue: lastIdentifier)
        let connection = ClientConnection(.webSocket(id), headers: headers, body: [], expectsBody: false)
        webSockets[id] = connection
        connect(connection, url: url, method: nil, timeout: timeout)
        return id
    }

    /// False when the connection is not open or has just been closed because too much is waiting for it.
    @discardableResult
    public func send(_ message: WebSocketMessage, on connection: ConnectionID) -> Bool {
        guard let connection = webSockets[connection], connection.isOpen, connection.outbox.closeCode == nil,
            let wsi = connection.wsi
        else { return false }
        guard connection.outbox.bytes + message.count <= configuration.maximumPendingBytes else {
            connection.outbox.closeCode = .policyViolation
            lws_set_timeout(wsi, PENDING_TIMEOUT_CLOSE_SEND, -1)
            return false
        }
        connection.outbox.append(message)
        lws_callback_on_writable(wsi)
        return true
    }

    /// Closes after what was sent before; `webSocketClosed` follows within two seconds whatever the server does,
    /// `webSocketFailed` when it was not open yet.
    public func close(_ connection: ConnectionID, code: WebSocketCloseCode) {
        guard let connection = webSockets[connection], connection.outbox.closeCode == nil else { return }
        connection.outbox.closeCode = code
        guard let wsi = connection.wsi else { return }
        lws_set_timeout(wsi, PENDING_TIMEOUT_CLOSE_SEND, connection.isOpen ? 2 : -1)
        lws_callback_on_writable(wsi)
    }

    /// What the kernel sends the connection's packets from; nil when it is over or before that is known.
    public func localAddress(of connection: ConnectionID) -> SocketAddress? {
        webSockets[connection]?.wsi.flatMap { HTTPTransport.localAddress(of: $0) }
    }

    /// What the kernel sends the request's packets from; nil when it is over or before that is known.
    public func localAddress(of request: RequestID) -> SocketAddress? {
        requests[request]?.wsi.flatMap { HTTPTransport.localAddress(of: $0) }
    }

    // MARK: Connecting

    private func connect(_ connection: ClientConnection, url text: String, method: String?, timeout: Duration) {
        guard let url = ClientURL(text) else { return fail(connection, .badURL(ClientURL.withoutQuery(text))) }
        connection.host = url.host
        connection.deadline = cws_microseconds() &+ max(1, timeout.nanoseconds / 1000)
        var info = lws_client_connect_info()
        info.context = context!.handle
        info.vhost = vhost
        info.port = Int32(url.port)
        info.ssl_connection = Int32(LCCSCF_HTTP_NO_FOLLOW_REDIRECT.rawValue)
        if url.isSecure { info.ssl_connection |= Int32(LCCSCF_USE_SSL.rawValue) }
        info.ietf_version_or_minus_one = -1
        // Unbound, a body would be swallowed.
        info.local_protocol_name = UnsafePointer(context!.protocolTable.pointee.name)
        connection.selfReference = Unmanaged.passRetained(connection)
        info.opaque_user_data = connection.selfReference?.toOpaque()
        var wsi: OpaquePointer?
        let started = url.host.withCString { host in
            url.hostHeader.withCString { hostHeader in
                url.target.withCString { target in
                    (method ?? "").withCString { methodText in
                        "http/1.1".withCString { alpn in
                            info.address = host
                            info.host = hostHeader
                            info.path = target
                            info.alpn = alpn
                            info.method = method == nil ? nil : methodText
                            return withUnsafeMutablePointer(to: &wsi) { pointer in
                                info.pwsi = pointer
                                return lws_client_connect_via_info(&info) != nil
                            }
                        }
                    }
                }
            }
        }
        if started, let wsi {
            connection.wsi = wsi
        } else {
            connection.releaseSelf()
            // A resolver that gives no answer ends it here without a word; addresses that refuse are reported later.
            fail(
                connection,
                IPAddress(url.host) == nil ? .nameNotFound(host: url.host) : .cannotConnect(reason: "refused"))
        }
    }

    /// Reports the failure of a connection that never was open, once.
    func fail(_ connection: ClientConnection, _ failure: HTTPFailure) {
        guard !connection.isOver else { return }
        connection.isOver = true
        switch connection.purpose {
        case .request(let id):
            guard requests.removeValue(forKey: id) != nil else { return }
            events.append(.requestFailed(id, failure))
        case .webSocket(let id):
            guard webSockets.removeValue(forKey: id) != nil else { return }
            events.append(
                connection.isOpen ? .webSocketClosed(id, connection.closeCode) : .webSocketFailed(id, failure))
        }
    }

    // MARK: What libwebsockets hears

    func wasWoken() {
        if waker.target.takePending() { events.append(.woken) }
    }

    /// The library's words for a connection that never was open, as one of ours.
    func failed(_ connection: ClientConnection, words: String) {
        if let tls = connection.tlsFailure { return fail(connection, .tls(tls)) }
        let lower = words.lowercased()
        if connection.status != 0, case .webSocket = connection.purpose {
            fail(connection, .upgradeRefused(status: connection.status))
        } else if lower.contains("timed out") || lower.contains("timeout") {
            fail(connection, .timedOut)
        } else if lower.contains("dns") || lower.contains("getaddrinfo") {
            fail(connection, .nameNotFound(host: connection.host))
        } else if lower.contains("tls") || lower.contains("ssl") {
            fail(connection, .tls(.other(words)))
        } else {
            fail(connection, .cannotConnect(reason: words.isEmpty ? "connection lost" : words))
        }
    }

    func completed(_ connection: ClientConnection) {
        guard !connection.isOver, case .request(let id) = connection.purpose else { return }
        connection.isOver = true
        requests[id] = nil
        events.append(
            .response(
                id,
                HTTPResponse(
                    status: connection.status, headers: connection.responseHeaders, body: connection.responseBody)))
    }

    func opened(_ connection: ClientConnection) {
        guard case .webSocket(let id) = connection.purpose, let wsi = connection.wsi else { return }
        lws_set_timeout(wsi, NO_PENDING_TIMEOUT, 0)
        connection.isOpen = true
        events.append(.webSocketOpened(id))
    }

    /// False when the connection must close.
    func received(_ connection: ClientConnection, _ bytes: UnsafeRawBufferPointer) -> Bool {
        guard case .webSocket(let id) = connection.purpose, let wsi = connection.wsi else { return false }
        guard connection.inbox.count + bytes.count <= configuration.maximumMessageSize else {
            connection.outbox.closeCode = .messageTooBig
            lws_close_reason(wsi, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE, nil, 0)
            return false
        }
        connection.inbox.append(contentsOf: bytes)
        guard lws_is_final_fragment(wsi) != 0, lws_remaining_packet_payload(wsi) == 0 else { return true }
        let whole = connection.inbox
        connection.inbox = []
        guard connection.outbox.closeCode == nil else { return true }
        events.append(.message(id, lws_frame_is_binary(wsi) != 0 ? .binary(whole) : .text(whole)))
        return true
    }
}

@available(*, unavailable, message: "a client belongs to the thread that services it")
extension HTTPClient: Sendable {}
