import JSON
import Primitives
import Reactor
import Service

private let log = Log("control")

/// The control socket's listener and connections: lines in, lines out, nothing blocks, nothing grows without bound.
struct ControlConnections: ~Copyable {
    /// One line from a connection. Those that cannot be understood come as well, so that answers keep the lines' order.
    struct Request: Sendable {
        var connection: UInt64
        var line: Result<JSONValue, ControlRequest.Refusal>
        /// Whether nothing that comes after it could be understood: the connection ends with its answer.
        var isLast: Bool = false
    }

    private final class Connection {
        var stream: UnixStream
        var reader: LineReader
        var output: [UInt8]
        var isWatching: Bool
        /// Whether it is closed as soon as its answers have left.
        var isEnding: Bool
        /// What came after a request whose answer takes time; nil while no such answer is due. Nothing more is read meanwhile.
        var heldBack: [Request]?

        init(_ stream: consuming UnixStream) {
            self.stream = stream
            reader = LineReader(limit: ControlConnections.longestLine)
            output = []
            isWatching = false
            isEnding = false
            heldBack = nil
        }

        /// What the loop is to watch.
        var interest: EventLoop.Interest {
            var interest: EventLoop.Interest = heldBack == nil ? .readable : .ignoresEnd
            if isEnding { interest = .writable }
            if !output.isEmpty { interest.insert(.writable) }
            return interest
        }
    }

    static let longestLine = 16 * 1024
    private static let mostConnections = 32
    private static let mostOutput = 1 << 20
    static let listenerToken = EventLoop.Token(1)
    private static let firstConnection: UInt64 = 16
    /// How long nothing is accepted once descriptors have run out.
    private static let pause: Duration = .milliseconds(500)

    private var listener: UnixSocketListener
    private var connections: [UInt64: Connection]
    private var lastToken: UInt64
    /// Set while nothing is accepted.
    private var acceptsAgainAt: Instant?

    init(listener: consuming UnixSocketListener, on loop: inout EventLoop) throws(SystemError) {
        try loop.register(listener.descriptor, token: ControlConnections.listenerToken, for: .readable)
        self.listener = listener
        connections = [:]
        lastToken = ControlConnections.firstConnection
        acceptsAgainAt = nil
    }

    var count: Int { connections.count }

    /// When connections are accepted again; nil while they are.
    var nextTimeout: Instant? { acceptsAgainAt }

    mutating func handleTimeout(on loop: inout EventLoop, now: Instant) {
        guard let time = acceptsAgainAt, time <= now else { return }
        acceptsAgainAt = nil
        do {
            try loop.register(listener.descriptor, token: ControlConnections.listenerToken, for: .readable)
        } catch {
            acceptsAgainAt = now + ControlConnections.pause
        }
    }

    /// Handles one event of the loop; the requests that came with it.
    mutating func handle(_ event: EventLoop.Event, on loop: inout EventLoop, now: Instant) -> [Request] {
        if event.token == ControlConnections.listenerToken {
            acceptAll(on: &loop, now: now)
            return []
        }
        let token = event.token.rawValue
        guard let connection = connections[token] else { return [] }
        if event.isWritable { flush(token, connection, on: &loop) }
        guard event.isReadable, connections[token] != nil, !connection.isEnding else { return [] }
        // Not asked for: the other end is gone.
        guard connection.heldBack == nil else {
            close(token, on: &loop)
            return []
        }
        return receive(token, connection, on: &loop)
    }

    mutating func answer(_ request: Request, _ value: JSONValue, on loop: inout EventLoop) {
        send(value, to: request.connection, on: &loop)
        if request.isLast { end(request.connection, on: &loop) }
    }

    private mutating func send(_ value: JSONValue, to token: UInt64, on loop: inout EventLoop) {
        guard let connection = connections[token] else { return }
        // One more line is let in over the limit: a snapshot may be longer by itself.
        guard connection.output.count <= ControlConnections.mostOutput else {
            log.repeated(.warning, "slow-reader", "a local program does not read what it asked for")
            return close(token, on: &loop)
        }
        connection.output += value.jsonText + [0x0A]
        flush(token, connection, on: &loop)
    }

    /// Nothing is read from the connection until `resume`: an answer that takes time comes before all others.
    mutating func pause(_ token: UInt64, on loop: inout EventLoop) {
        guard let connection = connections[token] else { return }
        connection.heldBack = []
        try? loop.modify(connection.stream.descriptor, token: .init(token), for: connection.interest)
    }

    /// - Returns: whether the request has to wait for `resume`.
    mutating func holdBack(_ request: Request) -> Bool {
        guard let connection = connections[request.connection], connection.heldBack != nil else { return false }
        connection.heldBack?.append(request)
        return true
    }

    /// Before the answer that was due is sent, with which reading goes on.
    /// - Returns: what was held back.
    mutating func resume(_ token: UInt64) -> [Request] {
        defer { connections[token]?.heldBack = nil }
        return connections[token]?.heldBack ?? []
    }

