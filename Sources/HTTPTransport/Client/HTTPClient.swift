internal import Crypto
public import HTTP
public import Primitives
public import Reactor

/// HTTP/1.1 and WebSocket client. All calls come from one thread.
///
/// Each exchange has a connection of its own: there are a few at most.
public final class HTTPClient {
    private let configuration: HTTPClientConfiguration
    private let trust: TLSClientContext
    private let wake: WakeFD?
    /// Signaled when a name has been looked up.
    private let lookups: WakeFD
    private var loop: EventLoop
    private let buffer: UnsafeMutableRawBufferPointer
    private var incoming: [UInt8]
    private var events: RingBuffer<HTTPClientEvent>
    private var exchanges: [UInt64: ClientExchange]
    private var lastIdentifier: UInt64
    private var now: Instant
    /// The chain of the server that was verified last, also when it was refused; its own certificate first.
    public private(set) var lastCertificates: [ServerCertificate]

    private static let wakeToken: UInt64 = 0
    private static let lookupToken: UInt64 = 1

    /// Reads the trusted authorities.
    /// - Parameter wake: ends a `service` that waits, which then gives `woken`; a mailbox's, as a rule.
    /// - Throws: `cannotLoadTrust`, `outOfResources`.
    public init(
        _ configuration: HTTPClientConfiguration, wokenBy wake: WakeFD? = nil
    ) throws(HTTPTransportError) {
        self.configuration = configuration
        if let file = configuration.caFile {
            do throws(SystemError) { try SystemFile.checkReadable(file) } catch {
                throw .cannotLoadTrust(file: file, reason: error.reason)
            }
        }
        do throws(CryptoError) {
            trust = try TLSClientContext(authorities: configuration.caFile)
        } catch {
            throw .cannotLoadTrust(file: configuration.caFile ?? "", reason: "no certificate in it")
        }
        do throws(SystemError) {
            loop = try EventLoop(eventsPerWait: 16)
            self.wake = wake
            lookups = try WakeFD()
            if let wake {
                try loop.register(wake.descriptor, token: .init(HTTPClient.wakeToken), for: .readable)
            }
            try loop.register(lookups.descriptor, token: .init(HTTPClient.lookupToken), for: .readable)
        } catch {
            throw .outOfResources
        }
        buffer = .allocate(byteCount: 64 * 1024, alignment: 16)
        incoming = []
        events = RingBuffer()
        exchanges = [:]
        lastIdentifier = HTTPClient.lookupToken
        now = MonotonicClock.now()
        lastCertificates = []
    }

    deinit { buffer.deallocate() }

    // MARK: Service

    /// Moves bytes; returns when there are events, when woken, or after `limit` (nil: no limit).
    public func service(for limit: Duration?) {
        now = MonotonicClock.now()
        let end = limit.map { now + $0 }
        repeat {
            for exchange in exchanges.values { advance(exchange) }
            expire()
            guard events.isEmpty else { return }
            let until = (exchanges.values.map(\.nextTimeout) + [end]).compactMap { $0 }.min()
            do throws(SystemError) { try loop.wait(until: until) } catch {
                preconditionFailure("http: \(error)")
            }
            now = MonotonicClock.now()
            let happened = loop.events
            for event in happened { handle(event) }
            expire()
        } while events.isEmpty && (end.map { now < $0 } ?? true)
        for exchange in exchanges.values { advance(exchange) }
    }

    /// The oldest event not taken yet; nil when there is none.
    public func nextEvent() -> HTTPClientEvent? { events.popFirst() }

    private func handle(_ event: EventLoop.Event) {
        switch event.token.rawValue {
        case HTTPClient.wakeToken:
            if wake?.clear() == true { events.append(.woken) }
        case HTTPClient.lookupToken:
            lookups.clear()
            for exchange in exchanges.values { takeAddresses(exchange) }
        case let identifier:
            guard let exchange = exchanges[identifier] else { return }
            switch exchange.phase {
            case .connecting: finishConnecting(exchange)
            case .open: if event.isReadable || event.isHungUp { read(exchange) }
            case .resolving, .over: break
            }
            advance(exchange)
        }
    }

