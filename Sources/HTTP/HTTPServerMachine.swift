// The server's side of one connection of HTTP/1.1 (RFC 9110, 9112), without socket or clock.
//
//   awaitingHead ──head──▶ readingBody ──end──▶ awaitingAnswer ──answer──▶ awaitingHead   (the connection persists)
//        │  └───upgrade───▶ upgraded               │                  └───▶ closing
//        └──violation──▶ refusing ──answer──▶ closing     ◀──violation──┘
//
// One request at a time: what a client sends ahead (pipelining) waits in `input`, and its reader is told by `wantsInput` to
// leave the rest in the kernel. Bodies leave as pieces; nothing is held whole.

/// One connection of a server: bytes in, events out; answers in, bytes out.
public struct HTTPServerMachine: Sendable {
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
        case .awaitingAnswer, .refusing, .closing, .upgraded: false
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
        case .awaitingAnswer, .refusing, .closing, .upgraded: false
        }
    }

    /// Whether nothing more will be read or answered, once what was written has been sent.
    public var isClosing: Bool { phase == .closing }

    /// Bytes held for this client.
    public var heldBytes: Int {
        if case .awaitingHead(let reader) = phase { input.count + reader.bytes.count } else { input.count }
    }

    public mutating func receive(_ bytes: [UInt8]) {
        guard phase != .closing, phase != .refusing else { return }
        if position == input.count {
            input.removeAll(keepingCapacity: true)
            position = 0
        }
        input.append(contentsOf: bytes)
    }

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
            case .awaitingAnswer, .refusing, .closing, .upgraded: return nil
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
        let isWhole = phase == .awaitingAnswer
        let closes = closing || !persists || !isWhole
        var fields = headers
        if status >= 200, status != 204, status != 304 {
            fields.append(HTTPHeader("Content-Length", String(contentLength)))
        }
        if closes {
            fields.append(HTTPHeader("Connection", "close"))
        } else if !isHTTP11 {
            fields.append(HTTPHeader("Connection", "keep-alive"))
        }
        phase = closes ? .closing : .awaitingHead(HeadReader())
        let sendsBody = !isHead && status != 204 && status != 304
        isHead = false
        owesContinue = false
        return (HTTPMessageWriter.response(status: status, headers: fields), sendsBody)
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
