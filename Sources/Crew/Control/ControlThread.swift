public import AgentSettings
public import Media
internal import Primitives
public import Reactor
public import Signaling

/// What the control thread is told.
public enum DeskCommand: Sendable {
    /// The server knows the kiosk: waiting crew events may be delivered.
    case linkRegistered
    /// The connection to the server has ended: nothing is delivered until the next `linkRegistered`.
    case linkLost
    /// The server's answer to a crew event that was delivered.
    case answered(eventId: String, Acknowledgement)
    /// The server's clock minus this machine's, as the last heartbeat measured it.
    case clockOffset(Duration)
    /// The status to tell programs that ask or watch, from now on.
    case status(StatusSheet)
    /// Media leaves the kiosk now, or no longer.
    case indicator(isLive: Bool)
    /// The snapshot that `DeskEvent.snapshot` asked for under this number, or why there is none.
    case snapshot(UInt64, Result<Snapshot, SnapshotFailure>)
    /// Closes the socket and the outbox and ends the thread.
    case stop
}

/// What it reports.
public enum DeskEvent: Sendable {
    /// A crew event to be sent to the server; `answered` follows, or `linkLost`.
    case deliver(CrewEvent)
    /// A program asks for a picture; `DeskCommand.snapshot` answers.
    case snapshot(SnapshotRequest)
    /// The state of the outbox has changed.
    case crew(CrewState)
    /// The thread cannot go on.
    case failed(String)
}

/// The control socket for local programs, the outbox and the badge reader, on a thread of their own, because syncing a disk
/// may take seconds and must not delay media.
public final class ControlThread: Sendable {
    private let thread: LoopThread<DeskCommand>
    private let events: Mailbox<DeskEvent>
    /// Beats once per round of the loop, and at least every 10 s; the watchdog reads it.
    public var progress: ThreadProgress { thread.progress }

    /// - Throws: When no mailbox can be made.
    public init(events: Mailbox<DeskEvent>) throws(SystemError) {
        thread = try LoopThread(name: "control", last: .stop)
        self.events = events
    }

    /// Hands a command to the control thread, from any thread. Before `start` it waits.
    public func post(_ command: DeskCommand) { thread.post(command) }

    /// Takes the open socket, whose errors ended the start already, and begins.
    ///
    /// - Parameter outbox: the file that keeps crew events; the desk works without them while it cannot be had.
    public func start(
        listener: consuming UnixSocketListener, outbox: String, badgeReader: AgentConfiguration.BadgeReader?
    ) throws(SystemError) {
        try thread.start(owning: listener) { [events] listener, commands, progress in
            do throws(SystemError) {
                var loop = try ControlLoop(
                    listener, outbox: outbox, badgeReader: badgeReader, inbox: commands, events: events,
                    progress: progress)
                try loop.run()
            } catch {
                events.post(.failed("\(error)"))
            }
            progress.rest()
        }
    }

    /// Closes socket and outbox, ends the thread and waits for it.
    public func stop() { thread.stop() }
}