    private func expire() {
        for exchange in exchanges.values {
            guard let timeout = exchange.nextTimeout, timeout <= now else { continue }
            if let ends = exchange.closeEnds, ends <= now {
                end(exchange, .closedEarly)
            } else if exchange.deadline <= now, !exchange.isOpenWebSocket {
                end(exchange, .timedOut)
            } else if exchange.attemptEnds != nil {
                tryNextAddress(exchange, reason: "no answer")
            }
        }
    }

    // MARK: Beginning

    /// Exactly one `response` or `requestFailed` follows, unless it is cancelled.
    public func start(_ request: HTTPClientRequest) -> RequestID {
        lastIdentifier += 1
        let id = RequestID(rawValue: lastIdentifier)
        guard let url = ClientURL(request.url) else {
            events.append(.requestFailed(id, .badURL(ClientURL.withoutQuery(request.url))))
            return id
        }
        var headers = [HTTPHeader("User-Agent", configuration.userAgent)]
        headers += request.headers
        let head = HTTPClientMachine.request(
            request.method, target: url.target, host: url.hostHeader, headers: headers,
            contentLength: request.body.count)
        begin(
            ClientExchange(
                lastIdentifier, .request(id), url: url, method: request.method, request: head + request.body,
                accept: nil, deadline: MonotonicClock.now() + request.timeout,
                responseLimit: request.maximumResponseSize))
        return id
    }

    /// Gives a request up. No event of it follows; one that is over is ignored.
    public func cancel(_ request: RequestID) {
        guard let exchange = exchanges[request.rawValue] else { return }
        forget(exchange)
    }

    /// `url` is `ws://`, `wss://`, `http://` or `https://` with path and query; `timeout` is for the handshake.
    public func openWebSocket(url text: String, headers: [HTTPHeader] = [], timeout: Duration = .seconds(15))
        -> ConnectionID
    {
        lastIdentifier += 1
        let id = ConnectionID(rawValue: lastIdentifier)
        guard let url = ClientURL(text) else {
            events.append(.webSocketFailed(id, .badURL(ClientURL.withoutQuery(text))))
            return id
        }
        let key = WebSocketProof.key()
        let head = HTTPClientMachine.webSocketRequest(
            target: url.target, host: url.hostHeader,
            headers: [HTTPHeader("User-Agent", configuration.userAgent)] + headers, key: key)
        begin(
            ClientExchange(
                lastIdentifier, .webSocket(id), url: url, method: .get, request: head,
                accept: WebSocketProof.accept(key), deadline: MonotonicClock.now() + timeout, responseLimit: 64 * 1024))
        return id
    }

    private func begin(_ exchange: ClientExchange) {
        now = MonotonicClock.now()
        exchanges[exchange.identifier] = exchange
        if let address = IPAddress(exchange.url.host) {
            exchange.remaining = [address]
            tryNextAddress(exchange, reason: "refused")
        } else {
            let question = NameLookup.Question(exchange.url.host, wake: lookups)
            exchange.phase = .resolving(question)
            question.begin()
        }
    }

    private func takeAddresses(_ exchange: ClientExchange) {
        guard case .resolving(let question) = exchange.phase, let answer = question.answer else { return }
        if case .found(let addresses) = answer { exchange.remaining = addresses.compactMap { IPAddress($0) } }
        guard !exchange.remaining.isEmpty else { return end(exchange, .nameNotFound(host: exchange.url.host)) }
        tryNextAddress(exchange, reason: "refused")
    }

    /// Connects to the next of the addresses; without one left it fails for `reason`.
    private func tryNextAddress(_ exchange: ClientExchange, reason: String) {
        var reason = reason
        dropConnection(exchange)
        while !exchange.remaining.isEmpty {
            let address = SocketAddress(address: exchange.remaining.removeFirst(), port: exchange.url.port)
            do throws(SystemError) {
                let stream = try TCPStream(connectingTo: address)
                let descriptor = stream.descriptor
                exchange.channel = Channel(stream)
                exchange.phase = .connecting
                // The last address may take all the time there is.
                exchange.attemptEnds = exchange.remaining.isEmpty ? nil : now + .seconds(3)
                exchange.interest = .writable
                try loop.register(descriptor, token: .init(exchange.identifier), for: .writable)
                return
            } catch {
                exchange.channel = nil
                reason = error.reason
            }
        }
        end(exchange, .cannotConnect(reason: reason))
    }

