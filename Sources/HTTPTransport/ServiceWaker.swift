internal import Reactor
internal import Synchronization

/// Ends a `service` call from another thread.
public struct ServiceWaker: Sendable {
    /// Outlives the transport it wakes for as long as somebody may still call it.
    final class Target: Sendable {
        let wake: WakeFD
        private let isPending = Atomic(false)

        init() throws(SystemError) { wake = try WakeFD() }

        func signal() {
            isPending.store(true, ordering: .releasing)
            wake.signal()
        }

        /// Whether there was a signal since the last time.
        func take() -> Bool {
            wake.clear()
            return isPending.exchange(false, ordering: .acquiringAndReleasing)
        }
    }

    let target: Target
    /// The service thread's `service(for:)` returns and `nextEvent()` yields `.woken`.
    public func wake() { target.signal() }
}