    mutating func watch(_ token: UInt64) { connections[token]?.isWatching = true }

    /// To all that watch.
    mutating func announce(_ value: JSONValue, on loop: inout EventLoop) {
        for (token, connection) in connections where connection.isWatching { send(value, to: token, on: &loop) }
    }

    var hasWatchers: Bool { connections.values.contains { $0.isWatching } }

    mutating func closeAll(on loop: inout EventLoop) {
        for token in connections.keys { close(token, on: &loop) }
    }

    // MARK: below

    private mutating func acceptAll(on loop: inout EventLoop, now: Instant) {
        while true {
            switch listener.accept() {
            case .noneWaits: return
            case .exhausted(let error):
                log.repeated(.error, "accept", "no local connection can be accepted for now: \(error)")
                acceptsAgainAt = now + ControlConnections.pause
                try? loop.deregister(listener.descriptor)
                return
            case .accepted(let stream):
                guard connections.count < ControlConnections.mostConnections else {
                    log.repeated(.warning, "too-many", "too many local connections, the newest is refused")
                    continue
                }
                lastToken += 1
                let connection = Connection(stream)
                do throws(SystemError) {
                    try loop.register(connection.stream.descriptor, token: .init(lastToken), for: .readable)
                    connections[lastToken] = connection
                } catch {
                    log.repeated(.error, "accept", "a local connection cannot be served: \(error)")
                }
            }
        }
    }

    private mutating func receive(_ token: UInt64, _ connection: Connection, on loop: inout EventLoop) -> [Request] {
        var requests: [Request] = []
        var isHalfClosed = false
        var hasFailed = false
        withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) { buffer in
            switch connection.stream.receive(into: buffer) {
            case .transferred(let count):
                connection.reader.append(
                    UnsafeRawBufferPointer(rebasing: buffer[..<count]).bindMemory(to: UInt8.self).span)
            case .wouldBlock: break
            case .ended: isHalfClosed = true
            case .failed: hasFailed = true
            }
        }
        do throws(LineReader.Failure) {
            while let line = try connection.reader.next() {
                if !line.isEmpty { requests.append(ControlConnections.request(line, from: token)) }
            }
            // `printf '{…}' | nc -U -N`: the end of the stream ends the last line, and its answer can still be read.
            if isHalfClosed, let line = try connection.reader.takeRest() {
                var request = ControlConnections.request(line, from: token)
                request.isLast = true
                requests.append(request)
            }
        } catch {
            let refusal = ControlRequest.Refusal.bad(
                "a line must be at most \(ControlConnections.longestLine) bytes long")
            requests.append(Request(connection: token, line: .failure(refusal), isLast: true))
        }
        if hasFailed { close(token, on: &loop) }
        if isHalfClosed, requests.isEmpty { end(token, on: &loop) }
        return requests
    }

    private static func request(_ line: [UInt8], from token: UInt64) -> Request {
        let value = try? JSONValue(parsing: line, maximumDepth: 8)
        return Request(
            connection: token, line: value.map { .success($0) } ?? .failure(.bad("a line must be one JSON object")))
    }

    /// Closes it when its answers have left; nothing more is read.
    private mutating func end(_ token: UInt64, on loop: inout EventLoop) {
        guard let connection = connections[token] else { return }
        guard !connection.output.isEmpty else { return close(token, on: &loop) }
        connection.isEnding = true
        try? loop.modify(connection.stream.descriptor, token: .init(token), for: .writable)
    }

    private mutating func flush(_ token: UInt64, _ connection: Connection, on loop: inout EventLoop) {
        while !connection.output.isEmpty {
            switch connection.stream.send(connection.output.span) {
            case .transferred(let count):
                connection.output.removeFirst(count)
            case .wouldBlock:
                try? loop.modify(connection.stream.descriptor, token: .init(token), for: connection.interest)
                return
            case .ended, .failed:
                return close(token, on: &loop)
            }
        }
        if connection.isEnding { return close(token, on: &loop) }
        try? loop.modify(connection.stream.descriptor, token: .init(token), for: connection.interest)
    }

    private mutating func close(_ token: UInt64, on loop: inout EventLoop) {
        guard let connection = connections.removeValue(forKey: token) else { return }
        try? loop.deregister(connection.stream.descriptor)
    }
}

/// The lines that go back.
enum ControlAnswer {
    static func ok(_ members: JSONObject = JSONObject(), _ id: JSONValue?) -> JSONValue {
        var object = JSONObject()
        object["ok"] = true
        for member in members.members { object[member.name] = member.value }
        if let id { object["id"] = id }
        return .object(object)
    }

    static func refused(_ refusal: ControlRequest.Refusal, _ id: JSONValue?) -> JSONValue {
        var object = JSONObject()
        object["ok"] = false
        object["error"] = ["code": .string(refusal.code), "message": .string(refusal.message)]
        if let id { object["id"] = id }
        return .object(object)
    }
}
