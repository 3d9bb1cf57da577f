/// Digits, colon and number sign, five by seven dots.
enum TestPatternFont {
    static let width = 5
    static let height = 7
    /// From one character to the next.
    static let advance = 6

    /// One row of a character's dots: the highest of five bits is the leftmost. Unknown characters are empty.
    static func row(_ row: Int, of character: UInt8) -> UInt8 {
        switch character {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digits[Int(character - UInt8(ascii: "0")) * height + row]
        case UInt8(ascii: ":"): colon[row]
        case UInt8(ascii: "#"): numberSign[row]
        default: 0
        }
    }

    private static let colon: [7 of UInt8] = [0, 0b00100, 0b00100, 0, 0b00100, 0b00100, 0]
    private static let numberSign: [7 of UInt8] = [
        0b01010, 0b01010, 0b11111, 0b01010, 0b11111, 0b01010, 0b01010,
    ]
    private static let digits: [UInt8] = [
        0b01110, 0b10001, 0b10011, 0b10101, 0b11001, 0b10001, 0b01110,
        0b00100, 0b01100, 0b00100, 0b00100, 0b00100, 0b00100, 0b01110,
        0b01110, 0b10001, 0b00001, 0b00110, 0b01000, 0b10000, 0b11111,
        0b11111, 0b00010, 0b00100, 0b00010, 0b00001, 0b10001, 0b01110,
        0b00010, 0b00110, 0b01010, 0b10010, 0b11111, 0b00010, 0b00010,
        0b11111, 0b10000, 0b11110, 0b00001, 0b00001, 0b10001, 0b01110,
        0b00110, 0b01000, 0b10000, 0b11110, 0b10001, 0b10001, 0b01110,
        0b11111, 0b00001, 0b00010, 0b00100, 0b01000, 0b01000, 0b01000,
        0b01110, 0b10001, 0b10001, 0b01110, 0b10001, 0b10001, 0b01110,
        0b01110, 0b10001, 0b10001, 0b01111, 0b00001, 0b00010, 0b01100,
    ]
}
