internal import Crypto
public import HTTP
public import Primitives
public import Reactor

/// HTTP/1.1 and WebSocket server. All calls come from one thread.
///
///     while running {
///         server.service(for: untilNextTimeout)
///         while let event = server.nextEvent() { … server.respond(to:_:) … server.send(_:on:) … }
///     }
public final class HTTPServer {
    /// Where it listens, with real ports.
    public let addresses: [SocketAddress]
    private let wake: WakeFD?

    let configuration: HTTPServerConfiguration
    private var loop: EventLoop
    private var tls: TLSServerContext?
    private let buffer: UnsafeMutableRawBufferPointer
    private var incoming: [UInt8]
    private var events: RingBuffer<HTTPServerEvent>
    private var acceptor: Acceptor
    private(set) var connections: ConnectionTable
    private var deadlines: DeadlineQueue
    /// Connections with something to send, or whose state is to be checked again.
    private var dirty: [ServerConnection]
    private var doomed: [ServerConnection]
    private var isDraining: Bool
    private var now: Instant
    /// WebSockets closed because too much was waiting for them.
    public private(set) var slowClientCount: UInt64
    private var held: HeldBytes

    /// Bytes held for clients: of requests and messages that are not whole, and of what they have not taken yet.
    public var heldBytes: Int { held.total }
    /// How often no connection could be accepted for want of descriptors.
    public var exhaustionCount: UInt64 { acceptor.exhaustionCount }
    /// Connections open, of both kinds.
    public var connectionCount: Int { connections.count }

    // Tokens of the event loop: the wake-up, then the listeners; connections count from far above.
    private static let wakeToken: UInt64 = 0
    private static let firstListener: UInt64 = 1
    private static let firstConnection: UInt64 = 1 << 16

    /// Listens at once.
    /// - Parameter wake: ends a `service` that waits, which then gives `woken`; a mailbox's, as a rule.
    public init(_ configuration: HTTPServerConfiguration, wokenBy wake: WakeFD? = nil) throws(HTTPTransportError) {
        self.configuration = configuration
        tls = try configuration.tls.map { tls throws(HTTPTransportError) in try tls.context() }
        acceptor = try Acceptor(configuration, firstToken: HTTPServer.firstListener)
        do throws(SystemError) {
            loop = try EventLoop(eventsPerWait: 256)
            self.wake = wake
            if let wake { try loop.register(wake.descriptor, token: .init(HTTPServer.wakeToken), for: .readable) }
            try acceptor.register(in: &loop)
        } catch {
            throw .outOfResources
        }
        addresses = acceptor.addresses
        buffer = .allocate(byteCount: 64 * 1024, alignment: 16)
        incoming = []
        events = RingBuffer()
        connections = ConnectionTable(configuration, identifiersAbove: HTTPServer.firstConnection)
        deadlines = DeadlineQueue()
        dirty = []
        doomed = []
        isDraining = false
        now = MonotonicClock.now()
        slowClientCount = 0
        held = HeldBytes(step: configuration.holdingsStep)
    }

    deinit { buffer.deallocate() }

    /// Reads the certificate and key files again; connections that are open keep the old ones.
    public func reloadCertificates() throws(HTTPTransportError) {
        guard let files = configuration.tls else { return }
        tls = try files.context()
    }

    // MARK: Service

    /// Moves bytes; returns when there are events, when woken, or after `limit` (nil: no limit), sometimes earlier.
    public func service(for limit: Duration?) {
        now = MonotonicClock.now()
        let end = limit.map { now + $0 }
        repeat {
            settle()
            guard events.isEmpty else { return }
            let until = [end, deadlines.first, acceptor.nextTimeout].compactMap { $0 }.min()
            do throws(SystemError) { try loop.wait(until: until) } catch {
                preconditionFailure("http: \(error)")
            }
            now = MonotonicClock.now()
            let happened = loop.events
            for event in happened { handle(event) }
            expire()
            acceptor.handleTimeout(in: &loop, now: now)
        } while events.isEmpty && (end.map { now < $0 } ?? true)
        settle()
    }

