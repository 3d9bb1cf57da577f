/// A value on the heap that has one owner: a noncopyable type that keeps the box to itself.
///
/// The compiler's checks of a noncopyable struct walk all stored leaves of it at each access, and what is kept in a box is one leaf: without
/// boxes around its largest parts `PeerSession` takes most of a minute to compile.
final class Boxed<Value: Sendable>: @unchecked Sendable {
    var value: Value

    init(_ value: Value) { self.value = value }
}