    private func finishConnecting(_ exchange: ClientExchange) {
        switch exchange.channel?.stream.finishConnect() {
        case .inProgress?: return
        case .failed(let error)?: return tryNextAddress(exchange, reason: error.reason)
        case .connected?: break
        case nil: return
        }
        exchange.attemptEnds = nil
        exchange.phase = .open
        if exchange.url.isSecure {
            do throws(CryptoError) {
                exchange.channel?.begin(
                    try TLSConnection(
                        context: trust, serverName: exchange.url.host, applicationProtocol: "http/1.1"))
            } catch {
                return end(exchange, .tls(.other(error.description)))
            }
        }
        exchange.channel?.append(exchange.request)
    }

    // MARK: The exchange

    /// Sends, and tells the event loop what to report.
    private func advance(_ exchange: ClientExchange) {
        guard case .open = exchange.phase else { return }
        // What the server said before it closed may still explain why nothing can be sent.
        let isSound = exchange.channel?.flush(&exchange.webSocket) ?? true
        if exchange.endsWhenSent, !isSound || exchange.channel?.hasOutput != true { return end(exchange, .closedEarly) }
        var wanted: EventLoop.Interest = .readable
        if isSound, exchange.channel?.hasOutput == true { wanted.insert(.writable) }
        guard wanted != exchange.interest, let descriptor = exchange.channel?.descriptor else { return }
        exchange.interest = wanted
        try? loop.modify(descriptor, token: .init(exchange.identifier), for: wanted)
    }

    private func read(_ exchange: ClientExchange) {
        incoming.removeAll(keepingCapacity: true)
        let received = exchange.channel?.receive(into: &incoming, buffer) ?? .nothing
        noteCertificates(exchange)
        if !incoming.isEmpty {
            if exchange.webSocket != nil {
                exchange.webSocket!.receive(incoming)
                pumpWebSocket(exchange)
            } else {
                exchange.http.receive(incoming)
                pump(exchange)
            }
        }
        guard !exchange.isOver else { return }
        switch received {
        case .more, .nothing: break
        case .ended:
            if exchange.webSocket == nil, exchange.http.receiveEnd() { pump(exchange) }
            if !exchange.isOver { end(exchange, .closedEarly) }
        case .failed(.tls(let error)):
            _ = exchange.channel?.flush(&exchange.webSocket)
            end(exchange, .tls(TLSFailure(verdict(exchange)) ?? .other(error.description)))
        case .failed(.system(let error)):
            end(exchange, exchange.response.status == 0 ? .cannotConnect(reason: error.reason) : .closedEarly)
        }
    }

    private func verdict(_ exchange: ClientExchange) -> CertificateVerdict { exchange.channel?.verdict ?? .accepted }

    private func noteCertificates(_ exchange: ClientExchange) {
        guard !exchange.hasNotedCertificates, let chain = exchange.channel?.serverChain, !chain.isEmpty else { return }
        exchange.hasNotedCertificates = true
        lastCertificates = chain.map(ServerCertificate.init)
    }

    private func pump(_ exchange: ClientExchange) {
        while !exchange.isOver, let event = exchange.http.nextEvent() {
            switch event {
            case .head(let head):
                exchange.response = HTTPResponse(status: head.status, headers: head.headers)
                // What follows is of no use: the refusal is known.
                if case .webSocket = exchange.purpose { end(exchange, .upgradeRefused(status: head.status)) }
            case .body(let bytes):
                guard exchange.response.body.count + bytes.count <= exchange.responseLimit else {
                    return end(exchange, .tooLarge)
                }
                exchange.response.body.append(contentsOf: bytes)
            case .end:
                guard case .request(let id) = exchange.purpose else { return }
                forget(exchange)
                events.append(.response(id, exchange.response))
            case .upgraded(_, let rest):
                guard case .webSocket(let id) = exchange.purpose else { return }
                exchange.webSocket = WebSocketMachine(
                    .client, maximumMessageSize: configuration.maximumMessageSize, random: .system)
                events.append(.webSocketOpened(id))
                exchange.webSocket!.receive(rest)
                pumpWebSocket(exchange)
            case .violation(let violation): end(exchange, .badResponse(reason: violation.message))
            }
        }
    }

