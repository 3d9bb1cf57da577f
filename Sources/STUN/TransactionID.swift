public import Primitives

/// The 96 bits that tie a response to its request (RFC 8489 section 5).
public struct TransactionID: Hashable, Sendable {
    /// The first eight bytes on the wire.
    public var high: UInt64
    /// The last four bytes on the wire.
    public var low: UInt32

    /// The 96 bits as they stand on the wire; for one's own requests use `random`.
    @inlinable public init(high: UInt64, low: UInt32) {
        self.high = high
        self.low = low
    }

    /// "The transaction ID MUST be uniformly and randomly chosen from the interval 0 .. 2**96-1."
    public static func random(using random: inout RandomSource) -> TransactionID {
        TransactionID(high: random.next(), low: UInt32(truncatingIfNeeded: random.next()))
    }
}
