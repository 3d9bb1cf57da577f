/// One count per named reason, for packets dropped and things seen. Counting allocates nothing.
///
/// `Name` is an `Int` enum whose raw values are 0, 1, 2 … in the order of `allCases`.
public struct Counter<Name: CaseIterable & RawRepresentable & Sendable>: Sendable, Equatable
where Name.RawValue == Int {
    @usableFromInline var counts: [UInt64]

    /// All counts 0. The one allocation there is.
    @inlinable public init() { counts = Array(repeating: 0, count: Name.allCases.count) }

    /// Wraps beyond 64 bits.
    @inlinable public mutating func add(_ name: Name, _ amount: UInt64 = 1) { counts[name.rawValue] &+= amount }
    /// Adds another counter's counts.
    public mutating func add(_ other: Counter) { for index in counts.indices { counts[index] &+= other.counts[index] } }
    /// The count of that name.
    @inlinable public subscript(name: Name) -> UInt64 { counts[name.rawValue] }
    /// The sum over all names.
    @inlinable public var total: UInt64 { counts.reduce(0, &+) }
    /// What was counted at least once, in the order of the names.
    @inlinable public var nonZero: [(name: Name, count: UInt64)] {
        var found: [(name: Name, count: UInt64)] = []
        for index in counts.indices where counts[index] > 0 {
            if let name = Name(rawValue: index) { found.append((name, counts[index])) }
        }
        return found
    }
}
