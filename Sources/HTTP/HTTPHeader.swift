/// One header field. Names compare without regard to case (RFC 9110 section 5.1).
public struct HTTPHeader: Hashable, Sendable {
    /// As written; compare with `isSameToken`.
    public var name: String
    /// Without spaces and tabs at its ends.
    public var value: String

    /// Nothing is checked; `isWritable` tells what may go out.
    public init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }

    /// Whether it can be written without becoming another field: a token, and a value without control characters.
    var isWritable: Bool {
        !name.isEmpty && name.utf8.allSatisfy(\.isTokenCharacter) && value.utf8.allSatisfy(\.isFieldCharacter)
    }
}

extension [HTTPHeader] {
    /// The first value of that field.
    public subscript(name: String) -> String? {
        first { $0.name.isSameToken(as: name) }?.value
    }

    /// The members of a field that is a list (RFC 9110 section 5.6.1), of all its lines, in lower case.
    public func tokens(of name: String) -> [String] {
        var found: [String] = []
        for header in self where header.name.isSameToken(as: name) {
            for member in header.value.split(separator: ",") {
                let trimmed = member.utf8.trimmingBlanks
                if !trimmed.isEmpty { found.append(String(trimmed)!.lowercased()) }
            }
        }
        return found
    }

    func count(of name: String) -> Int { count { $0.name.isSameToken(as: name) } }
}

extension String {
    /// Compares as tokens of HTTP do: ASCII, without regard to case. Nothing is allocated.
    public func isSameToken(as other: String) -> Bool {
        guard utf8.count == other.utf8.count else { return false }
        return zip(utf8, other.utf8).allSatisfy { $0.asciiLowercased == $1.asciiLowercased }
    }
}

extension Substring.UTF8View {
    /// Without spaces and tabs at both ends.
    var trimmingBlanks: Substring.UTF8View {
        var rest = self
        while let first = rest.first, first == 0x20 || first == 0x09 { rest = rest.dropFirst() }
        while let last = rest.last, last == 0x20 || last == 0x09 { rest = rest.dropLast() }
        return rest
    }
}

extension UInt8 {
    var asciiLowercased: UInt8 { self >= 0x41 && self <= 0x5A ? self + 0x20 : self }

    /// `tchar` (RFC 9110 section 5.6.2).
    var isTokenCharacter: Bool {
        switch self {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        case 0x21, 0x23...0x27, 0x2A, 0x2B, 0x2D, 0x2E, 0x5E, 0x5F, 0x60, 0x7C, 0x7E: true
        default: false
        }
    }

    /// A character of a field's value (RFC 9110 section 5.5).
    var isFieldCharacter: Bool { self == 0x09 || (self >= 0x20 && self != 0x7F) }

    /// The value of a hexadecimal digit.
    var hexadecimalDigit: UInt8? {
        switch self {
        case 0x30...0x39: self - 0x30
        case 0x41...0x46: self - 0x41 + 10
        case 0x61...0x66: self - 0x61 + 10
        default: nil
        }
    }
}