    /// The oldest event not taken yet; nil when there is none.
    public func nextEvent() -> HTTPServerEvent? { events.popFirst() }

    /// Sends what has been given since the last time, and ends what is over.
    private func settle() {
        while let connection = doomed.popLast() { destroy(connection) }
        for connection in dirty where connections[connection.identifier] === connection { advance(connection) }
        dirty.removeAll(keepingCapacity: true)
        while let connection = doomed.popLast() { destroy(connection) }
    }

    private func handle(_ event: EventLoop.Event) {
        switch event.token.rawValue {
        case HTTPServer.wakeToken:
            if wake?.clear() == true { events.append(.woken) }
        case ..<HTTPServer.firstConnection: acceptAll(event.token.rawValue)
        case let identifier:
            guard let connection = connections[identifier] else { return }
            if event.isReadable {
                guard connection.interest.contains(.readable), read(connection) else { return destroy(connection) }
            } else if event.isHungUp {
                // Nothing is read while a request waits for its answer: its client has gone, or will send no other one.
                guard connection.request == nil else { return destroy(connection) }
                connection.hasPeerEnded = true
            }
            advance(connection)
        }
    }

    private func markDirty(_ connection: ServerConnection) {
        guard !connection.isDirty else { return }
        connection.isDirty = true
        dirty.append(connection)
    }

    /// Sends, closes what is to end, and tells the event loop what to report.
    func advance(_ connection: ServerConnection) {
        guard connection.flush() else { return destroy(connection) }
        wantPiece(connection)
        if !connection.channel.hasOutput {
            connection.sharedBytes = 0
            let wasAnswering = connection.isAnswering
            connection.isAnswering = false
            if connection.hasPeerEnded, !connection.isAwaitingAnswer { return destroy(connection) }
            if connection.endsWhenSent || connection.http?.isClosing == true {
                if !connection.isLingering {
                    connection.isLingering = true
                    closeWebSocket(connection)
                    connection.finishSending()
                    setDeadline(connection, now + .seconds(1))
                }
            } else if connection.http?.isIdle == true, connection.request == nil {
                if isDraining { return destroy(connection) }
                if wasAnswering { setDeadline(connection, now + configuration.keepAliveTimeout) }
            }
        }
        count(connection)
        let wanted = connection.wantedInterest
        guard wanted != connection.interest else { return }
        connection.interest = wanted
        do throws(SystemError) {
            try loop.modify(connection.channel.descriptor, token: .init(connection.identifier), for: wanted)
        } catch {
            destroy(connection)
        }
    }

    // MARK: Accepting

    private func acceptAll(_ token: UInt64) {
        // So many at a time that open connections have their turn.
        for _ in 0..<64 {
            guard let stream = acceptor.accept(token, in: &loop, now: now) else { return }
            accept(stream)
        }
    }

    private func accept(_ stream: consuming TCPStream) {
        let peer = SocketAddress(address: stream.remoteAddress.address.unmapped, port: stream.remoteAddress.port)
        guard !isDraining, connections.admits(peer.address) else { return }
        stream.limitSendBuffer(to: 128 * 1024)
        let descriptor = stream.descriptor
        let connection = ServerConnection(connections.newIdentifier(), Channel(stream), peer: peer, now: now)
        if let tls {
            guard let session = try? TLSConnection(context: tls) else { return }
            connection.channel.begin(session)
        }
        do throws(SystemError) {
            try loop.register(descriptor, token: .init(connection.identifier), for: .readable)
        } catch {
            return
        }
        connections.add(connection)
        setDeadline(connection, now + configuration.requestTimeout)
    }

    // MARK: Time

    private func setDeadline(_ connection: ServerConnection, _ deadline: Instant?) {
        deadlines.set(&connection.deadline, of: connection.identifier, to: deadline)
    }

