public import Capture
internal import Codecs
internal import Primitives
public import Reactor
internal import Service
internal import Signaling
internal import Synchronization

private let log = Log("video")

/// The left half of the straight line, on one thread:
///
///     Camera.nextFrame → VideoEncoder.encode → FrameHub.push → WakeFD.signal
///
/// The camera is open exactly while the gate is. It warms up with the session's grant: its pictures are taken and
/// forgotten, nothing is encoded, until somebody takes its pictures and may (`Lease`). Then the newest picture
/// leaves at once, as a keyframe. A camera that fails is reported and looked for again (`SourceLoop`).
public final class VideoPipeline: Sendable {
    private let line: MediaLine<CameraRequest>
    private let cure = Mutex(FrozenCure())
    private let snapshot = Mutex<SnapshotRequest?>(nil)

    /// A camera that gives nothing for so long is frozen.
    private static let frozenAfter = Duration.seconds(2)

    /// Starts nothing. The hub must have been made with `gate.wake` as its `opened`.
    ///
    /// - Parameter events: Where the device's state and the picture's condition are reported.
    public init(
        _ request: CameraRequest, frames: FrameHub, control: EncoderControl, tally: MediaTally = MediaTally(),
        gate: MediaGate, events: Mailbox<MediaEvent>
    ) {
        line = MediaLine(
            .video, request, frames: frames, control: control, tally: tally, gate: gate, events: events, log: log)
    }

    /// When the thread last went round its loop.
    public var progress: ThreadProgress { line.progress }
    /// Since the agent started.
    public var counters: MediaCounters { line.counters }

    /// What the device is asked for, from its next opening on.
    public func update(_ new: CameraRequest) { line.request.withLock { $0 = new } }

    /// The next picture whose exposure has settled is made a snapshot, once; `MediaEvent.snapshot` answers. To be asked when media may
    /// leave for the lease `snapshot`; nil takes back what was asked.
    public func take(_ request: SnapshotRequest?) { snapshot.withLock { $0 = request } }

    /// - Throws: when the thread cannot be made.
    public func start() throws(SystemError) {
        try line.start { [self] loop throws(CaptureError) in try attempt(&loop) }
    }

    /// Closes the device and ends the thread.
    public func stop() { line.stop() }

    // MARK: the video thread

    private func attempt(_ loop: inout SourceLoop) throws(CaptureError) -> Bool {
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
            frameRate: min(60, max(1, Int(format.frameRate.framesPerSecond.rounded()))), frames: line.frames,
            control: line.control)
        var judge = PictureJudge(events: line.events)
        var rate = RateMeter()
        var meter = LimitationMeter()
        var hasFrame = false
        var settling = ExposureSettling()
        defer { judge.sourceClosed() }
        while let opening = loop.opening, line.gate.opening == opening {
            // Before the picture is taken: one taken for an earlier monitor must not reach the next.
            let generation = line.frames.generation
            camera.keepsJPEG = snapshot.withLock { $0?.format == .jpeg }
            let outcome = try camera.nextFrame(
                into: &frame, timeout: VideoPipeline.frozenAfter, interruptedBy: line.gate.wake)
            let now = MonotonicClock.now()
            progress.beat(now: now)
            switch outcome {
            case .captured:
                loop.delivered("\(camera.identity.name), \(format)", now: now)
                hasFrame = true
                let source = SourcePicture(
                    size: PictureSize(width: format.width, height: format.height),
                    framesPerSecond: rate.note(frame.captureTime))
                note(judge.count(camera.events, now: now), source)
                judge.look(at: frame, now: now)
                let isFrozen = judge.isFrozen
                if cure.withLock({ $0.isDue(isFrozen: isFrozen, now: now) }) {
                    log.notice("the camera is opened anew, because its picture stands still")
                    throw .repeats(device: camera.identity.name)
                }
                if settling.isOver(now: now), let request = snapshot.withLock({ $0.take() }) {
                    answer(request, frame, camera.jpeg)
                }
                guard let generation else { continue }
                note(stage.process(frame, generation: generation, clock: MonotonicClock.now), &judge)
                let quality = stage.quality
                note(quality, meter.note(quality.limitation, generation: line.frames.beginning, now: now), &judge)
            case .interrupted:
                line.gate.wake.clear()
                // Somebody may just have opened: the picture in hand is this session's and a frame old at most.
                guard let generation = line.frames.generation, stage.isNew(generation), hasFrame,
                    line.gate.opening == opening, now - frame.captureTime < .milliseconds(200)
                else { continue }
                note(stage.process(frame, generation: generation, clock: MonotonicClock.now), &judge)
            }
        }
    }

    private func answer(_ request: SnapshotRequest, _ frame: borrowing VideoFrame, _ jpeg: [UInt8]?) {
        let result: Result<Snapshot, SnapshotFailure>
        do throws(SnapshotFailure) {
            result = .success(try Snapshot(frame, jpeg: jpeg, as: request.format))
        } catch {
            result = .failure(error)
        }
        line.events.post(.snapshot(request.id, result))
    }

    /// What happened in the camera since the last picture.
    private func note(_ drops: PictureJudge.Drops, _ source: SourcePicture) {
        line.count { counters in
            counters.captured &+= 1
            counters.source = source
            counters.skippedBy.add(.overtaken, drops.overtaken)
            counters.skippedBy.add(.lostByDriver, drops.lostByDriver)
            counters.skippedBy.add(.undecodable, drops.undecodable)
        }
    }

    private func note(_ result: EncodingStage.Result, _ judge: inout PictureJudge) {
        line.count { counters in
            switch result {
            case .encoded(let picture):
                counters.encoded &+= 1
                counters.bytes &+= UInt64(picture.bytes)
                if picture.isKeyframe { counters.keyframes &+= 1 }
                counters.width = picture.size.width
                counters.height = picture.size.height
                counters.framesPerSecond = picture.framesPerSecond
                counters.targetBitrate = picture.target
                counters.quantizerSum &+= UInt64(picture.quantizer)
                counters.encodeTime += picture.time
                if picture.isResized { counters.resolutionChanges &+= 1 }
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

    private func note(_ quality: Quality, _ span: LimitationMeter.Span?, _ judge: inout PictureJudge) {
        line.count { counters in
            counters.limitation = quality.limitation
            if let span { counters.limitedFor.add(span) }
            counters.processorLoad = quality.processorLoad ?? counters.processorLoad
        }
        judge.qualityIs(quality)
    }
}
