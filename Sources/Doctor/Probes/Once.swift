import Synchronization

/// A value that is determined by the first caller of `get`. Callers that come meanwhile wait for the same answer.
final class Once<Value: Sendable>: Sendable {
    private let value = Mutex<Value?>(nil)

    func get(_ make: () -> Value) -> Value {
        value.withLock { value in
            if let value { return value }
            let made = make()
            value = made
            return made
        }
    }

    /// What is known already; nil while it is being found out.
    var known: Value? { value.withLockIfAvailable { $0 } ?? nil }
}