    private func expire() {
        while let entry = deadlines.popReached(now: now) {
            guard let connection = connections[entry.owner],
                deadlines.hasExpired(&connection.deadline, entry, now: now)
            else { continue }
            if connection.http?.isReceiving == true, !connection.channel.isHandshaking {
                // A client that sends a byte now and then does not keep the connection.
                refuse(connection, 408, "the request takes too long")
                advance(connection)
            } else {
                destroy(connection)
            }
        }
    }

    // MARK: Reading

    /// False when the connection is over.
    private func read(_ connection: ServerConnection) -> Bool {
        incoming.removeAll(keepingCapacity: true)
        let wasIdle = connection.http?.isIdle == true
        let received = connection.channel.receive(into: &incoming, buffer)
        if !connection.isLingering, !incoming.isEmpty {
            if wasIdle, connection.webSocket == nil {
                connection.account = nil
                setDeadline(connection, now + configuration.requestTimeout)
            }
            if connection.webSocket != nil {
                connection.webSocket!.receive(incoming)
                pumpWebSocket(connection)
            } else {
                connection.http?.receive(incoming)
                pump(connection)
            }
        }
        switch received {
        case .more, .nothing: return true
        case .failed:
            // TLS says what was wrong.
            _ = connection.flush()
            return false
        case .ended:
            // A request that came with the end still gets its answer, if that does not take long.
            connection.hasPeerEnded = true
            return connection.isAwaitingAnswer || connection.channel.hasOutput
        }
    }

    private func pump(_ connection: ServerConnection) {
        while let event = connection.http?.nextEvent() {
            switch event {
            case .head(let head): headReceived(connection, head)
            case .body(let bytes):
                let count = (connection.request?.body.count ?? 0) + bytes.count
                guard count <= connection.bodyLimit else {
                    return refuse(connection, 413, "the body is too large")
                }
                connection.request?.body.append(contentsOf: bytes)
            case .end:
                if let head = connection.handshake.take() { return openWebSocket(connection, head) }
                deliver(connection)
            case .violation(let violation): refuse(connection, violation.status, violation.message)
            }
        }
        if let word = connection.http?.takeContinue() { connection.channel.append(word) }
    }

    private func headReceived(_ connection: ServerConnection, _ head: HTTPRequestHead) {
        switch configuration.judge(head) {
        case .webSocket:
            connection.handshake = head
            return
        case .refused(let status, let message): return refuse(connection, status, message)
        case .request(let bodyLimit): connection.bodyLimit = bodyLimit
        }
        var request = HTTPRequest(
            id: RequestID(rawValue: connections.newIdentifier()), method: head.method, path: head.target.path,
            query: head.target.query,
            headers: head.headers, body: [], peer: connection.peer)
        if head.contentLength != 0 {
            connection.isAnnounced = true
            connections[request.id] = connection
            events.append(.requestAnnounced(request))
            // What has only been announced costs nothing yet.
            request.body.reserveCapacity(min(head.contentLength ?? 0, 16 * 1024))
        }
        connection.request = request
    }

    private func deliver(_ connection: ServerConnection) {
        guard let request = connection.request else { return }
        connection.request?.body = []
        connection.isAnnounced = true
        connections[request.id] = connection
        // An answer may take as long as it likes: long polls do.
        setDeadline(connection, nil)
        events.append(.request(request))
    }

    // MARK: Answering

    /// Answers a request. One whose client has gone is ignored.
    ///
    /// - Parameter isShared: the body is one that many answers have in common, so that its memory is no single client's.
    public func respond(to request: RequestID, _ response: HTTPResponse, isShared: Bool = false) {
        guard let connection = connections[request], connection.answerInPieces == nil else { return }
        endRequest(connection)
        if isShared { connection.sharedBytes = response.body.count }
        answer(connection, response, closing: isDraining || connection.hasPeerEnded)
        // What the client sent ahead is there already.
        pump(connection)
    }

