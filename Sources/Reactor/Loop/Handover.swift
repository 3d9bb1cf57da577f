import Synchronization

/// A thread's body is copyable, what it is to own may not be: it changes hands here, once.
final class Handover<Owned: ~Copyable>: Sendable {
    private let owned: Mutex<Owned?>

    init(_ owned: consuming sending Owned) { self.owned = Mutex(owned) }

    /// Nil the second time.
    func take() -> sending Owned? { owned.withLock { $0.take() } }
}
