internal import Synchronization

/// The handle of a thread that goes round a loop: it is started once, told things through a mailbox, and stopped and waited for.
///
/// The one skeleton of what is called `…Thread`; what such a thread owns and does is called `…Loop`.
///
///     thread.start { mailbox, progress in
///         var loop = try … // registers mailbox.wake
///         loop.run()       // returns when it takes the last message
///     }
public final class LoopThread<Message: Sendable>: Sendable {
    /// What the loop takes its messages from.
    public let mailbox: Mailbox<Message>
    /// The loop beats in it once per round; the watchdog reads it. A loop that ends as it should lets it rest.
    public let progress: ThreadProgress

    private let name: String
    private let last: @Sendable () -> Message
    private let thread: Mutex<WorkerThread?>

    /// Starts nothing.
    ///
    /// - Parameters:
    ///   - name: at most 15 bytes of it are what `ps -L` shows.
    ///   - last: the message that ends the loop.
    /// - Throws: when the process has no descriptor left.
    public convenience init(
        name: String, last: @autoclosure @escaping @Sendable () -> Message
    ) throws(SystemError) {
        self.init(name: name, wokenBy: try WakeFD(), last: last())
    }

    /// The same for a loop that others wake too.
    ///
    /// - Parameter wake: the mailbox's waker. The loop clears it before it takes messages: whoever else signals it wakes the loop.
    public init(name: String, wokenBy wake: WakeFD, last: @autoclosure @escaping @Sendable () -> Message) {
        mailbox = Mailbox(wokenBy: wake)
        progress = ThreadProgress()
        self.name = name
        self.last = last
        thread = Mutex(nil)
    }

    /// Starts the thread. Call it once.
    ///
    /// - Parameter loop: returns soon after it has taken the last message.
    /// - Throws: when there is no thread to be had.
    public func start(
        _ loop: @escaping @Sendable (Mailbox<Message>, ThreadProgress) -> Void
    ) throws(SystemError) {
        let started = try WorkerThread(name: name) { [mailbox, progress] _ in loop(mailbox, progress) }
        thread.withLock { $0 = started }
    }

    /// The same with something that only the thread uses from now on, and that goes with it.
    public func start<Owned: ~Copyable>(
        owning owned: consuming sending Owned,
        _ loop: @escaping @Sendable (consuming Owned, Mailbox<Message>, ThreadProgress) -> Void
    ) throws(SystemError) {
        let started = try WorkerThread(name: name, owning: owned) { [mailbox, progress] owned, _ in
            loop(owned, mailbox, progress)
        }
        thread.withLock { $0 = started }
    }

    /// Tells the loop something, from any thread. What comes before `start` waits; after the last message nothing happens.
    public func post(_ message: Message) { mailbox.post(message) }

    /// Posts the last message and waits until the thread has ended. Without a started thread nothing happens.
    public func stop() {
        guard let thread = thread.withLock({ $0.take() }) else { return }
        mailbox.post(last())
        thread.join()
    }
}
