import Capture
import Codecs
import Primitives
import Reactor
import Service
import Signaling
import Synchronization

private let log = Log("video")

/// The left half of the straight line, on one thread:
///
///     Camera.nextFrame → VP8Encoder.encode → FrameRing.push → WakeFD.signal
///
/// The camera is open exactly while the gate is. It warms up with the session's grant: its pictures are taken and
/// forgotten, nothing is encoded, until the network thread opens the ring because the peer is connected. Then the
/// newest picture leaves at once, as a keyframe. A camera that fails is reported and looked for
/// again (`SourceLoop`).
final class VideoPipeline: Sendable {
    private let request: Mutex<CameraRequest>
    private let ring: FrameRing
    private let control: EncoderControl
    private let events: Mailbox<MediaEvent>
    private let gate: MediaGate
    let progress: ThreadProgress
    private let counted: Mutex<AgentStatus.MediaCounters>
    private let thread: Mutex<WorkerThread?>

    /// A camera that gives nothing for so long is frozen.
    private static let frozenAfter = Duration.seconds(2)

    /// - Parameter gate: its wake is the one that the ring signals when it opens.
    init(
        _ request: CameraRequest, ring: FrameRing, control: EncoderControl, gate: MediaGate,
        events: Mailbox<MediaEvent>
    ) {
        precondition(ring.opened === gate.wake, "video pipeline: the ring wakes another thread")
        self.request = Mutex(request)
        self.ring = ring
        self.control = control
        self.gate = gate
        self.events = events
        progress = ThreadProgress()
        counted = Mutex(AgentStatus.MediaCounters())
        thread = Mutex(nil)
    }

    var counters: AgentStatus.MediaCounters {
        var counters = counted.withLock { $0 }
        counters.dropped = ring.drops.total
        return counters
    }

    /// What the camera is asked for, from its next opening on.
    func update(_ new: CameraRequest) { request.withLock { $0 = new } }

    func start() throws(SystemError) {
        let started = try WorkerThread(name: "video") { [self] stop in run(stop) }
        thread.withLock { $0 = started }
    }

    /// Closes the camera and ends the thread.
    func stop() {
        guard let thread = thread.withLock({ $0.take() }) else { return }
        thread.requestStop()
        gate.close()
        thread.join()
    }

    // MARK: the video thread

    private func run(_ stop: StopFlag) {
        var loop = SourceLoop(.video, gate: gate, progress: progress, events: events, log: log)
        loop.run(stop) { loop throws(CaptureError) in
            var camera = try Camera(opening: request.withLock { $0 })
            try serve(&camera, &loop)
            return true
        }
    }

    /// Until the gate closes, or the camera fails.
    private func serve(_ camera: inout Camera, _ loop: inout SourceLoop) throws(CaptureError) {
        var frame = camera.makeFrame()
        let format = camera.format
        var stage = EncodingStage(
            PictureSize(width: format.width, height: format.height),
            frameRate: min(60, max(1, Int(format.frameRate.framesPerSecond.rounded()))), ring: ring, control: control)
        var judge = PictureJudge(events: events)
        var frameOpening: UInt32?
        defer { judge.sourceClosed() }
        while let opening = gate.opening {
            // Before the picture is taken: one taken for an earlier monitor must not reach the next.
            let generation = ring.generation
            let outcome = try camera.nextFrame(
                into: &frame, timeout: VideoPipeline.frozenAfter, interruptedBy: gate.wake)
            let now = MonotonicClock.now()
            progress.beat(now: now)
            switch outcome {
            case .captured:
                loop.delivered("\(camera.identity.name), \(format)", now: now)
                frameOpening = opening
                note(judge.count(camera.events, now: now))
                judge.look(at: frame, now: now)
                guard let generation else { continue }
                note(stage.process(frame, generation: generation, clock: MonotonicClock.now), &judge)
                note(stage.quality, &judge)
            case .interrupted:
                gate.wake.clear()
                // The ring may just have opened: the picture in hand is this session's and a frame old at most.
                guard let generation = ring.generation, stage.isNew(generation), frameOpening == gate.opening,
                    frameOpening != nil, now - frame.captureTime < .milliseconds(200)
                else { continue }
                note(stage.process(frame, generation: generation, clock: MonotonicClock.now), &judge)
            }
        }
    }

    /// What happened in the camera since the last picture.
    private func note(_ drops: PictureJudge.Drops) {
        counted.withLock { counters in
            counters.captured &+= 1
            counters.pictureDrops.add(.overtaken, drops.overtaken)
            counters.pictureDrops.add(.lostByDriver, drops.lostByDriver)
            counters.pictureDrops.add(.undecodable, drops.undecodable)
        }
    }

    private func note(_ result: EncodingStage.Result, _ judge: inout PictureJudge) {
        counted.withLock { counters in
            switch result {
            case .encoded(let bytes, let isKeyframe, let width, let height, let framesPerSecond, let target):
                counters.encoded &+= 1
                counters.bytes &+= UInt64(bytes)
                if isKeyframe { counters.keyframes &+= 1 }
                counters.width = width
                counters.height = height
                counters.framesPerSecond = framesPerSecond
                counters.targetBitrate = target
            case .skipped(let reason): counters.pictureDrops.add(reason)
            case .refused: counters.pictureDrops.add(.refused)
            }
        }
        switch result {
        case .encoded: judge.encoderFailed = false
        case .refused(let reason):
            log.repeated(.error, "encoder", "the video encoder refused a picture: \(reason)")
            judge.encoderFailed = true
        case .skipped: break
        }
    }

    private func note(_ quality: Quality, _ judge: inout PictureJudge) {
        counted.withLock { counters in
            counters.limitation = quality.limitation
            counters.processorLoad = quality.processorLoad ?? counters.processorLoad
        }
        judge.qualityIs(quality)
    }
}
