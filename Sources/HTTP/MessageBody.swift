/// How a message's body is delimited (RFC 9112 section 6.3).
enum BodyFraming: Hashable, Sendable {
    case none
    case length(Int)
    case chunked
    /// Of an answer only.
    case untilClose

    /// Of a request. Where a doubt is possible, two recipients can be made to see different requests: it is refused.
    init(request headers: [HTTPHeader], method: HTTPMethod, isHTTP11: Bool) throws(HTTPViolation) {
        let lengths = headers.count(of: "content-length")
        if headers.count(of: "transfer-encoding") > 0 {
            guard isHTTP11 else { throw .malformed("HTTP/1.0 has no Transfer-Encoding") }
            guard lengths == 0 else { throw .malformed("both Content-Length and Transfer-Encoding") }
            try BodyFraming.checkChunked(headers)
            self = .chunked
        } else if lengths > 0 {
            self = .length(try BodyFraming.length(headers))
        } else if method.expectsContent {
            throw HTTPViolation(411, "a body needs its Content-Length, or chunks")
        } else {
            self = .none
        }
    }

    /// Of an answer with `status` to `method`.
    init(response headers: [HTTPHeader], status: Int, method: HTTPMethod) throws(HTTPViolation) {
        if method == .head || status == 204 || status == 304 {
            self = .none
        } else if headers.count(of: "transfer-encoding") > 0 {
            guard headers.count(of: "content-length") == 0 else {
                throw .malformed("both Content-Length and Transfer-Encoding")
            }
            try BodyFraming.checkChunked(headers)
            self = .chunked
        } else if headers.count(of: "content-length") > 0 {
            self = .length(try BodyFraming.length(headers))
        } else {
            self = .untilClose
        }
    }

    private static func checkChunked(_ headers: [HTTPHeader]) throws(HTTPViolation) {
        let codings = headers.tokens(of: "transfer-encoding")
        // An empty member of a list is none (RFC 9110 section 5.6.1.2), but not every recipient knows it.
        guard headers.count(of: "transfer-encoding") == 1,
            headers["transfer-encoding"]?.split(separator: ",", omittingEmptySubsequences: false).count == codings.count
        else { throw .malformed("Transfer-Encoding is not one list") }
        guard codings.last == "chunked", codings.dropLast().allSatisfy({ $0 != "chunked" }) else {
            throw .malformed("Transfer-Encoding does not end with one chunked")
        }
        guard codings.count == 1 else { throw HTTPViolation(501, "no transfer coding but chunked is known here") }
    }

    private static func length(_ headers: [HTTPHeader]) throws(HTTPViolation) -> Int {
        guard headers.count(of: "content-length") == 1, let text = headers["content-length"], !text.isEmpty,
            text.utf8.count <= 15, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let length = Int(text)
        else { throw .malformed("Content-Length is not one number") }
        return length
    }
}

/// Takes a body out of the stream, piece by piece.
struct BodyReader: Equatable, Sendable {
    enum Piece: Equatable {
        case bytes(Range<Int>)
        case end
        /// More input is needed.
        case pending
    }

    private enum State: Equatable, Sendable {
        case plain(left: Int)
        case untilClose
        /// Digits of a chunk's size read so far.
        case size(value: Int, digits: Int)
        /// A chunk's extensions, which are skipped: so many bytes of them.
        case extensions(size: Int, length: Int)
        case sizeEnd(size: Int)
        case data(left: Int)
        case dataCR
        case dataLF
        case trailers
        case done
    }

    private var state: State
    private var trailers: [UInt8]
    private var trailerCount: Int

    init(_ framing: BodyFraming) {
        state =
            switch framing {
            case .none, .length(0): .done
            case .length(let count): .plain(left: count)
            case .chunked: .size(value: 0, digits: 0)
            case .untilClose: .untilClose
            }
        trailers = []
        trailerCount = 0
    }

    /// Whether the end of the connection may be the end of this body.
    var endsWithConnection: Bool { state == .untilClose }

    /// What comes next in `input` from `position` on, which it advances.
    mutating func next(
        _ input: borrowing [UInt8], _ position: inout Int, _ limits: HTTPLimits
    ) throws(HTTPViolation) -> Piece {
        while true {
            if state == .done { return .end }
            guard position < input.count else { return .pending }
            switch state {
            case .untilClose:
                let start = position
                position = input.count
                return .bytes(start..<position)
            case .plain(let left):
                let start = position
                position += min(left, input.count - position)
                state = left == position - start ? .done : .plain(left: left - (position - start))
                return .bytes(start..<position)
            case .data(let left):
                let start = position
                position += min(left, input.count - position)
                state = left == position - start ? .dataCR : .data(left: left - (position - start))
                return .bytes(start..<position)
            default:
                try advance(input[position], limits)
                position += 1
            }
        }
    }

    /// The bytes around the chunks (RFC 9112 section 7.1).
    private mutating func advance(_ byte: UInt8, _ limits: HTTPLimits) throws(HTTPViolation) {
        switch state {
        case .size(let value, let digits):
            if let digit = byte.hexadecimalDigit {
                guard digits < 12 else { throw .malformed("a chunk's size has too many digits") }
                state = .size(value: value << 4 | Int(digit), digits: digits + 1)
            } else if digits > 0, byte == 0x0D {
                state = .sizeEnd(size: value)
            } else if digits > 0, byte == 0x3B {
                state = .extensions(size: value, length: 0)
            } else {
                throw .malformed("a chunk's size is no hexadecimal number")
            }
        case .extensions(let size, let length):
            if byte == 0x0D {
                state = .sizeEnd(size: size)
            } else {
                guard byte.isFieldCharacter, length < 256 else {
                    throw .malformed("a chunk's extensions are odd or too long")
                }
                state = .extensions(size: size, length: length + 1)
            }
        case .sizeEnd(let size):
            guard byte == 0x0A else { throw .malformed("a line break is CR LF") }
            state = size == 0 ? .trailers : .data(left: size)
        case .dataCR:
            guard byte == 0x0D else { throw .malformed("a chunk is longer than it says") }
            state = .dataLF
        case .dataLF:
            guard byte == 0x0A else { throw .malformed("a line break is CR LF") }
            state = .size(value: 0, digits: 0)
        case .trailers: try readTrailer(byte, limits)
        case .plain, .untilClose, .data, .done: preconditionFailure("http: bytes of a body are taken in pieces")
        }
    }

    /// Trailer fields are checked and dropped: none is used here (RFC 9110 section 6.5.1).
    private mutating func readTrailer(_ byte: UInt8, _ limits: HTTPLimits) throws(HTTPViolation) {
        guard trailers.last == 0x0D else {
            guard byte == 0x0D || byte.isFieldCharacter else {
                throw .malformed("control character in a trailer field")
            }
            trailerCount += 1
            guard trailerCount <= limits.fields else {
                throw HTTPViolation(431, "the trailer fields are longer than \(limits.fields) bytes")
            }
            trailers.append(byte)
            return
        }
        guard byte == 0x0A else { throw .malformed("a line break is CR LF") }
        trailers.removeLast()
        if trailers.isEmpty {
            state = .done
        } else {
            _ = try FieldLines.parse(trailers[...], limits)
            trailers.removeAll(keepingCapacity: true)
        }
    }
}
