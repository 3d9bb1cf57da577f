/// A recursive-descent parser whose recursion is bounded by the depth limit.
struct JSONParser {
    let text: [UInt8]
    var at: Int
    let maximumDepth: Int
    let maximumNodes: Int
    var depth: Int
    private var nodes = 0

    init(text: [UInt8], at: Int, maximumDepth: Int, maximumNodes: Int) {
        self.text = text
        self.at = at
        self.maximumDepth = maximumDepth
        self.maximumNodes = maximumNodes
        self.depth = 0
    }

    mutating func parseDocument() throws(JSONError) -> JSONValue {
        skipSpace()
        let value = try parseValue()
        skipSpace()
        guard at == text.count else { throw .malformed(offset: at) }
        return value
    }

    private mutating func skipSpace() {
        while at < text.count {
            switch text[at] {
            case 0x20, 0x09, 0x0A, 0x0D: at += 1
            default: return
            }
        }
    }

    private func peek() throws(JSONError) -> UInt8 {
        guard at < text.count else { throw .malformed(offset: at) }
        return text[at]
    }

    private mutating func parseValue() throws(JSONError) -> JSONValue {
        nodes += 1
        guard nodes <= maximumNodes else { throw .tooManyNodes(limit: maximumNodes) }
        switch try peek() {
        case UInt8(ascii: "\""): return .string(try parseString())
        case UInt8(ascii: "{"): return try parseObject()
        case UInt8(ascii: "["): return try parseArray()
        case UInt8(ascii: "t"): return try parseLiteral("true", .bool(true))
        case UInt8(ascii: "f"): return try parseLiteral("false", .bool(false))
        case UInt8(ascii: "n"): return try parseLiteral("null", .null)
        default: return .number(try parseNumber())
        }
    }

    private mutating func parseLiteral(_ word: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
        for byte in word.description.utf8 {
            guard at < text.count, text[at] == byte else { throw .malformed(offset: at) }
            at += 1
        }
        return value
    }

    private mutating func enter() throws(JSONError) {
        depth += 1
        guard depth <= maximumDepth else { throw .tooDeep(limit: maximumDepth) }
        at += 1
        skipSpace()
    }

    private mutating func parseArray() throws(JSONError) -> JSONValue {
        try enter()
        var elements: [JSONValue] = []
        if try peek() == UInt8(ascii: "]") {
            at += 1
            depth -= 1
            return .array(elements)
        }
        while true {
            elements.append(try parseValue())
            skipSpace()
            switch try peek() {
            case UInt8(ascii: ","):
                at += 1
                skipSpace()
            case UInt8(ascii: "]"):
                at += 1
                depth -= 1
                return .array(elements)
            default: throw .malformed(offset: at)
            }
        }
    }

    private mutating func parseObject() throws(JSONError) -> JSONValue {
        try enter()
        var members: [JSONObject.Member] = []
        if try peek() == UInt8(ascii: "}") {
            at += 1
            depth -= 1
            return .object(JSONObject())
        }
        while true {
            guard try peek() == UInt8(ascii: "\"") else { throw .malformed(offset: at) }
            let name = try parseString()
            skipSpace()
            guard try peek() == UInt8(ascii: ":") else { throw .malformed(offset: at) }
            at += 1
            skipSpace()
            members.append(JSONObject.Member(name: name, value: try parseValue()))
            skipSpace()
            switch try peek() {
            case UInt8(ascii: ","):
                at += 1
                skipSpace()
            case UInt8(ascii: "}"):
                at += 1
                depth -= 1
                return .object(JSONObject(members: members))
            default: throw .malformed(offset: at)
            }
        }
    }

    // A number longer than any useful one is an attack on code that computes with it.
    private static let maximumNumberLength = 256

