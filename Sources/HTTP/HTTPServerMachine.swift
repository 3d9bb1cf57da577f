// The server's side of one connection of HTTP/1.1 (RFC 9110, 9112), without socket or clock.
//
//   awaitingHead ──head──▶ readingBody ──end──▶ awaitingAnswer ──answer──▶ awaitingHead   (the connection persists)
//        │  └───upgrade───▶ upgraded               │      │           └───▶ closing
//        └──violation──▶ refusing ──answer──▶ closing     └─beginAnswer─▶ answering ──endAnswer──▶ awaitingHead, closing
//                                                ◀──violation──┘
//
// One request at a time: what a client sends ahead (pipelining) waits in `input`, and `wantsInput` tells its reader to
// leave the rest in the kernel. Bodies leave as pieces; nothing is held whole.

/// One connection of a server: bytes in, events out; answers in, bytes out.
public struct HTTPServerMachine: Sendable {
    /// What the client's bytes mean.
    public enum Event: Equatable, Sendable {
        /// A request begins. `body` events and one `end` follow, or `violation`.
        case head(HTTPRequestHead)
        case body([UInt8])
        /// The request is whole: answer it with `answer`.
        case end
        /// The connection is over: answer it with `answer`, which will announce the end. Nothing more of this client is read.
        case violation(HTTPViolation)
    }

    private enum Phase: Equatable {
        case awaitingHead(HeadReader)
        case readingBody(BodyReader)
        /// The body's reader is kept when an answer overtook the body.
        case awaitingAnswer
        /// An answer of unknown length is on its way, in chunks or up to the end of the connection.
        case answering(isChunked: Bool)
        case refusing
        case closing
        /// The bytes are another protocol's.
        case upgraded
    }

    private let limits: HTTPLimits
    private var phase: Phase
    private var input: [UInt8]
    private var position: Int
    /// Of the request in hand.
    private var isHead: Bool
    private var isHTTP11: Bool
    private var persists: Bool
    private var owesContinue: Bool

    /// `limits` hold for every request of the connection.
    public init(limits: HTTPLimits = HTTPLimits()) {
        self.limits = limits
        phase = .awaitingHead(HeadReader())
        input = []
        position = 0
        isHead = false
        isHTTP11 = true
        persists = true
        owesContinue = false
    }

    /// Whether `receive` may be called: not while a request waits for its answer.
    public var wantsInput: Bool {
        switch phase {
        case .awaitingHead, .readingBody: true
        case .awaitingAnswer, .answering, .refusing, .closing, .upgraded: false
        }
    }

    /// Whether no request has begun: nothing is lost when the connection ends here.
    public var isIdle: Bool {
        if case .awaitingHead(let reader) = phase { reader.isEmpty && position == input.count } else { false }
    }

    /// Whether a request's head or body is incomplete.
    public var isReceiving: Bool {
        switch phase {
        case .awaitingHead: !isIdle
        case .readingBody: true
        case .awaitingAnswer, .answering, .refusing, .closing, .upgraded: false
        }
    }

    /// Whether nothing more will be read or answered, once what was written has been sent.
    public var isClosing: Bool { phase == .closing }

    /// Whether an answer in pieces has begun and is not complete.
    public var isAnswering: Bool {
        if case .answering = phase { true } else { false }
    }

    /// Bytes held for this client.
    public var heldBytes: Int {
        if case .awaitingHead(let reader) = phase { input.count + reader.bytes.count } else { input.count }
    }

    /// Bytes of the connection, while `wantsInput` says so. What they mean is then in `nextEvent`.
    public mutating func receive(_ bytes: [UInt8]) {
        guard phase != .closing, phase != .refusing else { return }
        if position == input.count {
            input.removeAll(keepingCapacity: true)
            position = 0
        }
        input.append(contentsOf: bytes)
    }

    /// The next event; nil when more bytes, or an answer, are needed.
    public mutating func nextEvent() -> Event? {
        do throws(HTTPViolation) {
            switch phase {
            case .awaitingHead(var reader):
                phase = .closing
                guard try reader.read(input, &position, limits, isRequest: true) else {
                    if reader.isEmpty { forgetInput() }
                    phase = .awaitingHead(reader)
                    return nil
                }
                let head = try HTTPRequestHead(reader, limits)
                isHead = head.method == .head
                isHTTP11 = head.isHTTP11
                persists = head.persists
                owesContinue = head.expectsContinue
                phase = .readingBody(BodyReader(head.framing))
                return .head(head)
            case .readingBody(var reader):
                let piece = try reader.next(input, &position, limits)
                phase = piece == .end ? .awaitingAnswer : .readingBody(reader)
                switch piece {
                case .bytes(let range):
                    owesContinue = false
                    return .body(Array(input[range]))
                case .end:
                    forgetInput()
                    return .end
                case .pending:
                    forgetInput()
                    return nil
                }
            case .awaitingAnswer, .answering, .refusing, .closing, .upgraded: return nil
            }
        } catch {
            phase = .refusing
            input = []
            position = 0
            persists = false
            return .violation(error)
        }
    }

