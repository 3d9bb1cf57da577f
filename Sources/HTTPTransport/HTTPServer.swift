internal import CWebSockets
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
    /// For a request's head or the next piece of its body to arrive.
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
    /// Where it listens, with real ports.
    public private(set) var addresses: [SocketAddress]
    public let waker: ServiceWaker

    let configuration: HTTPServerConfiguration
    private var context: ServiceContext?
    private var vhosts: [OpaquePointer]
    private var events: RingBuffer<HTTPServerEvent>
    private var webSockets: [ConnectionID: ServerConnection]
    private var requests: [RequestID: ServerConnection]
    /// Requests delivered since the last `service`, which nobody watches yet.
    private var unwatched: [RequestID]
    private var hangups: Int32
    private var lastIdentifier: UInt64
    /// Connections open, of both kinds.
    public private(set) var connectionCount: Int

    /// Listens at once.
    public init(_ configuration: HTTPServerConfiguration) throws(HTTPTransportError) {
        self.configuration = configuration
        addresses = []
        waker = ServiceWaker(target: WakeTarget())
        context = nil
        vhosts = []
        events = RingBuffer()
        webSockets = [:]
        requests = [:]
        unwatched = []
        hangups = -1
        lastIdentifier = 0
        connectionCount = 0
        if let tls = configuration.tls {
            for file in [tls.certificateFile, tls.privateKeyFile] where cws_is_readable(file) == 0 {
                throw .cannotLoadCertificate(file: file, reason: systemError())
            }
        }
        context = ServiceContext(
            owner: Unmanaged.passUnretained(self).toOpaque(), callback: serverCallback, receiveSize: 1024,
            options: cws_option_explicit_vhosts | cws_option_validate_utf8, manyConnections: true
        ) { info, _ in
            info.timeout_secs = UInt32(clamping: configuration.requestTimeout.components.seconds)
            info.max_http_header_data = 8192
        }
        guard let handle = context?.handle else { throw .outOfResources }
        waker.target.setContext(handle)
        for address in configuration.listen { try listen(on: address, handle) }
        guard let vhost = vhosts.first else { return }
        hangups = cws_hangups_create()
        guard hangups >= 0, cws_adopt_file(vhost, hangups, "http") != nil else { throw .outOfResources }
    }

    deinit {
        waker.target.setContext(nil)
        context?.destroy()
    }

    private func listen(on address: SocketAddress, _ handle: OpaquePointer) throws(HTTPTransportError) {
        var info = lws_context_creation_info()
        info.port = Int32(address.port)
        info.protocols = context!.protocolTable
        info.keepalive_timeout = Int32(clamping: configuration.keepAliveTimeout.components.seconds)
        info.options = cws_option_validate_utf8 | cws_option_fail_unbound
        info.alpn = context!.keep("http/1.1")
        info.vhost_name = context!.keep("listen \(vhosts.count)")
        if address.address.isIPv4 { info.options |= cws_option_disable_ipv6 }
        if !address.address.isUnspecified { info.iface = context!.keep(address.address.description) }
        // Beside an IPv4 listener on the same port, the IPv6 one must leave IPv4 alone.
        if !address.address.isIPv4,
            configuration.listen.contains(where: { $0.address.isIPv4 && $0.port == address.port })
        {
            info.options |= cws_option_v6only
        }
        if let tls = configuration.tls {
            info.options |= cws_option_tls_global_init
            info.ssl_cert_filepath = context!.keep(tls.certificateFile)
            info.ssl_private_key_filepath = context!.keep(tls.privateKeyFile)
            info.ssl_options_set = cws_tls_1_2_and_later
        }
        cws_clear_errno()
        guard let vhost = lws_create_vhost(handle, &info) else {
            let reason = cws_errno() == 0 ? "refused by the system" : systemError()
            if let tls = configuration.tls, cws_errno() == 0 {
                throw .cannotLoadCertificate(file: tls.certificateFile, reason: "certificate and key do not fit")
            }
            throw .cannotListen(address, reason: reason)
        }
        vhosts.append(vhost)
        let port = lws_get_vhost_listen_port(vhost)
        guard port > 0 else { throw .cannotListen(address, reason: "refused by the system") }
        addresses.append(SocketAddress(address: address.address, port: UInt16(clamping: port)))
    }

    // MARK: Service

    /// Moves bytes; returns when there are events, when woken, or after `limit` (nil: no limit).
    public func service(for limit: Duration?) {
        guard events.isEmpty else { return }
        for request in unwatched { watch(request) }
        unwatched.removeAll(keepingCapacity: true)
        context!.service(for: limit) { !events.isEmpty }
    }

    /// A request that is not answered at once: its client may go away in the meantime.
    private func watch(_ request: RequestID) {
        guard let connection = requests[request] else { return }
        // Nothing more is read until the answer, and libwebsockets would not stop being told that there is something.
        lws_rx_flow_control(connection.wsi, 0)
        connection.isWatched =
            cws_hangups_add(hangups, lws_get_socket_fd(connection.wsi), request.rawValue) == 0
    }

    /// Some of the watched clients have gone.
    func hangupsReady() {
        var request: UInt64 = 0
        while cws_hangups_next(hangups, &request) != 0 {
            guard let connection = requests[RequestID(rawValue: request)] else { continue }
            context!.end(connection.wsi, after: 0)
        }
    }

    public func nextEvent() -> HTTPServerEvent? { events.popFirst() }

    /// Answers a request. One whose client has gone is ignored.
    public func respond(to request: RequestID, _ response: HTTPResponse) {
        guard let connection = requests.removeValue(forKey: request) else { return }
        connection.request = nil
        if connection.isWatched {
            connection.isWatched = false
            // A connection that may not be read is not told that it may be written either.
            lws_rx_flow_control(connection.wsi, 1)
            cws_hangups_remove(hangups, lws_get_socket_fd(connection.wsi))
        }
        connection.response = response.encoded(
            withoutBody: connection.isHead, closing: connection.closesAfterResponse)
        lws_callback_on_writable(connection.wsi)
    }

    /// False when the connection is gone or has just been closed because too much is waiting for it.
    @discardableResult
    public func send(_ message: WebSocketMessage, on connection: ConnectionID) -> Bool {
        guard let connection = webSockets[connection], connection.outbox.closeCode == nil else { return false }
        guard connection.outbox.bytes + message.count <= configuration.maximumPendingBytes else {
            connection.outbox.closeCode = .policyViolation
            context!.end(connection.wsi, after: 0)
            return false
        }
        connection.outbox.append(message)
        lws_callback_on_writable(connection.wsi)
        return true
    }

    /// Closes after what was sent before; `webSocketClosed` follows.
    public func close(_ connection: ConnectionID, code: WebSocketCloseCode) {
        guard let connection = webSockets[connection], connection.outbox.closeCode == nil else { return }
        connection.outbox.closeCode = code
        // Who does not read does not get to keep the connection.
        context!.end(connection.wsi, after: 5)
        lws_callback_on_writable(connection.wsi)
    }

    /// Bytes accepted by `send` that have not been handed to the kernel yet.
    public func pendingBytes(on connection: ConnectionID) -> Int { webSockets[connection]?.outbox.bytes ?? 0 }

    /// Reads the certificate and key files again; connections that are open keep the old ones.
    public func reloadCertificates() throws(HTTPTransportError) {
        guard let tls = configuration.tls, let handle = context?.handle else { return }
        for file in [tls.certificateFile, tls.privateKeyFile] where cws_is_readable(file) == 0 {
            throw .cannotLoadCertificate(file: file, reason: systemError())
        }
        guard lws_tls_cert_updated(handle, tls.certificateFile, tls.privateKeyFile, nil, 0, nil, 0) == 0 else {
            throw .cannotLoadCertificate(file: tls.certificateFile, reason: "certificate and key do not fit")
        }
    }

    /// Stops listening; open connections go on.
    public func stopListening() {}

    // MARK: What libwebsockets hears

    private func newIdentifier() -> UInt64 {
        lastIdentifier += 1
        return lastIdentifier
    }

    func wasWoken() {
        if waker.target.takePending() { events.append(.woken) }
    }

    func mayAccept() -> Bool { connectionCount < configuration.maximumConnections }

    func accepted(_ wsi: OpaquePointer) {
        // The library's own descriptors are announced here too; they have no other end.
        guard let peer = peerAddress(of: wsi) else { return }
        connectionCount += 1
        let connection = ServerConnection(wsi: wsi, peer: peer)
        lws_set_opaque_user_data(wsi, Unmanaged.passRetained(connection).toOpaque())
    }

    func destroyed(_ wsi: OpaquePointer) {
        guard let opaque = lws_get_opaque_user_data(wsi) else { return }
        lws_set_opaque_user_data(wsi, nil)
        let connection = Unmanaged<ServerConnection>.fromOpaque(opaque).takeRetainedValue()
        connectionCount -= 1
        abort(connection)
        if let id = connection.webSocket, webSockets.removeValue(forKey: id) != nil {
            events.append(.webSocketClosed(id, connection.closeCode))
        }
    }

    /// A request's head is complete. Returns a status when it is refused.
    func headReceived(_ connection: ServerConnection) -> Int? {
        guard let method = connection.wsi.requestMethod else { return 405 }
        var request = HTTPRequest(
            id: RequestID(rawValue: newIdentifier()), method: method, path: connection.wsi.requestPath,
            query: connection.wsi.requestQuery, headers: connection.wsi.requestHeaders, body: [], peer: connection.peer)
        connection.isHead = method == .head
        // libwebsockets knows no chunked request bodies, and a body of unknown length would be read as the next request.
        guard request.headers["transfer-encoding"] == nil else { return 411 }
        let length = request.headers["content-length"]
        switch (length, method) {
        case (nil, .post), (nil, .put), (nil, .patch): return 411
        case (let length?, _):
            guard length.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let count = Int(length) else { return 400 }
            guard count <= configuration.maximumBodySize else { return 413 }
            if count > 0 {
                request.body.reserveCapacity(count)
                connection.request = request
                connection.missingBody = count
                return nil
            }
        case (nil, _): break
        }
        deliver(request, connection)
        return nil
    }

    /// False when there is more than was announced.
    func bodyReceived(_ connection: ServerConnection, _ bytes: UnsafeRawBufferPointer) -> Bool {
        guard connection.missingBody >= bytes.count else { return false }
        connection.missingBody -= bytes.count
        connection.request?.body.append(contentsOf: bytes)
        return true
    }

    func bodyCompleted(_ connection: ServerConnection) {
        guard let request = connection.request, requests[request.id] == nil else { return }
        deliver(request, connection)
    }

    private func deliver(_ request: HTTPRequest, _ connection: ServerConnection) {
        connection.request = request
        connection.request?.body = []
        requests[request.id] = connection
        events.append(.request(request))
        unwatched.append(request.id)
        // An answer may take as long as it likes: long polls do.
        lws_set_timeout(connection.wsi, NO_PENDING_TIMEOUT, 0)
    }

    func abort(_ connection: ServerConnection) {
        guard let request = connection.request, requests.removeValue(forKey: request.id) != nil else { return }
        connection.request = nil
        events.append(.requestAborted(request.id))
    }

    func letsIn(webSocket path: String) -> Bool {
        func trimmed(_ path: String) -> Substring { path.hasSuffix("/") ? path.dropLast() : path[...] }
        return configuration.webSocketPaths.contains { trimmed($0) == trimmed(path) }
    }

    func webSocketEstablished(_ connection: ServerConnection) {
        let id = ConnectionID(rawValue: newIdentifier())
        connection.webSocket = id
        webSockets[id] = connection
        let handshake =
            connection.handshake.take()
            ?? WebSocketHandshake(path: "", query: [], headers: [], peer: connection.peer)
        events.append(.webSocketOpened(id, handshake))
    }

    /// False when the connection must close.
    func webSocketReceived(_ connection: ServerConnection, _ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let id = connection.webSocket else { return false }
        guard connection.inbox.count + bytes.count <= configuration.maximumMessageSize else {
            connection.outbox.closeCode = .messageTooBig
            lws_close_reason(connection.wsi, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE, nil, 0)
            return false
        }
        connection.inbox.append(contentsOf: bytes)
        guard lws_is_final_fragment(connection.wsi) != 0, lws_remaining_packet_payload(connection.wsi) == 0 else {
            return true
        }
        let whole = connection.inbox
        connection.inbox = []
        guard connection.outbox.closeCode == nil else { return true }
        events.append(.message(id, lws_frame_is_binary(connection.wsi) != 0 ? .binary(whole) : .text(whole)))
        return true
    }
}

@available(*, unavailable, message: "a server belongs to the thread that services it")
extension HTTPServer: Sendable {}
