import Capture
import Primitives
import Reactor
import Service
import Signaling
import Synchronization

/// A device's frames from opening to ring, on a thread of their own. What the device is and how its frames are encoded
/// is the conforming type's; the rest is the same for pictures and sound.
protocol MediaPipeline: Sendable {
    /// What the device is asked for.
    associatedtype Request: Sendable

    var line: MediaLine<Request> { get }

    /// One opening of the device.
    ///
    /// - Returns: false when there is nothing to open.
    /// - Throws: what is wrong with the device.
    func attempt(_ loop: inout SourceLoop) throws(CaptureError) -> Bool
}

extension MediaPipeline {
    var progress: ThreadProgress { line.progress }

    /// Since the agent started.
    var counters: AgentStatus.MediaCounters {
        var counters = line.tally.total(line.kind)
        counters.dropped = line.ring.drops.total
        return counters
    }

    /// What the device is asked for, from its next opening on.
    func update(_ new: Request) { line.request.withLock { $0 = new } }

    func start() throws(SystemError) {
        let started = try WorkerThread(name: line.kind.rawValue) { [self] stop in
            var loop = SourceLoop(
                line.kind, gate: line.gate, progress: line.progress, events: line.events, log: line.log)
            loop.run(stop) { loop throws(CaptureError) in try attempt(&loop) }
        }
        line.thread.withLock { $0 = started }
    }

    /// Closes the device and ends the thread.
    func stop() {
        guard let thread = line.thread.withLock({ $0.take() }) else { return }
        thread.requestStop()
        line.gate.close()
        thread.join()
    }
}

/// What a pipeline is connected to, and what it counts.
final class MediaLine<Request: Sendable>: Sendable {
    let kind: MediaKind
    let request: Mutex<Request>
    let ring: FrameRing
    let control: EncoderControl
    let gate: MediaGate
    let events: Mailbox<MediaEvent>
    let log: Log
    let progress = ThreadProgress()
    let tally: MediaTally
    fileprivate let thread = Mutex<WorkerThread?>(nil)

    /// - Parameter gate: its wake is the one that the ring signals when it opens.
    init(
        _ kind: MediaKind, _ request: Request, ring: FrameRing, control: EncoderControl, tally: MediaTally,
        gate: MediaGate, events: Mailbox<MediaEvent>, log: Log
    ) {
        precondition(ring.opened === gate.wake, "media line: the ring wakes another thread")
        self.kind = kind
        self.request = Mutex(request)
        self.ring = ring
        self.control = control
        self.tally = tally
        self.gate = gate
        self.events = events
        self.log = log
    }

    func count(_ body: (inout AgentStatus.MediaCounters) -> Void) { tally.count(kind, body) }
}
