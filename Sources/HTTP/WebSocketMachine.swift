public import Primitives

// One end of a WebSocket (RFC 6455), from behind its handshake on, without socket or clock. No extension is spoken.
//
//   open ──close frame of the peer──▶ closed      (the answer to it waits in `takeOutgoing`)
//    ├──close()──▶ closing ──close frame of the peer──▶ closed
//    └──violation──▶ closed                       (the close frame that says which waits in `takeOutgoing`)

/// One end of an open WebSocket: bytes in, messages out; messages in, frames out.
public struct WebSocketMachine: Sendable {
    /// Which end this is: a client masks its frames, a server must not (RFC 6455 section 5.1).
    public enum Role: Sendable {
        case client
        case server
    }

    /// What the peer's bytes mean. `closed` comes once and last.
    public enum Event: Equatable, Sendable {
        case message(WebSocketMessage)
        /// Nothing more comes. The code is the peer's, or the one of our own violation or `close`.
        case closed(WebSocketCloseCode)
    }

    private enum Phase: Equatable {
        case open
        case closing(WebSocketCloseCode)
        case closed
    }

    private enum Input: Equatable {
        /// Of a frame's head, so many bytes so far.
        case head(count: Int)
        case payload(left: Int)
    }

    /// What the frame in hand is.
    private struct Frame: Equatable {
        var opcode: UInt8
        var isFinal: Bool
        var mask: UInt32
        var maskOffset: Int
    }

    private let role: Role
    /// Bytes of a message; more closes with 1009 as soon as a frame's head says so.
    public var maximumMessageSize: Int
    private var phase: Phase
    private var input: Input
    private var head: InlineArray<14, UInt8>
    private var frame: Frame
    /// The message in hand: whether it is text, and its bytes so far.
    private var messageIsText: Bool?
    private var message: [UInt8]
    private var control: [UInt8]
    private var outgoing: [UInt8]
    private var events: [Event]
    private var random: RandomSource

    /// - Parameter random: masks a client's frames (RFC 6455 section 5.3).
    public init(_ role: Role, maximumMessageSize: Int, random: RandomSource) {
        self.role = role
        self.maximumMessageSize = maximumMessageSize
        self.random = random
        phase = .open
        input = .head(count: 0)
        head = InlineArray(repeating: 0)
        frame = Frame(opcode: 0, isFinal: true, mask: 0, maskOffset: 0)
        messageIsText = nil
        message = []
        control = []
        outgoing = []
        events = []
    }

    /// Whether messages may still be sent.
    public var isOpen: Bool { phase == .open }

    /// Bytes held of a message that is not whole yet.
    public var heldBytes: Int { message.count }

    // MARK: In

    /// Bytes behind the peer's close frame or violation are not read.
    public mutating func receive(_ bytes: Span<UInt8>) {
        var index = 0
        while index < bytes.count, phase != .closed {
            switch input {
            case .head(let count):
                head[count] = bytes[index]
                index += 1
                readHead(count + 1)
            case .payload(let left):
                let taken = min(left, bytes.count - index)
                takePayload(bytes, index..<index + taken)
                index += taken
                input = .payload(left: left - taken)
                if left == taken { endFrame() }
            }
        }
    }

    /// The same for bytes on the heap.
    public mutating func receive(_ bytes: [UInt8]) { receive(bytes.span) }

    /// The oldest event not taken yet; nil when there is none.
    public mutating func nextEvent() -> Event? { events.isEmpty ? nil : events.removeFirst() }

