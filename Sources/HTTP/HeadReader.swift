/// Collects the bytes of a message's head up to its empty line, and nothing behind it.
///
/// Every line ends with CR LF: a recipient may take a bare LF (RFC 9112 section 2.2), but two that disagree about it can
/// be made to see different requests in one stream. Control characters end it at once, so that a TLS hello on a plain port is
/// answered before its sender waits.
struct HeadReader: Equatable, Sendable {
    private(set) var bytes: [UInt8]
    /// Where the start line ends, its CR LF not counted; nil while it is incomplete.
    private(set) var startLineEnd: Int?
    private var lineStart: Int
    private var blankLines: Int

    init() {
        bytes = []
        lineStart = 0
        blankLines = 0
    }

    /// Whether nothing of a message has come yet.
    var isEmpty: Bool { bytes.isEmpty }

    /// Takes bytes of `input` from `position` on, which it advances. True when the head is complete.
    mutating func read(
        _ input: borrowing [UInt8], _ position: inout Int, _ limits: HTTPLimits, isRequest: Bool
    ) throws(HTTPViolation) -> Bool {
        while position < input.count {
            let byte = input[position]
            position += 1
            if bytes.last == 0x0D {
                guard byte == 0x0A else { throw .malformed("a line break is CR LF") }
                bytes.removeLast()
                if try endLine() { return true }
                continue
            }
            switch byte {
            case 0x0D, 0x20...0x7E, 0x80...0xFF: break
            case 0x09 where startLineEnd != nil: break
            case 0x0A: throw .malformed("a line break is CR LF")
            default: throw .malformed("control character in the head")
            }
            bytes.append(byte)
            if let startLineEnd {
                guard bytes.count - startLineEnd <= limits.fields else {
                    throw HTTPViolation(431, "the header fields are longer than \(limits.fields) bytes")
                }
            } else if bytes.count > limits.startLine {
                throw HTTPViolation(isRequest ? 414 : 400, "the first line is longer than \(limits.startLine) bytes")
            }
        }
        return false
    }

    /// True behind the last line.
    private mutating func endLine() throws(HTTPViolation) -> Bool {
        if bytes.isEmpty {
            // RFC 9112 section 2.2: at least one empty line before a request is ignored.
            blankLines += 1
            guard blankLines <= 2 else { throw .malformed("empty lines instead of a request") }
            return false
        }
        if startLineEnd == nil {
            startLineEnd = bytes.count
        } else if bytes.count == lineStart {
            return true
        } else {
            // A separator that no value can hold.
            bytes.append(0x0A)
        }
        lineStart = bytes.count
        return false
    }

    /// The start line's bytes. The head must be complete.
    var startLine: ArraySlice<UInt8> { bytes[..<(startLineEnd ?? bytes.count)] }

    /// The fields of a complete head, in order.
    func fields(_ limits: HTTPLimits) throws(HTTPViolation) -> [HTTPHeader] {
        try FieldLines.parse(bytes[(startLineEnd ?? bytes.count)...], limits)
    }
}

/// Field lines (RFC 9112 section 5), each ended by one LF.
enum FieldLines {
    static func parse(_ lines: ArraySlice<UInt8>, _ limits: HTTPLimits) throws(HTTPViolation) -> [HTTPHeader] {
        var headers: [HTTPHeader] = []
        var rest = lines
        while !rest.isEmpty {
            let end = rest.firstIndex(of: 0x0A) ?? rest.endIndex
            guard headers.count < limits.fieldCount else {
                throw HTTPViolation(431, "more than \(limits.fieldCount) header fields")
            }
            headers.append(try field(rest[rest.startIndex..<end]))
            rest = end < rest.endIndex ? rest[(end + 1)...] : rest[rest.endIndex...]
        }
        return headers
    }

    private static func field(_ line: ArraySlice<UInt8>) throws(HTTPViolation) -> HTTPHeader {
        guard let first = line.first, first != 0x20, first != 0x09 else {
            throw .malformed("a header field is folded over lines")
        }
        guard let colon = line.firstIndex(of: 0x3A), colon > line.startIndex else {
            throw .malformed("a header field has no name")
        }
        let name = line[line.startIndex..<colon]
        // RFC 9112 section 5.1: "No whitespace is allowed between the field name and colon."
        guard name.allSatisfy(\.isTokenCharacter) else { throw .malformed("a header field's name is no token") }
        var value = line[(colon + 1)...]
        while let byte = value.first, byte == 0x20 || byte == 0x09 { value.removeFirst() }
        while let byte = value.last, byte == 0x20 || byte == 0x09 { value.removeLast() }
        return HTTPHeader(String(decoding: name, as: UTF8.self), text(value))
    }

    /// UTF-8 where it is that, else ISO 8859-1 as it once was.
    private static func text(_ value: ArraySlice<UInt8>) -> String {
        if let text = String(validating: value, as: UTF8.self) { return text }
        return String(String.UnicodeScalarView(value.map { Unicode.Scalar($0) }))
    }
}
