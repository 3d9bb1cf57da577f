internal import CWebSockets
public import Primitives

public enum HTTPServerEvent: Sendable {
    /// A request's head is here, its body is not; `request` follows with the whole, or `requestAborted`.
    case requestAnnounced(HTTPRequest)
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
    /// Connections that are no WebSockets.
    private var plain: [OpaquePointer: ServerConnection]
    /// Requests delivered since the last `service`, which nobody watches yet.
    private var unwatched: [RequestID]
    /// Connections that were refused, and when they are closed whatever they still send.
    private var refused: RingBuffer<(deadline: Int64, connection: ServerConnection)>
    private var hangups: Int32
    private var isDraining: Bool
    private var listeners: [Int32: OpaquePointer]
    private var connectionsByAddress: [IPAddress: Int]
    private var lastIdentifier: UInt64
    /// Connections open, of both kinds.
    public private(set) var connectionCount: Int
    /// WebSockets closed because too much was waiting for them.
    public private(set) var slowClientCount: UInt64

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
        plain = [:]
        unwatched = []
        refused = RingBuffer()
        hangups = -1
        isDraining = false
        listeners = [:]
        connectionsByAddress = [:]
        lastIdentifier = 0
        connectionCount = 0
        slowClientCount = 0
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
        if configuration.listeningSockets.isEmpty {
            for address in configuration.listen { try listen(on: address, handle) }
        } else {
            for descriptor in configuration.listeningSockets { try adopt(listener: descriptor, handle) }
        }
        guard let vhost = vhosts.first else { return }
        hangups = cws_hangups_create()
        guard hangups >= 0, cws_adopt_file(vhost, hangups, "http") != nil else { throw .outOfResources }
    }

    deinit {
        waker.target.setContext(nil)
        context?.destroy()
    }

    /// What all listeners have in common.
    private func vhostInfo(port: Int32) -> lws_context_creation_info {
        var info = lws_context_creation_info()
        info.port = port
        info.protocols = context!.protocolTable
        info.keepalive_timeout = Int32(clamping: configuration.keepAliveTimeout.components.seconds)
        info.options = cws_option_validate_utf8 | cws_option_fail_unbound
        info.alpn = context!.keep("http/1.1")
        info.vhost_name = context!.keep("listen \(vhosts.count)")
        // What is no request, or has a method that the library does not know, comes as bytes and is answered here.
        info.options |= cws_option_fallback
        info.listen_accept_role = context!.keep("raw-skt")
        info.listen_accept_protocol = context!.keep("http")
        if let tls = configuration.tls {
            info.options |= cws_option_tls_global_init
            info.ssl_cert_filepath = context!.keep(tls.certificateFile)
            info.ssl_private_key_filepath = context!.keep(tls.privateKeyFile)
            info.ssl_options_set = cws_tls_1_2_and_later
        }
        return info
    }

    private func listen(on address: SocketAddress, _ handle: OpaquePointer) throws(HTTPTransportError) {
        var info = vhostInfo(port: Int32(address.port))
        if address.address.isIPv4 { info.options |= cws_option_disable_ipv6 }
        if !address.address.isUnspecified { info.iface = context!.keep(address.address.description) }
        // Beside an IPv4 listener on the same port, the IPv6 one must leave IPv4 alone.
        if !address.address.isIPv4,
            configuration.listen.contains(where: { $0.address.isIPv4 && $0.port == address.port })
        {
            info.options |= cws_option_v6only
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

    /// Takes over a listening socket: the library cannot, but it takes the connections.
    private func adopt(listener descriptor: Int32, _ handle: OpaquePointer) throws(HTTPTransportError) {
        guard cws_is_listening(descriptor) != 0, let address = socketAddress(descriptor, isPeer: false),
            cws_prepare_listener(descriptor) != 0
        else { throw .notListening(descriptor: descriptor) }
        if vhosts.isEmpty {
            var info = vhostInfo(port: cws_port_no_listen)
            guard let vhost = lws_create_vhost(handle, &info) else {
                guard let tls = configuration.tls else { throw .outOfResources }
                throw .cannotLoadCertificate(file: tls.certificateFile, reason: "certificate and key do not fit")
            }
            vhosts.append(vhost)
        }
        guard let wsi = cws_adopt_file(vhosts[0], descriptor, "http") else { throw .outOfResources }
        listeners[descriptor] = wsi
        addresses.append(address)
    }

    // MARK: Service

    /// Moves bytes; returns when there are events, when woken, or after `limit` (nil: no limit), sometimes earlier.
    public func service(for limit: Duration?) {
        guard events.isEmpty else { return }
        for request in unwatched { watch(request) }
        unwatched.removeAll(keepingCapacity: true)
        var limit = limit
        if let first = refused.first {
            let left = Duration.nanoseconds((first.deadline &- cws_microseconds()) &* 1000)
            limit = min(limit ?? left, left)
        }
        let alreadyRefused = refused.count
        // A refusal changes how long there is time.
        context!.service(for: limit) { !events.isEmpty || refused.count > alreadyRefused }
        while let first = refused.first, first.deadline <= cws_microseconds() {
            _ = refused.popFirst()
            if plain[first.connection.wsi] === first.connection { context!.end(first.connection.wsi, after: 0) }
        }
    }

    /// A request that is not answered at once: its client may go away in the meantime.
    private func watch(_ request: RequestID) {
        guard let connection = requests[request] else { return }
        // Nothing more is read until the answer, and libwebsockets would not stop being told that there is something.
        lws_rx_flow_control(connection.wsi, 0)
        connection.isWatched =
            cws_hangups_add(hangups, lws_get_socket_fd(connection.wsi), request.rawValue) == 0
    }

    /// One of our own descriptors has something to say.
    func fileReady(_ descriptor: Int32) {
        if listeners[descriptor] == nil { hangupsReady() } else { acceptAll(descriptor) }
    }

    private func acceptAll(_ listener: Int32) {
        // So many at a time that those who are connected have their turn.
        for _ in 0..<64 {
            let descriptor = cws_accept(listener)
            guard descriptor >= 0 else { return }
            guard mayAccept(descriptor) else {
                cws_close(descriptor)
                continue
            }
            // It closes what it does not take.
            _ = lws_adopt_socket_vhost(vhosts[0], descriptor)
        }
    }

    /// Some of the watched clients have gone.
    private func hangupsReady() {
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
        if isDraining { connection.closesAfterResponse = true }
        connection.response = response.encoded(
            withoutBody: connection.isHead, closing: connection.closesAfterResponse, date: configuration.clock?())
        // Who does not read does not get to keep the connection. The next request finds another limit in its place.
        context!.end(connection.wsi, after: Int32(clamping: max(1, configuration.requestTimeout.components.seconds)))
        lws_callback_on_writable(connection.wsi)
    }

    /// False when the connection is gone or has just been closed because too much is waiting for it.
    @discardableResult
    public func send(_ message: WebSocketMessage, on connection: ConnectionID) -> Bool {
        guard let connection = webSockets[connection], connection.outbox.closeCode == nil else { return false }
        guard connection.outbox.bytes + message.count <= configuration.maximumPendingBytes else {
            connection.outbox.closeCode = .policyViolation
            slowClientCount += 1
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
        // The library would say that all is well.
        guard cws_certificate_fits(tls.certificateFile, tls.privateKeyFile) != 0,
            lws_tls_cert_updated(handle, tls.certificateFile, tls.privateKeyFile, nil, 0, nil, 0) == 0
        else {
            throw .cannotLoadCertificate(file: tls.certificateFile, reason: "certificate and key do not fit")
        }
    }

    /// Refuses new connections from now on; open ones go on. On a service manager's socket they wait there instead, for
    /// whoever serves it next.
    ///
    /// Connections on which no request waits for its answer are closed, the others with their answer.
    public func stopListening() {
        isDraining = true
        for connection in plain.values where connection.request == nil && connection.response == nil {
            context!.end(connection.wsi, after: 0)
        }
        for wsi in listeners.values { lws_rx_flow_control(wsi, 0) }
    }

    // MARK: What libwebsockets hears

    private func newIdentifier() -> UInt64 {
        lastIdentifier += 1
        return lastIdentifier
    }

    /// Answers what nobody above is to see. What still comes is swallowed for a second, as an answer is lost to a client that
    /// finds its connection reset. By our own clock: the library sets other timeouts for a body that it still expects.
    func refuse(_ connection: ServerConnection, _ status: Int) {
        connection.refuse(status, date: configuration.clock?())
        refused.append((cws_microseconds() &+ 1_000_000, connection))
    }

    /// An answer in place of a WebSocket.
    func encoded(_ refusal: HTTPResponse) -> [UInt8] {
        refusal.encoded(withoutBody: false, closing: true, date: configuration.clock?())
    }

    func wasWoken() {
        if waker.target.takePending() { events.append(.woken) }
    }

    func mayAccept(_ descriptor: Int32) -> Bool {
        guard !isDraining, connectionCount < configuration.maximumConnections else { return false }
        guard let peer = socketAddress(descriptor, isPeer: true)?.address, !configuration.proxies.contains(peer) else {
            return true
        }
        return connectionsByAddress[peer.prefix64, default: 0] < configuration.maximumConnectionsPerAddress
    }

    func accepted(_ wsi: OpaquePointer) {
        // The library's own descriptors are announced here too; they have no other end.
        guard let peer = peerAddress(of: wsi) else { return }
        cws_limit_send_buffer(lws_get_socket_fd(wsi))
        connectionCount += 1
        connectionsByAddress[peer.address.prefix64, default: 0] += 1
        let connection = ServerConnection(wsi: wsi, peer: peer)
        plain[wsi] = connection
        lws_set_opaque_user_data(wsi, Unmanaged.passRetained(connection).toOpaque())
    }

    func destroyed(_ wsi: OpaquePointer) {
        guard let opaque = lws_get_opaque_user_data(wsi) else { return }
        lws_set_opaque_user_data(wsi, nil)
        let connection = Unmanaged<ServerConnection>.fromOpaque(opaque).takeRetainedValue()
        connectionCount -= 1
        plain[wsi] = nil
        let address = connection.peer.address.prefix64
        let others = connectionsByAddress[address, default: 1] - 1
        connectionsByAddress[address] = others > 0 ? others : nil
        abort(connection)
        if let id = connection.webSocket, webSockets.removeValue(forKey: id) != nil {
            events.append(.webSocketClosed(id, connection.closeCode))
        }
        // Whoever waits for the last to go would not hear of it otherwise.
        if isDraining, connectionCount == 0 { events.append(.woken) }
    }

    /// A request's head is complete. Returns a status when it is refused.
    func headReceived(_ connection: ServerConnection) -> Int? {
        guard let method = connection.wsi.requestMethod else { return 405 }
        guard let path = connection.wsi.requestPath, let query = connection.wsi.requestQuery else { return 400 }
        var request = HTTPRequest(
            id: RequestID(rawValue: newIdentifier()), method: method, path: path, query: query,
            headers: connection.wsi.requestHeaders, body: [], peer: connection.peer)
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
                events.append(.requestAnnounced(request))
                request.body.reserveCapacity(count)
                connection.request = request
                connection.missingBody = count
                connection.bodyDeadline = cws_microseconds() &+ configuration.requestTimeout.nanoseconds / 1000
                return nil
            }
        case (nil, _): break
        }
        deliver(request, connection)
        return nil
    }

    /// False when there is more than was announced, or it takes too long.
    func bodyReceived(_ connection: ServerConnection, _ bytes: UnsafeRawBufferPointer) -> Bool {
        // An empty body is announced too, as none.
        guard !bytes.isEmpty else { return true }
        guard connection.missingBody >= bytes.count, cws_microseconds() < connection.bodyDeadline else { return false }
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
        guard let request = connection.request else { return }
        requests[request.id] = nil
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
        plain[connection.wsi] = nil
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