    /// An idle connection keeps no buffer: there are thousands of them.
    private mutating func forgetInput() {
        guard position == input.count else { return }
        input = []
        position = 0
    }

    /// What a client that waits with its body is told; nil when it does not, or has been told.
    public mutating func takeContinue() -> [UInt8]? {
        guard owesContinue, case .readingBody = phase else { return nil }
        owesContinue = false
        return HTTPMessageWriter.response(status: 100, headers: [])
    }

    /// The head of the answer to the request in hand, which `body` has to follow unless `sendsBody` is false.
    ///
    /// Before the request's body is whole the answer ends the connection: what follows cannot be told from a request.
    ///
    /// - Parameter closing: the connection ends with this answer, which says so (RFC 9112 section 9.6).
    public mutating func answer(
        status: Int, headers: [HTTPHeader], contentLength: Int, closing: Bool = false
    ) -> (head: [UInt8], sendsBody: Bool) {
        let closes = endRequest(closing: closing)
        var fields = headers
        if status >= 200, status != 204, status != 304 {
            fields.append(HTTPHeader("Content-Length", String(contentLength)))
        }
        let sendsBody = !isHead && status != 204 && status != 304
        let head = answerHead(status, fields, closes: closes)
        phase = closes ? .closing : .awaitingHead(HeadReader())
        isHead = false
        return (head, sendsBody)
    }

    /// The head of an answer whose body comes in pieces, the length of which is not known: chunks in HTTP/1.1 (RFC 9112
    /// section 7.1), in HTTP/1.0 everything up to the end of the connection. `appendPiece` and one `endAnswer` follow
    /// unless `sendsBody` is false.
    ///
    /// - Parameter status: one whose answer has a body.
    public mutating func beginAnswer(
        status: Int, headers: [HTTPHeader], closing: Bool = false
    ) -> (head: [UInt8], sendsBody: Bool) {
        precondition(status >= 200 && status != 204 && status != 304, "http: a body where none may be (\(status))")
        let isChunked = isHTTP11
        persists = !endRequest(closing: closing || !isChunked)
        var fields = headers
        if isChunked { fields.append(HTTPHeader("Transfer-Encoding", "chunked")) }
        let head = answerHead(status, fields, closes: !persists)
        let sendsBody = !isHead
        isHead = false
        phase = sendsBody ? .answering(isChunked: isChunked) : persists ? .awaitingHead(HeadReader()) : .closing
        return (head, sendsBody)
    }

    /// Appends what the next piece of the answer's body becomes.
    public mutating func appendPiece(_ piece: [UInt8], to bytes: inout [UInt8]) {
        guard case .answering(let isChunked) = phase else { preconditionFailure("http: a piece of no answer") }
        // A chunk without bytes would be the end.
        guard !piece.isEmpty else { return }
        guard isChunked else { return bytes.append(contentsOf: piece) }
        bytes.reserveCapacity(bytes.count + piece.count + 12)
        bytes.append(contentsOf: String(piece.count, radix: 16).utf8)
        bytes.append(contentsOf: [0x0D, 0x0A])
        bytes.append(contentsOf: piece)
        bytes.append(contentsOf: [0x0D, 0x0A])
    }

    /// Appends what says that the answer's body is complete.
    public mutating func endAnswer(to bytes: inout [UInt8]) {
        guard case .answering(let isChunked) = phase else { preconditionFailure("http: the end of no answer") }
        if isChunked { bytes.append(contentsOf: [0x30, 0x0D, 0x0A, 0x0D, 0x0A]) }
        phase = persists ? .awaitingHead(HeadReader()) : .closing
    }

    /// The request in hand is being answered.
    /// - Returns: whether the connection ends with the answer.
    private mutating func endRequest(closing: Bool) -> Bool {
        owesContinue = false
        // Behind a body that is not whole it is unknown where the next request begins.
        return closing || !persists || phase != .awaitingAnswer
    }

    private func answerHead(_ status: Int, _ headers: [HTTPHeader], closes: Bool) -> [UInt8] {
        var fields = headers
        if closes {
            fields.append(HTTPHeader("Connection", "close"))
        } else if !isHTTP11 {
            fields.append(HTTPHeader("Connection", "keep-alive"))
        }
        return HTTPMessageWriter.response(status: status, headers: fields)
    }

    /// Switches to WebSocket (RFC 6455 section 4.2.2); the request in hand must ask for it.
    ///
    /// - Parameter accept: the proof for its key, see `WebSocketHandshakeProof`.
    /// - Returns: the answer's bytes, and what the client sent behind its handshake.
    public mutating func upgrade(accept: String) -> (answer: [UInt8], rest: [UInt8]) {
        let rest = Array(input[position...])
        input = []
        position = 0
        phase = .upgraded
        return (
            HTTPMessageWriter.response(
                status: 101,
                headers: [
                    HTTPHeader("Upgrade", "websocket"), HTTPHeader("Connection", "Upgrade"),
                    HTTPHeader("Sec-WebSocket-Accept", accept),
                ]), rest
        )
    }
}
