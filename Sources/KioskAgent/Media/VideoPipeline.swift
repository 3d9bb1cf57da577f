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
final class VideoPipeline: MediaPipeline {
    let line: MediaLine<CameraRequest>

    /// A camera that gives nothing for so long is frozen.
    private static let frozenAfter = Duration.seconds(2)

    init(
        _ request: CameraRequest, ring: FrameRing, control: EncoderControl, gate: MediaGate,
        events: Mailbox<MediaEvent>
    ) {
        line = MediaLine(.video, request, ring: ring, control: control, gate: gate, events: events, log: log)
    }

    // MARK: the video thread

    func attempt(_ loop: inout SourceLoop) throws(CaptureError) -> Bool {
        var camera = try Camera(opening: line.request.withLock { $0 })
        try serve(&camera, &loop)
        return true
    }

    /// Until the gate's opening is over, or the camera fails.
    private func serve(_ camera: inout Camera, _ loop: inout SourceLoop) throws(CaptureError) {
        var frame = camera.makeFrame()
        let format = camera.format
        var stage = EncodingStage(
            PictureSize(width: format.width, height: format.height),
            frameRate: min(60, max(1, Int(format.frameRate.framesPerSecond.rounded()))), ring: line.ring,
            control: line.control)
        var judge = PictureJudge(events: line.events)
        var hasFrame = false
        defer { judge.sourceClosed() }
        while let opening = loop.opening, line.gate.opening == opening {
            // Before the picture is taken: one taken for an earlier monitor must not reach the next.
            let generation = line.ring.generation
            let outcome = try camera.nextFrame(
                into: &frame, timeout: VideoPipeline.frozenAfter, interruptedBy: line.gate.wake)
            let now = MonotonicClock.now()
            progress.beat(now: now)
            switch outcome {
            case .captured:
                loop.delivered("\(camera.identity.name), \(format)", now: now)
                hasFrame = true
                note(judge.count(camera.events, now: now))
                judge.look(at: frame, now: now)
                guard let generation else { continue }
                note(stage.process(frame, generation: generation, clock: MonotonicClock.now), &judge)
                note(stage.quality, &judge)
            case .interrupted:
                line.gate.wake.clear()
                // The ring may just have opened: the picture in hand is this session's and a frame old at most.
                guard let generation = line.ring.generation, stage.isNew(generation), hasFrame,
                    line.gate.opening == opening, now - frame.captureTime < .milliseconds(200)
                else { continue }
                note(stage.process(frame, generation: generation, clock: MonotonicClock.now), &judge)
            }
        }
    }

    /// What happened in the camera since the last picture.
    private func note(_ drops: PictureJudge.Drops) {
        line.count { counters in
            counters.captured &+= 1
            counters.skippedBy.add(.overtaken, drops.overtaken)
            counters.skippedBy.add(.lostByDriver, drops.lostByDriver)
            counters.skippedBy.add(.undecodable, drops.undecodable)
        }
    }

    private func note(_ result: EncodingStage.Result, _ judge: inout PictureJudge) {
        line.count { counters in
            switch result {
            case .encoded(let bytes, let isKeyframe, let width, let height, let framesPerSecond, let target):
                counters.encoded &+= 1
                counters.bytes &+= UInt64(bytes)
                if isKeyframe { counters.keyframes &+= 1 }
                counters.width = width
                counters.height = height
                counters.framesPerSecond = framesPerSecond
                counters.targetBitrate = target
            case .skipped(let reason): counters.skippedBy.add(reason)
            case .refused: counters.skippedBy.add(.refused)
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
        line.count { counters in
            counters.limitation = quality.limitation
            counters.processorLoad = quality.processorLoad ?? counters.processorLoad
        }
        judge.qualityIs(quality)
    }
}