    /// Begins an answer whose body is given in pieces as the client takes them: `pieceWanted` asks for each but the first,
    /// `endAnswer` is the end. One piece at a time is held.
    ///
    /// - Returns: whether a body is to follow; false for HEAD, and where the client has gone.
    public func beginAnswer(to request: RequestID, status: Int, headers: [HTTPHeader]) -> Bool {
        guard let connection = connections[request], connection.answerInPieces == nil,
            let (head, sendsBody) = connection.http?.beginAnswer(
                status: status, headers: ownHeaders + headers, closing: isDraining || connection.hasPeerEnded)
        else { return false }
        connection.channel.append(head)
        connection.isAnswering = true
        setDeadline(connection, now + configuration.requestTimeout)
        markDirty(connection)
        if sendsBody {
            connection.answerInPieces = request
            // The first piece comes with the head.
            connection.isPieceWanted = true
        } else {
            endRequest(connection)
            pump(connection)
        }
        return sendsBody
    }

    /// The next piece of an answer's body. Ignored where the client has gone.
    public func send(piece: [UInt8], to request: RequestID) {
        guard let connection = connections[request], connection.answerInPieces == request else { return }
        var bytes: [UInt8] = []
        connection.http?.appendPiece(piece, to: &bytes)
        connection.channel.append(bytes)
        connection.isPieceWanted = false
        // As long again for each piece: a client that takes none does not keep the connection.
        setDeadline(connection, now + configuration.requestTimeout)
        markDirty(connection)
    }

    /// The body of an answer in pieces is complete.
    public func endAnswer(to request: RequestID) {
        guard let connection = connections[request], connection.answerInPieces == request else { return }
        endRequest(connection)
        var bytes: [UInt8] = []
        connection.http?.endAnswer(to: &bytes)
        connection.channel.append(bytes)
        setDeadline(connection, now + configuration.requestTimeout)
        markDirty(connection)
        pump(connection)
    }

    /// The body of an answer in pieces cannot be completed: the connection breaks, so that its client knows.
    /// `requestAborted` does not follow.
    public func abandonAnswer(to request: RequestID) {
        guard let connection = connections[request], connection.answerInPieces == request else { return }
        endRequest(connection)
        doomed.append(connection)
    }

    private func endRequest(_ connection: ServerConnection) {
        guard let request = connection.request.take() else { return }
        connections[request.id] = nil
        connection.isAnnounced = false
        connection.answerInPieces = nil
        connection.isPieceWanted = false
    }

    private func wantPiece(_ connection: ServerConnection) {
        guard let request = connection.answerInPieces, connection.mayTakePiece else { return }
        connection.isPieceWanted = true
        // It is the application's turn, which may take as long as it likes.
        setDeadline(connection, nil)
        events.append(.pieceWanted(request))
    }

    private var ownHeaders: [HTTPHeader] {
        var headers: [HTTPHeader] = []
        if let clock = configuration.clock { headers.append(HTTPHeader("Date", HTTPDate.text(clock()))) }
        // RFC 6797 section 7.1: only where TLS is ours.
        if tls != nil { headers.append(HTTPHeader("Strict-Transport-Security", "max-age=31536000")) }
        return headers
    }

    private func answer(_ connection: ServerConnection, _ response: HTTPResponse, closing: Bool) {
        guard
            let (head, sendsBody) = connection.http?.answer(
                status: response.status, headers: ownHeaders + response.headers, contentLength: response.body.count,
                closing: closing)
        else { return }
        connection.channel.append(head)
        if sendsBody { connection.channel.append(response.body) }
        // A client that does not read does not keep the connection. The next request has another limit.
        setDeadline(connection, now + configuration.requestTimeout)
        connection.isAnswering = true
        markDirty(connection)
    }

    private func count(_ connection: ServerConnection) {
        let bytes = connection.heldBytes
        guard bytes != connection.countedBytes else { return }
        if held.change(by: bytes - connection.countedBytes) { events.append(.holdingsGrew) }
        connection.countedBytes = bytes
    }

    /// Answers what the application is not to see, and closes.
    func refuse(_ connection: ServerConnection, _ status: Int, _ message: String) {
        abort(connection)
        connection.handshake = nil
        answer(connection, HTTPRefusal.response(status, message), closing: true)
    }

