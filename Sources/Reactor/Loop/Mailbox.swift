import Primitives
import Synchronization

/// Messages from any thread to the one that owns the mailbox, in the order they were posted.
///
/// The owner registers `wake` in its event loop; when that is readable it clears it and takes messages until none is
/// left.
public final class Mailbox<Message: Sendable>: Sendable {
    private struct State {
        var queue: RingBuffer<Message>
        var isClosed: Bool
    }

    private let state: Mutex<State>
    /// Signaled by every post that finds the mailbox empty.
    public let wake: WakeFD

    /// - Parameter wake: given when several mailboxes wake the same loop.
    public convenience init(wake: WakeFD? = nil) throws(SystemError) {
        if let wake { self.init(wokenBy: wake) } else { self.init(wokenBy: try WakeFD()) }
    }

    /// With a waker that there is already.
    init(wokenBy wake: WakeFD) {
        self.wake = wake
        state = Mutex(State(queue: RingBuffer(capacity: 16), isClosed: false))
    }

    /// - Returns: false when the mailbox is closed: the message goes nowhere.
    @discardableResult
    public func post(_ message: Message) -> Bool {
        let (accepted, wasEmpty) = state.withLock { state in
            guard !state.isClosed else { return (false, false) }
            let wasEmpty = state.queue.isEmpty
            state.queue.append(message)
            return (true, wasEmpty)
        }
        if wasEmpty { wake.signal() }
        return accepted
    }

    /// The oldest message, or nil.
    public func next() -> Message? { state.withLock { $0.queue.popFirst() } }

    /// Whether nothing waits at this moment.
    public var isEmpty: Bool { state.withLock { $0.queue.isEmpty } }

    /// Refuses further messages. Those posted before can still be taken.
    public func close() { state.withLock { $0.isClosed = true } }
}
