/// How the bytes of a content are coded (RFC 9110 section 8.4.1).
public enum ContentCoding: String, Sendable {
    case identity
    case gzip

    /// Whether a request accepts this coding: its Accept-Encoding has it, or `*`, with a weight over zero (RFC 9110 section 12.5.3). What cannot be read
    /// as a weight is none, so that nobody gets what he may not be able to read.
    ///
    /// Without the field any coding would do; `gzip` is left out all the same, since programs that send no field mostly read none.
    public func isAccepted(by headers: [HTTPHeader]) -> Bool {
        var wildcard: Bool?
        for member in headers.tokens(of: "accept-encoding") {
            let parts = member.split(separator: ";", maxSplits: 1)
            guard let name = parts.first.flatMap({ String($0.utf8.trimmingBlanks) }) else { continue }
            let accepted = parts.count < 2 || Self.isPositiveWeight(parts[1].utf8.trimmingBlanks)
            if name == rawValue || (self == .gzip && name == "x-gzip") { return accepted }
            if name == "*" { wildcard = accepted }
        }
        return wildcard ?? (self == .identity)
    }

    /// `q=0.5`, in lower case (RFC 9110 section 12.4.2): at most three digits behind the point, at most 1.
    private static func isPositiveWeight(_ text: Substring.UTF8View) -> Bool {
        let pair = text.split(separator: UInt8(ascii: "="), maxSplits: 1)
        guard pair.count == 2, pair[0].trimmingBlanks.elementsEqual("q".utf8) else { return false }
        let weight = pair[1].trimmingBlanks
        let parts = weight.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard let whole = parts.first, whole.count == 1, parts.count <= 2 else { return false }
        let fraction = parts.count == 2 ? parts[1] : Substring("").utf8
        guard fraction.count <= 3, fraction.allSatisfy({ (0x30...0x39).contains($0) }) else { return false }
        return switch whole.first! {
        case UInt8(ascii: "0"): fraction.contains { $0 != UInt8(ascii: "0") }
        case UInt8(ascii: "1"): fraction.allSatisfy { $0 == UInt8(ascii: "0") }
        default: false
        }
    }
}