    private mutating func readHead(_ count: Int) {
        input = .head(count: count)
        guard count >= 2 else {
            // RFC 6455 section 5.2: a reserved bit without an extension that gives it a meaning fails the connection.
            if head[0] & 0x70 != 0 { fail(.protocolError) }
            return
        }
        let isMasked = head[1] & 0x80 != 0
        let short = Int(head[1] & 0x7F)
        let lengthBytes = short == 126 ? 2 : short == 127 ? 8 : 0
        if count == 2 {
            let opcode = head[0] & 0x0F
            let isFinal = head[0] & 0x80 != 0
            let isSound: Bool =
                switch opcode {
                case 0x0: messageIsText != nil
                case 0x1, 0x2: messageIsText == nil
                case 0x8...0xA: isFinal && short <= 125
                default: false
                }
            guard isSound, isMasked == (role == .server) else { return fail(.protocolError) }
            frame = Frame(opcode: opcode, isFinal: isFinal, mask: 0, maskOffset: 0)
        }
        guard count == 2 + lengthBytes + (isMasked ? 4 : 0) else { return }
        var length = UInt64(short)
        if lengthBytes > 0 {
            length = 0
            for index in 2..<2 + lengthBytes { length = length << 8 | UInt64(head[index]) }
            // RFC 6455 section 5.2: the minimal number of bytes must be used.
            guard length > (lengthBytes == 2 ? 125 : 0xFFFF), length < 1 << 63 else { return fail(.protocolError) }
        }
        if isMasked {
            for index in count - 4..<count { frame.mask = frame.mask << 8 | UInt32(head[index]) }
        }
        if frame.opcode < 0x8 {
            guard length <= UInt64(max(0, maximumMessageSize - message.count)) else { return fail(.messageTooBig) }
            if frame.opcode != 0 { messageIsText = frame.opcode == 0x1 }
        }
        input = .payload(left: Int(length))
        if length == 0 { endFrame() }
    }

    private mutating func takePayload(_ bytes: Span<UInt8>, _ range: Range<Int>) {
        let isControl = frame.opcode >= 0x8
        if !isControl { message.reserveCapacity(message.count + range.count) }
        var offset = frame.maskOffset
        for index in range {
            let byte = bytes[index] ^ UInt8(truncatingIfNeeded: frame.mask &>> UInt32(24 &- 8 &* (offset & 3)))
            offset &+= 1
            if isControl { control.append(byte) } else { message.append(byte) }
        }
        frame.maskOffset = offset & 3
    }

    private mutating func endFrame() {
        input = .head(count: 0)
        switch frame.opcode {
        case 0x8: closeReceived()
        case 0x9:
            // Not every ping of several needs its answer (RFC 6455 section 5.5.3): a flood of them holds nothing.
            if phase == .open, outgoing.count < 1024 {
                let (mask, payload) = (nextMask(), control)
                WebSocketFrame.append(0xA, payload.span, mask: mask, to: &outgoing)
            }
        case 0xA: break
        default:
            guard frame.isFinal else { return }
            let isText = messageIsText == true
            let whole = message
            message = []
            messageIsText = nil
            if isText, !UTF8Check.isValid(whole.span) { return fail(.invalidPayload) }
            if phase == .open { events.append(.message(isText ? .text(whole) : .binary(whole))) }
        }
        control.removeAll(keepingCapacity: false)
    }

    private mutating func closeReceived() {
        var code = WebSocketCloseCode.noStatus
        if control.count == 1 { return fail(.protocolError) }
        if control.count >= 2 {
            code = WebSocketCloseCode(rawValue: UInt16(control[0]) << 8 | UInt16(control[1]))
            guard code.mayBeSent else { return fail(.protocolError) }
            guard UTF8Check.isValid(control.span.extracting(2..<control.count)) else { return fail(.invalidPayload) }
        }
        switch phase {
        case .open:
            let echo = code == .noStatus ? [] : Array(control.prefix(2))
            let mask = nextMask()
            WebSocketFrame.append(0x8, echo.span, mask: mask, to: &outgoing)
            events.append(.closed(code))
        case .closing(let own): events.append(.closed(own))
        case .closed: break
        }
        phase = .closed
    }

    private mutating func fail(_ code: WebSocketCloseCode) {
        if phase == .open { appendClose(code) }
        phase = .closed
        message = []
        control = []
        events.append(.closed(code))
    }

    // MARK: Out

