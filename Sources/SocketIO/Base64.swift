/// RFC 4648 section 4, with padding; decoding is strict.
enum Base64 {
    static func encode(_ bytes: [UInt8], into text: inout [UInt8]) {
        text.reserveCapacity(text.count + (bytes.count + 2) / 3 * 4)
        var index = 0
        while index + 2 < bytes.count {
            let group = UInt32(bytes[index]) << 16 | UInt32(bytes[index + 1]) << 8 | UInt32(bytes[index + 2])
            text.append(letter(group >> 18 & 63))
            text.append(letter(group >> 12 & 63))
            text.append(letter(group >> 6 & 63))
            text.append(letter(group & 63))
            index += 3
        }
        switch bytes.count - index {
        case 1:
            let group = UInt32(bytes[index]) << 16
            text.append(contentsOf: [letter(group >> 18 & 63), letter(group >> 12 & 63), pad, pad])
        case 2:
            let group = UInt32(bytes[index]) << 16 | UInt32(bytes[index + 1]) << 8
            text.append(contentsOf: [
                letter(group >> 18 & 63), letter(group >> 12 & 63), letter(group >> 6 & 63), pad,
            ])
        default: break
        }
    }

    /// Nil for a letter outside of the alphabet, a wrong length or bits behind the end.
    static func decode(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        guard text.count % 4 == 0 else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count / 4 * 3)
        var index = text.startIndex
        while index < text.endIndex {
            let isLast = index + 4 == text.endIndex
            let padding = !isLast || text[index + 3] != pad ? 0 : text[index + 2] == pad ? 2 : 1
            var group: UInt32 = 0
            for offset in 0..<4 {
                guard offset < 4 - padding else {
                    group <<= 6
                    continue
                }
                guard let value = value(of: text[index + offset]) else { return nil }
                group = group << 6 | value
            }
            switch padding {
            case 0: bytes.append(contentsOf: [byte(group, 16), byte(group, 8), byte(group, 0)])
            case 1:
                guard group & 0xFF == 0 else { return nil }
                bytes.append(contentsOf: [byte(group, 16), byte(group, 8)])
            default:
                guard group & 0xFFFF == 0 else { return nil }
                bytes.append(byte(group, 16))
            }
            index += 4
        }
        return bytes
    }

    /// Text that goes unescaped into URLs and names (RFC 4648 section 5), without padding.
    static func urlText(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        encode(bytes, into: &text)
        while text.last == pad { text.removeLast() }
        for index in text.indices {
            if text[index] == UInt8(ascii: "+") { text[index] = UInt8(ascii: "-") }
            if text[index] == UInt8(ascii: "/") { text[index] = UInt8(ascii: "_") }
        }
        return String(decoding: text, as: UTF8.self)
    }

    private static var pad: UInt8 { UInt8(ascii: "=") }

    private static func byte(_ group: UInt32, _ shift: UInt32) -> UInt8 { UInt8(truncatingIfNeeded: group >> shift) }

    private static func letter(_ value: UInt32) -> UInt8 {
        let value = UInt8(truncatingIfNeeded: value)
        return switch value {
        case 0..<26: UInt8(ascii: "A") + value
        case 26..<52: UInt8(ascii: "a") + value - 26
        case 52..<62: UInt8(ascii: "0") + value - 52
        case 62: UInt8(ascii: "+")
        default: UInt8(ascii: "/")
        }
    }

    private static func value(of letter: UInt8) -> UInt32? {
        switch letter {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(letter - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(letter - UInt8(ascii: "a")) + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(letter - UInt8(ascii: "0")) + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
