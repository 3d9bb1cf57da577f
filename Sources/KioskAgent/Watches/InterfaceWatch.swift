import Primitives
import Reactor

/// Which addresses the machine has, and when they are read again after the kernel reported a change.
struct InterfaceWatch: Sendable {
    private var addresses: Set<InterfaceAddress>
    /// When they are to be read; nil while nothing has changed.
    private(set) var nextTimeout: Instant?

    /// Addresses come one by one; after this long most are there, and the others are another change.
    static let settling = Duration.milliseconds(100)

    init(_ addresses: Set<InterfaceAddress>) {
        self.addresses = addresses
        nextTimeout = nil
    }

    /// The kernel reported something of its interfaces.
    mutating func somethingChanged(now: Instant) { nextTimeout = nextTimeout ?? now + InterfaceWatch.settling }

    /// The addresses were read.
    /// - Returns: those that packets can come from now; nil when they are the same as before, because the kernel also reports
    ///   refreshed lifetimes.
    mutating func read(_ current: Set<InterfaceAddress>) -> Set<IPAddress>? {
        nextTimeout = nil
        guard current != addresses else { return nil }
        addresses = current
        return Set(current.filter { $0.isUp && $0.isRunning }.map(\.address))
    }
}