    private mutating func parseNumber() throws(JSONError) -> JSONNumber {
        let start = at
        func digit(_ index: Int) -> Bool { index < text.count && (0x30...0x39).contains(text[index]) }
        var index = at
        let negative = text[index] == UInt8(ascii: "-")
        if negative { index += 1 }
        guard digit(index) else { throw .malformed(offset: index) }
        let firstDigit = index
        if text[index] == UInt8(ascii: "0") {
            index += 1
        } else {
            while digit(index) { index += 1 }
        }
        var isInteger = true
        if index < text.count, text[index] == UInt8(ascii: ".") {
            isInteger = false
            index += 1
            guard digit(index) else { throw .malformed(offset: index) }
            while digit(index) { index += 1 }
        }
        if index < text.count, text[index] | 0x20 == UInt8(ascii: "e") {
            isInteger = false
            index += 1
            if index < text.count, text[index] == UInt8(ascii: "+") || text[index] == UInt8(ascii: "-") { index += 1 }
            guard digit(index) else { throw .malformed(offset: index) }
            while digit(index) { index += 1 }
        }
        guard index - start <= JSONParser.maximumNumberLength else { throw .malformed(offset: start) }
        at = index
        if isInteger, index - firstDigit <= 18, !(negative && text[firstDigit] == UInt8(ascii: "0")) {
            var value: Int64 = 0
            for position in firstDigit..<index { value = value * 10 + Int64(text[position] - 0x30) }
            return JSONNumber(negative ? -value : value)
        }
        return JSONNumber(checkedText: String(decoding: text[start..<index], as: UTF8.self))
    }

    /// `at` stands on the opening quote.
    private mutating func parseString() throws(JSONError) -> String {
        let start = at + 1
        var index = start
        while index < text.count {
            let byte = text[index]
            if byte == UInt8(ascii: "\"") {
                guard let string = String(validating: text[start..<index], as: UTF8.self) else {
                    throw .malformed(offset: start)
                }
                at = index + 1
                return string
            }
            if byte == UInt8(ascii: "\\") { break }
            guard byte >= 0x20 else { throw .malformed(offset: index) }
            index += 1
        }
        return try parseEscapedString(from: start, firstEscape: index)
    }

    private mutating func parseEscapedString(from start: Int, firstEscape: Int) throws(JSONError) -> String {
        var unescaped = Array(text[start..<firstEscape])
        var index = firstEscape
        while index < text.count {
            let byte = text[index]
            switch byte {
            case UInt8(ascii: "\""):
                guard let string = String(validating: unescaped, as: UTF8.self) else { throw .malformed(offset: start) }
                at = index + 1
                return string
            case UInt8(ascii: "\\"):
                index = try unescape(at: index + 1, into: &unescaped)
            default:
                guard byte >= 0x20 else { throw .malformed(offset: index) }
                unescaped.append(byte)
                index += 1
            }
        }
        throw .malformed(offset: index)
    }

    /// Reads what follows a backslash; returns the position behind it.
    private func unescape(at position: Int, into bytes: inout [UInt8]) throws(JSONError) -> Int {
        guard position < text.count else { throw .malformed(offset: position) }
        switch text[position] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): bytes.append(text[position])
        case UInt8(ascii: "b"): bytes.append(0x08)
        case UInt8(ascii: "f"): bytes.append(0x0C)
        case UInt8(ascii: "n"): bytes.append(0x0A)
        case UInt8(ascii: "r"): bytes.append(0x0D)
        case UInt8(ascii: "t"): bytes.append(0x09)
        case UInt8(ascii: "u"):
            let unit = try hexQuad(at: position + 1)
            var next = position + 5
            var scalar = Unicode.Scalar(UInt32(unit))
            if 0xD800...0xDBFF ~= unit, next + 1 < text.count, text[next] == UInt8(ascii: "\\"),
                text[next + 1] == UInt8(ascii: "u")
            {
                let low = try hexQuad(at: next + 2)
                if 0xDC00...0xDFFF ~= low {
                    scalar = Unicode.Scalar(0x10000 + (UInt32(unit) - 0xD800) << 10 + (UInt32(low) - 0xDC00))
                    next += 6
                }
            }
            bytes.append(contentsOf: UTF8.encode(scalar ?? "\u{FFFD}")!)
            return next
        default: throw .malformed(offset: position)
        }
        return position + 1
    }

    private func hexQuad(at position: Int) throws(JSONError) -> UInt16 {
        guard position + 4 <= text.count else { throw .malformed(offset: text.count) }
        var value: UInt16 = 0
        for index in position..<position + 4 {
            let byte = text[index]
            switch byte {
            case 0x30...0x39: value = value << 4 | UInt16(byte - 0x30)
            case 0x41...0x46: value = value << 4 | UInt16(byte - 0x41 + 10)
            case 0x61...0x66: value = value << 4 | UInt16(byte - 0x61 + 10)
            default: throw .malformed(offset: index)
            }
        }
        return value
    }
}
