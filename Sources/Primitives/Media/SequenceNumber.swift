/// A 16-bit RTP sequence number; order is modulo 65,536 (RFC 3550 section 5.1, RFC 1982).
public struct SequenceNumber: Hashable, Sendable {
    public var rawValue: UInt16

    /// Any number is a sequence number.
    /// The one behind it; 0 behind 65,535.
    @inlinable public init(_ rawValue: UInt16) { self.rawValue = rawValue }
    @inlinable public var next: SequenceNumber { SequenceNumber(rawValue &+ 1) }

    /// The signed distance from `other` to this one, -32,768 … 32,767.
    @inlinable public func distance(from other: SequenceNumber) -> Int {
        Int(Int16(bitPattern: rawValue &- other.rawValue))
    }
    /// Whether it is ahead by less than half of the numbers.
    @inlinable public func isNewer(than other: SequenceNumber) -> Bool { distance(from: other) > 0 }
}

/// Turns wrapping 16-bit sequence numbers into ones that only grow, following the newest seen.
public struct SequenceUnwrapper: Sendable {
    @usableFromInline var newest: Int64?

    /// Nothing seen yet.
    @inlinable public init() { newest = nil }

    /// The unwrapped number; the first one maps to itself.
    @inlinable public mutating func unwrap(_ number: SequenceNumber) -> Int64 {
        guard let newest else {
            self.newest = Int64(number.rawValue)
            return Int64(number.rawValue)
        }
        let distance = number.distance(from: SequenceNumber(UInt16(truncatingIfNeeded: newest)))
        let unwrapped = newest + Int64(distance)
        if distance > 0 { self.newest = unwrapped }
        return unwrapped
    }
}