    private func pumpWebSocket(_ exchange: ClientExchange) {
        guard case .webSocket(let id) = exchange.purpose else { return }
        while let event = exchange.webSocket?.nextEvent() {
            switch event {
            case .message(let message): if exchange.closeCode == nil { events.append(.message(id, message)) }
            case .closed(let code):
                exchange.peerCloseCode = code
                exchange.endsWhenSent = true
                exchange.closeEnds = now + .seconds(2)
            }
        }
        var own: [UInt8] = []
        exchange.webSocket?.takeOutgoing(into: &own)
        exchange.channel?.append(own)
    }

    /// False when the connection is not open or has just been closed because too much is waiting for it.
    @discardableResult
    public func send(_ message: WebSocketMessage, on connection: ConnectionID) -> Bool {
        guard let exchange = exchanges[connection.rawValue], exchange.isOpenWebSocket, exchange.closeCode == nil,
            !exchange.endsWhenSent
        else { return false }
        guard (exchange.channel?.pendingBytes ?? 0) + message.count <= configuration.maximumPendingBytes else {
            exchange.closeCode = .policyViolation
            exchange.closeEnds = .zero
            return false
        }
        exchange.channel?.append(message)
        return true
    }

    /// Closes after what was sent before; `webSocketClosed` follows within two seconds whatever the server does,
    /// `webSocketFailed` when it was not open yet.
    public func close(_ connection: ConnectionID, code: WebSocketCloseCode) {
        guard let exchange = exchanges[connection.rawValue], exchange.closeCode == nil, !exchange.endsWhenSent else {
            return
        }
        exchange.closeCode = code
        guard exchange.isOpenWebSocket else {
            exchange.closeEnds = .zero
            return
        }
        exchange.closeEnds = MonotonicClock.now() + .seconds(2)
        exchange.channel?.appendClose(code)
    }

    /// What the kernel sends the connection's packets from; nil when it is over or before that is known.
    public func localAddress(of connection: ConnectionID) -> SocketAddress? { localAddress(connection.rawValue) }

    /// What the kernel sends the request's packets from; nil when it is over or before that is known.
    public func localAddress(of request: RequestID) -> SocketAddress? { localAddress(request.rawValue) }

    private func localAddress(_ identifier: UInt64) -> SocketAddress? {
        guard let address = try? exchanges[identifier]?.channel?.stream.localAddress(),
            !address.address.isUnspecified
        else { return nil }
        return SocketAddress(address: address.address.unmapped, port: address.port)
    }

    // MARK: The end

    /// Tells its one last event.
    private func end(_ exchange: ClientExchange, _ failure: HTTPFailure) {
        guard !exchange.isOver else { return }
        forget(exchange)
        switch exchange.purpose {
        case .request(let id): events.append(.requestFailed(id, failure))
        case .webSocket(let id):
            events.append(
                exchange.isOpenWebSocket ? .webSocketClosed(id, exchange.closedWith) : .webSocketFailed(id, failure))
        }
    }

    private func forget(_ exchange: ClientExchange) {
        dropConnection(exchange)
        exchange.phase = .over
        exchanges[exchange.identifier] = nil
    }

    private func dropConnection(_ exchange: ClientExchange) {
        guard let descriptor = exchange.channel?.descriptor else { return }
        try? loop.deregister(descriptor)
        // What was cut short must not look whole.
        if exchange.channel?.hasOutput == false { exchange.channel?.finishSending() }
        exchange.channel = nil
    }
}

@available(*, unavailable, message: "a client belongs to the thread that services it")
extension HTTPClient: Sendable {}
