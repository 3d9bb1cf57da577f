/// A JSON number, kept exactly as it was written: what is forwarded is what came.
public struct JSONNumber: Hashable, Sendable {
    enum Storage: Hashable, Sendable {
        case integer(Int64)
        /// The text of a number that is no canonical 64-bit integer: fractions, exponents, larger ones, `-0`.
        case text(String)
    }
    let storage: Storage

    /// A whole number, written without fraction or exponent.
    public init(_ value: Int64) { storage = .integer(value) }

    /// Nil for infinities and NaN, which JSON cannot write.
    public init?(_ value: Double) {
        guard value.isFinite else { return nil }
        if let integer = Int64(exactly: value), value != 0 || value.sign == .plus {
            storage = .integer(integer)
        } else {
            storage = .text(value.description)
        }
    }

    /// `text` has been checked against RFC 8259 section 6 by the parser.
    init(checkedText text: String) { storage = .text(text) }

    /// The value when it is a whole number of 64 bits, however it was written (`1e3` is 1000).
    public var integer: Int64? {
        switch storage {
        case .integer(let value): value
        case .text(let text): Double(text).flatMap { abs($0) <= 9_007_199_254_740_992 ? Int64(exactly: $0) : nil }
        }
    }

    /// The nearest double; infinite when the number is too large for one.
    public var double: Double {
        switch storage {
        case .integer(let value): Double(value)
        case .text(let text): Double(text) ?? .nan
        }
    }

    /// As JSON writes it.
    public var text: String {
        switch storage {
        case .integer(let value): String(value)
        case .text(let text): text
        }
    }
}
