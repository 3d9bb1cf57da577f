/// Bytes from a text of hexadecimal digits and white space, for golden vectors.
public func hex(_ text: String) -> [UInt8] {
    let digits = text.filter { !$0.isWhitespace }
    precondition(digits.count % 2 == 0, "hex: an odd number of digits")
    var bytes: [UInt8] = []
    var rest = digits[...]
    while !rest.isEmpty {
        guard let byte = UInt8(rest.prefix(2), radix: 16) else { preconditionFailure("hex: not a digit") }
        bytes.append(byte)
        rest = rest.dropFirst(2)
    }
    return bytes
}
