/// A value that logs must not show at level info and above: addresses, ICE credentials, tokens, names.
///
/// It prints as a fixed word; code that may use the value reads `unredacted`.
public struct Redacted<Value> {
    /// The value itself. Reading it is the deliberate step.
    public var unredacted: Value

    /// From here on the value shows nowhere by accident.
    @inlinable public init(_ value: Value) { unredacted = value }
}

extension Redacted: Sendable where Value: Sendable {}
extension Redacted: Equatable where Value: Equatable {}
extension Redacted: Hashable where Value: Hashable {}

extension Redacted: CustomStringConvertible, CustomDebugStringConvertible {
    public var description: String { "(redacted)" }
    public var debugDescription: String { "(redacted)" }
}

// A dump or a mirror must not go around the description.
extension Redacted: CustomReflectable {
    public var customMirror: Mirror { Mirror(self, children: []) }
}