    /// Appends a whole message as one frame. The WebSocket must be open.
    public mutating func encode(_ message: WebSocketMessage, into bytes: inout [UInt8]) {
        precondition(phase == .open, "websocket: a message after the close")
        let mask = nextMask()
        switch message {
        case .text(let payload): WebSocketFrame.append(0x1, payload.span, mask: mask, to: &bytes)
        case .binary(let payload): WebSocketFrame.append(0x2, payload.span, mask: mask, to: &bytes)
        }
    }

    /// Says goodbye; the peer's own close frame ends it.
    public mutating func close(_ code: WebSocketCloseCode) {
        guard phase == .open else { return }
        appendClose(code)
        phase = .closing(code)
        message = []
    }

    /// Appends what the machine itself has to say: answers to pings, close frames.
    public mutating func takeOutgoing(into bytes: inout [UInt8]) {
        guard !outgoing.isEmpty else { return }
        bytes.append(contentsOf: outgoing)
        outgoing = []
    }

    private mutating func appendClose(_ code: WebSocketCloseCode) {
        let payload: [UInt8] =
            code.mayBeSent
            ? [UInt8(truncatingIfNeeded: code.rawValue >> 8), UInt8(truncatingIfNeeded: code.rawValue)] : []
        let mask = nextMask()
        WebSocketFrame.append(0x8, payload.span, mask: mask, to: &outgoing)
    }

    /// The next frame's mask, where there is one.
    private mutating func nextMask() -> UInt32? { role == .client ? UInt32(truncatingIfNeeded: random.next()) : nil }
}

/// Writes frames (RFC 6455 section 5.2), each whole.
enum WebSocketFrame {
    /// - Parameter mask: of a client's frame; a server's has none.
    static func append(_ opcode: UInt8, _ payload: Span<UInt8>, mask: UInt32?, to bytes: inout [UInt8]) {
        let count = payload.count
        bytes.reserveCapacity(bytes.count + count + 14)
        bytes.append(0x80 | opcode)
        let maskBit: UInt8 = mask == nil ? 0 : 0x80
        if count <= 125 {
            bytes.append(maskBit | UInt8(count))
        } else if count <= 0xFFFF {
            bytes.append(maskBit | 126)
            for shift in [8, 0] { bytes.append(UInt8(truncatingIfNeeded: count >> shift)) }
        } else {
            bytes.append(maskBit | 127)
            for shift in stride(from: 56, through: 0, by: -8) {
                bytes.append(UInt8(truncatingIfNeeded: count >> shift))
            }
        }
        guard let mask else {
            for index in payload.indices { bytes.append(payload[index]) }
            return
        }
        for shift in stride(from: 24, through: 0, by: -8) { bytes.append(UInt8(truncatingIfNeeded: mask >> shift)) }
        for index in payload.indices {
            bytes.append(payload[index] ^ UInt8(truncatingIfNeeded: mask &>> UInt32(24 &- 8 &* (index & 3))))
        }
    }
}

/// Whether bytes are UTF-8 (RFC 3629): no surrogates, nothing above U+10FFFF, no longer form than needed.
enum UTF8Check {
    static func isValid(_ bytes: Span<UInt8>) -> Bool {
        var index = 0
        while index < bytes.count {
            let first = bytes[index]
            index += 1
            if first < 0x80 { continue }
            let (more, lowest, highest): (Int, UInt8, UInt8)
            switch first {
            case 0xC2...0xDF: (more, lowest, highest) = (1, 0x80, 0xBF)
            case 0xE0: (more, lowest, highest) = (2, 0xA0, 0xBF)
            case 0xED: (more, lowest, highest) = (2, 0x80, 0x9F)
            case 0xE1...0xEF: (more, lowest, highest) = (2, 0x80, 0xBF)
            case 0xF0: (more, lowest, highest) = (3, 0x90, 0xBF)
            case 0xF4: (more, lowest, highest) = (3, 0x80, 0x8F)
            case 0xF1...0xF3: (more, lowest, highest) = (3, 0x80, 0xBF)
            default: return false
            }
            guard bytes.count - index >= more, bytes[index] >= lowest, bytes[index] <= highest else { return false }
            for next in index + 1..<index + more where bytes[next] & 0xC0 != 0x80 { return false }
            index += more
        }
        return true
    }
}
