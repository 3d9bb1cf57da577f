public import Reactor
internal import Synchronization

/// Whether a media thread is to have its device open, and for which opening. The hub sets it, the thread obeys.
///
/// Each opening has a number, so that a picture taken during one is never taken for one of the next.
public final class MediaGate: Sendable {
    private struct State {
        var isOpen: Bool
        var number: UInt32
        var deviceChanges: UInt32
    }

    private let state: Mutex<State>
    /// Signaled when the state changes; ends the thread's waiting, for a picture too.
    public let wake: WakeFD

    /// Closed.
    ///
    /// - Throws: When no event file descriptor can be made.
    public init() throws(SystemError) {
        state = Mutex(State(isOpen: false, number: 0, deviceChanges: 0))
        wake = try WakeFD()
    }

    /// The device is wanted: an opening with a new number begins, also where the gate is open already.
    public func open() {
        state.withLock { state in
            state.isOpen = true
            state.number &+= 1
        }
        wake.signal()
    }

    /// The device is not wanted any more; the media thread closes it.
    public func close() {
        state.withLock { $0.isOpen = false }
        wake.signal()
    }

    /// A device of the thread's kind came or went: one that could not be opened may be tried again.
    public func deviceChanged() {
        state.withLock { $0.deviceChanges &+= 1 }
        wake.signal()
    }

    /// Whether the device is wanted.
    var isOpen: Bool { state.withLock { $0.isOpen } }

    /// The current opening's number, or nil while closed.
    var opening: UInt32? { state.withLock { $0.isOpen ? $0.number : nil } }

    /// How often a device came or went.
    var deviceChanges: UInt32 { state.withLock { $0.deviceChanges } }
}
