import Capture
import Codecs
import Primitives
import Reactor
import Service
import Signaling
import Synchronization

private let log = Log("audio")

/// The straight line's sound, on one thread:
///
///     Microphone.read → OpusEncoder.encode → FrameRing.push → WakeFD.signal
///
/// As with the picture, the microphone is open exactly while the gate is, and nothing is encoded before the network
/// thread opens the ring.
final class AudioPipeline: Sendable {
    private let source: Mutex<MicrophoneSource>
    private let ring: FrameRing
    private let control: EncoderControl
    private let events: Mailbox<MediaEvent>
    private let gate: MediaGate
    let progress: ThreadProgress
    private let counted: Mutex<AgentStatus.MediaCounters>
    private let thread: Mutex<WorkerThread?>

    private static let frozenAfter = Duration.seconds(2)

    init(
        _ source: MicrophoneSource, ring: FrameRing, control: EncoderControl, gate: MediaGate,
        events: Mailbox<MediaEvent>
    ) {
        self.source = Mutex(source)
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

    /// Where the sound comes from, from the next opening on.
    func update(_ new: MicrophoneSource) { source.withLock { $0 = new } }

    func start() throws(SystemError) {
        let started = try WorkerThread(name: "audio") { [self] stop in run(stop) }
        thread.withLock { $0 = started }
    }

    func stop() {
        guard let thread = thread.withLock({ $0.take() }) else { return }
        thread.requestStop()
        gate.close()
        thread.join()
    }

    // MARK: the audio thread

    private func run(_ stop: StopFlag) {
        var loop = SourceLoop(.audio, gate: gate, progress: progress, events: events, log: log)
        loop.run(stop) { loop throws(CaptureError) in
            guard var microphone = try Microphone.open(source.withLock { $0 }) else { return false }
            try serve(&microphone, &loop)
            return true
        }
    }

    /// Until the gate closes, or the microphone fails.
    private func serve(_ microphone: inout Microphone, _ loop: inout SourceLoop) throws(CaptureError) {
        var samples = AudioFrame()
        var encoded = EncodedFrame(kind: .audio, capacity: OpusEncoder.maximumPacket)
        var encoder: OpusEncoder?
        var current: UInt32?
        var judge = SoundJudge(events: events)
        defer { judge.sourceClosed() }
        while gate.opening != nil {
            let generation = ring.generation
            let outcome = try microphone.read(
                into: &samples, timeout: AudioPipeline.frozenAfter, interruptedBy: gate.wake)
            let now = MonotonicClock.now()
            progress.beat(now: now)
            guard outcome == .captured else {
                gate.wake.clear()
                continue
            }
            loop.delivered(microphone.name, now: now)
            judge.listen(to: samples.samples, microphone.events, now: now)
            counted.withLock { $0.captured &+= 1 }
            guard let generation else { continue }
            do throws(CodecError) {
                if encoder == nil { encoder = try OpusEncoder(settings) }
                if generation != current {
                    current = generation
                    encoder!.reset()
                }
                try encoder!.update(settings)
                let result = try encoder!.encode(samples.samples, captureTime: samples.captureTime, into: &encoded)
                let bytes = encoded.count
                judge.encoderFailed = false
                guard case .encoded = result else {
                    counted.withLock { $0.skippedSilence &+= 1 }
                    continue
                }
                guard ring.push(&encoded, generation: generation) != .closed else {
                    counted.withLock { $0.pictureDrops.add(.notWanted) }
                    continue
                }
                counted.withLock { counters in
                    counters.encoded &+= 1
                    counters.bytes &+= UInt64(bytes)
                    counters.targetBitrate = Int(settings.bitrate.bitsPerSecond)
                }
            } catch {
                encoder = nil
                judge.encoderFailed = true
                log.repeated(.error, "encoder", "the audio encoder refused samples: \(error)")
            }
        }
    }

    private var settings: OpusEncoder.Settings {
        OpusEncoder.Settings(
            bitrate: min(max(control.audioBitrate, .kilobits(6)), .kilobits(128)),
            forwardErrorCorrection: control.usesForwardErrorCorrection,
            expectedLossPercent: control.expectedLossPercent,
            discontinuousTransmission: control.usesDiscontinuousTransmission)
    }
}

/// Tells what is wrong with the sound while it flows: once when it begins, once when it is over.
private struct SoundJudge: ~Copyable {
    var encoderFailed: Bool
    private let events: Mailbox<MediaEvent>
    private var watch: SoundWatch
    private var seenGaps: UInt64
    private var told: MediaCondition?

    init(events: Mailbox<MediaEvent>) {
        self.events = events
        encoderFailed = false
        watch = SoundWatch()
        seenGaps = 0
        told = nil
    }

    mutating func listen(to samples: Span<Int16>, _ counted: Counter<MicrophoneEvent>, now: Instant) {
        let gaps = counted[.overrun]
        watch.handle(SoundSample(samples), gaps: Int(gaps &- seenGaps), now: now)
        seenGaps = gaps
        let condition = watch.condition ?? (encoderFailed ? .encoder : nil)
        guard condition != told else { return }
        if let condition {
            log.warning("\(condition.message); \(condition.remedy)", [LogField("REASON", condition.rawValue)])
        } else if let told {
            log.notice("the sound is well again", [LogField("REASON", told.rawValue)])
        }
        told = condition
        events.post(.condition(.audio, condition))
    }

    /// What was wrong with its sound goes with the microphone.
    mutating func sourceClosed() {
        guard told != nil else { return }
        told = nil
        events.post(.condition(.audio, nil))
    }
}
