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
/// newest picture leaves at once, as a keyframe. A camera that fails is reported and looked for again every second.
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
    private static let retryInterval = Duration.seconds(1)

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
        while !stop.isRequested {
            gate.wake.clear()
            guard gate.opening != nil else {
                progress.rest()
                Pause.wait(for: gate.wake)
                continue
            }
            progress.beat(now: MonotonicClock.now())
            do throws(CaptureError) {
                var camera = try Camera(opening: request.withLock { $0 })
                events.post(.running(.video, source: "\(camera.identity.name), \(camera.format)"))
                log.info("camera open: \(camera.identity.name), \(camera.format)")
                try serve(&camera)
            } catch {
                report(error)
                Pause.wait(for: gate.wake, atMost: VideoPipeline.retryInterval)
            }
            if gate.opening == nil {
                events.post(.stopped(.video))
                log.info("camera closed")
            }
        }
    }

    /// Until the gate closes, or the camera fails.
    private func serve(_ camera: inout Camera) throws(CaptureError) {
        var frame = camera.makeFrame()
        let format = camera.format
        var stage = EncodingStage(
            PictureSize(width: format.width, height: format.height),
            frameRate: min(60, max(1, Int(format.frameRate.framesPerSecond.rounded()))), ring: ring, control: control)
        var frameOpening: UInt32?
        while let opening = gate.opening {
            // Before the picture is taken: one taken for an earlier monitor must not reach the next.
            let generation = ring.generation
            let outcome = try camera.nextFrame(
                into: &frame, timeout: VideoPipeline.frozenAfter, interruptedBy: gate.wake)
            progress.beat(now: MonotonicClock.now())
            switch outcome {
            case .captured:
                frameOpening = opening
                counted.withLock { $0.captured &+= 1 }
                guard let generation else { continue }
                note(stage.process(frame, generation: generation))
            case .interrupted:
                gate.wake.clear()
                // The ring may just have opened: the picture in hand is this session's and a frame old at most.
                guard let generation = ring.generation, stage.isNew(generation), frameOpening == gate.opening,
                    frameOpening != nil, MonotonicClock.now() - frame.captureTime < .milliseconds(200)
                else { continue }
                note(stage.process(frame, generation: generation))
            }
        }
    }

    private func note(_ result: EncodingStage.Result) {
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
            case .skipped, .refused:
                counters.skipped &+= 1
            }
        }
        if case .refused(let reason) = result {
            log.repeated(.error, "encoder", "the video encoder refused a picture: \(reason)")
            events.post(.trouble(.video, MediaTrouble(.cameraFailed, state: "failed", message: reason)))
        }
    }

    private func report(_ error: CaptureError) {
        let trouble =
            switch error {
            case .missing, .lost, .badFile:
                MediaTrouble(.cameraMissing, state: "missing", message: error.description)
            case .busy:
                MediaTrouble(.cameraBusy, state: "busy", message: error.description)
            case .permissionDenied, .frozen, .unsupported, .system:
                MediaTrouble(.cameraFailed, state: error.reason, message: error.description)
            }
        log.repeated(.warning, "camera", "no picture: \(error)", [LogField("REASON", error.reason)])
        events.post(.trouble(.video, trouble))
    }
}