    private func abort(_ connection: ServerConnection) {
        guard let request = connection.request.take() else { return }
        connections[request.id] = nil
        connection.answerInPieces = nil
        if connection.isAnnounced { events.append(.requestAborted(request.id)) }
        connection.isAnnounced = false
    }

    func destroy(_ connection: ServerConnection) {
        guard connections.remove(connection) else { return }
        try? loop.deregister(connection.channel.descriptor)
        connection.finishSending()
        abort(connection)
        _ = held.change(by: -connection.countedBytes)
        connection.countedBytes = 0
        closeWebSocket(connection)
        // An application that waits for the last connection to end would not hear of it otherwise.
        if isDraining, connections.isEmpty { events.append(.woken) }
    }

    // MARK: WebSockets

    private func closeWebSocket(_ connection: ServerConnection) {
        guard let id = connection.webSocketID, connections.removeWebSocket(id) else { return }
        events.append(.webSocketClosed(id, connection.closedWith))
    }

    private func openWebSocket(_ connection: ServerConnection, _ head: HTTPRequestHead) {
        guard let key = head.webSocketKey, let upgraded = connection.http?.upgrade(accept: WebSocketProof.accept(key))
        else { return }
        connection.channel.append(upgraded.answer)
        connection.http = nil
        connection.webSocket = WebSocketMachine(
            .server,
            maximumMessageSize: min(
                configuration.firstMessageSize ?? configuration.maximumMessageSize, configuration.maximumMessageSize),
            random: .system)
        setDeadline(connection, nil)
        let id = connections.addWebSocket(on: connection)
        connection.webSocketID = id
        events.append(
            .webSocketOpened(
                id,
                WebSocketHandshake(
                    path: head.target.path, query: head.target.query, headers: head.headers, peer: connection.peer)))
        if !upgraded.rest.isEmpty {
            connection.webSocket!.receive(upgraded.rest)
            pumpWebSocket(connection)
        }
    }

    private func pumpWebSocket(_ connection: ServerConnection) {
        guard let id = connection.webSocketID else { return }
        while let event = connection.webSocket?.nextEvent() {
            switch event {
            case .message(let message): if connection.closeCode == nil { events.append(.message(id, message)) }
            case .closed(let code):
                if connection.closeCode == nil { connection.peerCloseCode = code }
                connection.endsWhenSent = true
                setDeadline(connection, now + .seconds(5))
            }
        }
        var own: [UInt8] = []
        connection.webSocket?.takeOutgoing(into: &own)
        connection.channel.append(own)
    }

    /// False when the connection is gone or has just been closed because too much is waiting for it.
    @discardableResult
    public func send(_ message: WebSocketMessage, on connection: ConnectionID) -> Bool {
        guard let connection = connections[connection], connection.closeCode == nil, !connection.endsWhenSent else {
            return false
        }
        guard connection.channel.pendingBytes + message.count <= configuration.maximumPendingBytes else {
            connection.closeCode = .policyViolation
            slowClientCount += 1
            doomed.append(connection)
            return false
        }
        connection.channel.append(message)
        count(connection)
        markDirty(connection)
        return true
    }

    /// Closes after what was sent before; `webSocketClosed` follows.
    public func close(_ connection: ConnectionID, code: WebSocketCloseCode) {
        guard let connection = connections[connection], connection.closeCode == nil, !connection.endsWhenSent else {
            return
        }
        connection.closeCode = code
        connection.channel.appendClose(code)
        // A client that does not read does not keep the connection.
        setDeadline(connection, now + .seconds(5))
        markDirty(connection)
    }

    // MARK: The end

    /// Refuses new connections from now on; open ones go on. On a service manager's socket they wait there instead, for
    /// the next process that serves it.
    /// Connections on which no request waits for its answer are closed, the others with their answer.
    public func stopListening() {
        isDraining = true
        for connection in connections.all where connection.webSocket == nil && connection.request == nil {
            if !connection.channel.hasOutput { doomed.append(connection) }
        }
        acceptor.stop(in: &loop)
    }
}

@available(*, unavailable, message: "a server belongs to the thread that services it")
extension HTTPServer: Sendable {}
