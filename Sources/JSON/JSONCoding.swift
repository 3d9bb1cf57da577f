/// Why bytes are no JSON text.
public enum JSONError: Error, Equatable, Sendable {
    /// The grammar of RFC 8259 is violated at this byte.
    case malformed(offset: Int)
    /// More arrays and objects within each other than allowed.
    case tooDeep(limit: Int)
    /// More values, nested ones included, than allowed.
    case tooManyNodes(limit: Int)
}

extension JSONValue {
    /// Parses one JSON text in UTF-8 (RFC 8259), strictly: no comments, nothing behind the value.
    ///
    /// A lone surrogate escape, which Unicode text cannot hold, becomes U+FFFD. Of members with one name the last wins.
    /// - Parameter maximumDepth: arrays and objects within each other.
    public init(parsing text: [UInt8], maximumDepth: Int = 64) throws(JSONError) {
        try self.init(parsing: text, from: 0, maximumDepth: maximumDepth)
    }

    /// Parses the JSON text that begins at byte `start` and ends with `text`.
    ///
    /// - Parameter maximumNodes: values in all, nested ones included.
    public init(
        parsing text: [UInt8], from start: Int, maximumDepth: Int, maximumNodes: Int = .max
    ) throws(JSONError) {
        var parser = JSONParser(text: text, at: start, maximumDepth: maximumDepth, maximumNodes: maximumNodes)
        self = try parser.parseDocument()
    }

    /// As JSON text in UTF-8, without white space. Attachments, which only a Socket.IO packet carries, become null.
    public var jsonText: [UInt8] {
        var writer = JSONWriter(takingAttachments: false)
        writer.write(self)
        return writer.bytes
    }
}

/// Appends JSON text; takes attachments out when there is somewhere to put them.
public struct JSONWriter {
    /// The text so far, in UTF-8.
    public private(set) var bytes: [UInt8]
    /// What was taken out, in the order of the placeholders; nil where JSON stands alone.
    public private(set) var attachments: [[UInt8]]?

    /// - Parameters:
    ///   - bytes: what the text is appended to.
    ///   - takingAttachments: whether bytes become placeholders as in Socket.IO's packets; otherwise they become null.
    public init(appendingTo bytes: [UInt8] = [], takingAttachments: Bool) {
        self.bytes = bytes
        attachments = takingAttachments ? [] : nil
    }

    /// Appends a value.
    public mutating func write(_ value: JSONValue) {
        switch value {
        case .null: write(literal: "null")
        case .bool(let value): write(literal: value ? "true" : "false")
        case .number(let number): write(number)
        case .string(let text): write(text)
        case .array(let elements):
            bytes.append(UInt8(ascii: "["))
            for index in elements.indices {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                write(elements[index])
            }
            bytes.append(UInt8(ascii: "]"))
        case .object(let object):
            bytes.append(UInt8(ascii: "{"))
            for index in object.members.indices {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                write(object.members[index].name)
                bytes.append(UInt8(ascii: ":"))
                write(object.members[index].value)
            }
            bytes.append(UInt8(ascii: "}"))
        case .binary(let attachment):
            guard let number = attachments?.count else { return write(literal: "null") }
            attachments?.append(attachment)
            write(literal: "{\"_placeholder\":true,\"num\":")
            write(JSONNumber(Int64(number)))
            bytes.append(UInt8(ascii: "}"))
        }
    }

    private mutating func write(literal: StaticString) {
        bytes.append(contentsOf: literal.description.utf8)
    }

    private mutating func write(_ number: JSONNumber) {
        bytes.append(contentsOf: number.text.utf8)
    }

    private mutating func write(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        let utf8 = text.utf8.span
        var clean = true
        for index in 0..<utf8.count where JSONWriter.needsEscape(utf8[index]) {
            clean = false
            break
        }
        if clean {
            bytes.append(contentsOf: text.utf8)
        } else {
            bytes.reserveCapacity(bytes.count + utf8.count + 16)
            for index in 0..<utf8.count { writeEscaped(utf8[index]) }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private static func needsEscape(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
    }

    private mutating func writeEscaped(_ byte: UInt8) {
        guard JSONWriter.needsEscape(byte) else { return bytes.append(byte) }
        bytes.append(UInt8(ascii: "\\"))
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes.append(byte)
        case 0x08: bytes.append(UInt8(ascii: "b"))
        case 0x09: bytes.append(UInt8(ascii: "t"))
        case 0x0A: bytes.append(UInt8(ascii: "n"))
        case 0x0C: bytes.append(UInt8(ascii: "f"))
        case 0x0D: bytes.append(UInt8(ascii: "r"))
        default:
            let digits: StaticString = byte < 0x10 ? "u000" : "u001"
            bytes.append(contentsOf: digits.description.utf8)
            let low = byte & 0x0F
            bytes.append(low < 10 ? UInt8(ascii: "0") + low : UInt8(ascii: "a") + low - 10)
        }
    }
}
