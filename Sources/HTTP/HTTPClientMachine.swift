// The client's side of one exchange of HTTP/1.1 (RFC 9110, 9112), without socket or clock.
//
//   awaitingHead ──1xx──▶ awaitingHead          (skipped, RFC 9110 section 15.2)
//        ├──101──▶ upgraded                     (only when it was asked for)
//        └──head──▶ readingBody ──end──▶ done
//
// Any violation ends it: nothing that such a server sends is read on.

/// An answer's status and fields.
public struct HTTPResponseHead: Hashable, Sendable {
    /// 200 … 599, or 101 with a switch to WebSocket: interim answers are skipped (RFC 9110 section 15.2).
    public var status: Int
    /// In the order in which they came; trailers are not among them.
    public var headers: [HTTPHeader]

    init(_ reader: borrowing HeadReader, _ limits: HTTPLimits) throws(HTTPViolation) {
        let line = reader.startLine
        guard line.count >= 12, HTTPRequestHead.version(line.prefix(8)) != nil, line[8] == 0x20,
            line[9..<12].allSatisfy({ (0x30...0x39).contains($0) }), line.count == 12 || line[12] == 0x20
        else { throw .malformed("the answer is no HTTP/1.1") }
        status = line[9..<12].reduce(0) { $0 * 10 + Int($1 - 0x30) }
        guard (100...599).contains(status) else { throw .malformed("the answer's status is \(status)") }
        headers = try reader.fields(limits)
    }
}

/// One exchange with a server: the request's bytes at the beginning, then bytes in and events out.
public struct HTTPClientMachine: Sendable {
    /// What the server's bytes mean. `violation` is the last event.
    public enum Event: Equatable, Sendable {
        case head(HTTPResponseHead)
        case body([UInt8])
        case end
        /// The server switched to WebSocket; `rest` is what came behind its answer.
        case upgraded(HTTPResponseHead, rest: [UInt8])
        case violation(HTTPViolation)
    }

    private enum Phase: Equatable {
        case awaitingHead(HeadReader)
        case readingBody(BodyReader)
        /// Also after a violation.
        case done
    }

    private let limits: HTTPLimits
    private let method: HTTPMethod
    private let accept: String?
    private var phase: Phase
    private var input: [UInt8]
    private var position: Int
    private var interim: Int
    private var hasEnded: Bool

    /// - Parameter accept: what a server that switches to WebSocket must prove itself with; nil asks for no switch.
    public init(_ method: HTTPMethod, accept: String? = nil, limits: HTTPLimits = HTTPLimits()) {
        self.limits = limits
        self.method = method
        self.accept = accept
        phase = .awaitingHead(HeadReader())
        input = []
        position = 0
        interim = 0
        hasEnded = false
    }

    /// The request's head, which its body follows as it is.
    ///
    /// - Parameter target: path and query, percent-encoded.
    public static func request(
        _ method: HTTPMethod, target: String, host: String, headers: [HTTPHeader], contentLength: Int
    ) -> [UInt8] {
        var fields = [HTTPHeader("Host", host)] + headers
        if contentLength > 0 || method.expectsContent {
            fields.append(HTTPHeader("Content-Length", String(contentLength)))
        }
        fields.append(HTTPHeader("Connection", "close"))
        return HTTPMessageWriter.request(method: method, target: target, headers: fields)
    }

    /// An opening handshake (RFC 6455 section 4.1).
    ///
    /// - Parameter key: 16 random bytes in base64.
    public static func webSocketRequest(target: String, host: String, headers: [HTTPHeader], key: String) -> [UInt8] {
        let fields =
            [
                HTTPHeader("Host", host), HTTPHeader("Upgrade", "websocket"), HTTPHeader("Connection", "Upgrade"),
                HTTPHeader("Sec-WebSocket-Key", key), HTTPHeader("Sec-WebSocket-Version", "13"),
            ] + headers
        return HTTPMessageWriter.request(method: .get, target: target, headers: fields)
    }

    /// Bytes of the connection. What they mean is then in `nextEvent`; after the end they are ignored.
    public mutating func receive(_ bytes: [UInt8]) {
        guard phase != .done else { return }
        if position == input.count {
            input.removeAll(keepingCapacity: true)
            position = 0
        }
        input.append(contentsOf: bytes)
    }

    /// The server has closed. True when that is a proper end, and `nextEvent` tells it.
    public mutating func receiveEnd() -> Bool {
        if case .readingBody(let reader) = phase, reader.endsWithConnection {
            hasEnded = true
            return true
        }
        return phase == .done
    }

    /// The next event; nil when more bytes are needed.
    public mutating func nextEvent() -> Event? {
        do throws(HTTPViolation) {
            switch phase {
            case .awaitingHead(var reader):
                phase = .done
                guard try reader.read(input, &position, limits, isRequest: false) else {
                    phase = .awaitingHead(reader)
                    return nil
                }
                return try judge(try HTTPResponseHead(reader, limits))
            case .readingBody(var reader):
                let piece = try reader.next(input, &position, limits)
                phase = .readingBody(reader)
                switch piece {
                case .bytes(let range): return .body(Array(input[range]))
                case .pending where !hasEnded: return nil
                case .end, .pending:
                    phase = .done
                    return .end
                }
            case .done: return nil
            }
        } catch {
            phase = .done
            input = []
            position = 0
            return .violation(error)
        }
    }

    private mutating func judge(_ head: HTTPResponseHead) throws(HTTPViolation) -> Event? {
        if head.status == 101 {
            guard let accept, head.headers.tokens(of: "upgrade") == ["websocket"],
                head.headers.tokens(of: "connection").contains("upgrade"),
                // RFC 6455 section 4.1: another proof, or an extension or protocol that was not asked for, fails it.
                head.headers["sec-websocket-accept"] == accept,
                head.headers["sec-websocket-extensions"] == nil, head.headers["sec-websocket-protocol"] == nil
            else { throw .malformed("the server switches to a protocol that was not asked for") }
            return .upgraded(head, rest: Array(input[position...]))
        }
        if head.status < 200 {
            interim += 1
            guard interim <= 16 else { throw .malformed("nothing but interim answers") }
            phase = .awaitingHead(HeadReader())
            return nextEvent()
        }
        phase = .readingBody(BodyReader(try BodyFraming(response: head.headers, status: head.status, method: method)))
        return .head(head)
    }
}
