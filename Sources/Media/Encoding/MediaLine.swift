import Capture
import Primitives
import Reactor
import Service
import Signaling
import Synchronization

/// The part that `VideoPipeline` and `AudioPipeline` share: the thread that opens the device and serves it, the hub, gate
/// and mailbox that it is connected to, and its counters. The device and the encoder are the pipeline's own.
final class MediaLine<Request: Sendable>: Sendable {
    let kind: MediaKind
    let request: Mutex<Request>
    let frames: FrameHub
    let control: EncoderControl
    let gate: MediaGate
    let events: Mailbox<MediaEvent>
    let log: Log
    let tally: MediaTally
    private let thread: LoopThread<SourceLoop.Message>

    /// - Parameter gate: its wake is the one that the hub signals when somebody opens.
    init(
        _ kind: MediaKind, _ request: Request, frames: FrameHub, control: EncoderControl, tally: MediaTally,
        gate: MediaGate, events: Mailbox<MediaEvent>, log: Log
    ) {
        precondition(frames.opened === gate.wake, "media line: the hub wakes another thread")
        self.kind = kind
        self.request = Mutex(request)
        self.frames = frames
        self.control = control
        self.tally = tally
        self.gate = gate
        self.events = events
        self.log = log
        thread = LoopThread(name: kind.rawValue, wokenBy: gate.wake, last: .stop)
    }

    /// When the thread last went round its loop.
    var progress: ThreadProgress { thread.progress }

    /// Since the agent started.
    var counters: MediaCounters {
        var counters = tally.total(kind)
        counters.dropped = frames.drops.total
        return counters
    }

    func count(_ body: (inout MediaCounters) -> Void) { tally.count(kind, body) }

    /// - Parameter attempt: one opening of the device: false when there is nothing to open; throws what is wrong with the device.
    func start(
        _ attempt: @escaping @Sendable (inout SourceLoop) throws(CaptureError) -> Bool
    ) throws(SystemError) {
        try thread.start { [self] mailbox, progress in
            var loop = SourceLoop(kind, gate: gate, progress: progress, events: events, log: log)
            loop.run(mailbox) { loop throws(CaptureError) in try attempt(&loop) }
        }
    }

    /// Closes the device and ends the thread.
    func stop() {
        // The loop takes its message when the device is closed, and that is when the gate is.
        gate.close()
        thread.stop()
    }
}
