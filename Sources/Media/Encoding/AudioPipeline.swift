public import Capture
internal import Codecs
internal import Primitives
public import Reactor
internal import Service
internal import Signaling
internal import Synchronization

private let log = Log("audio")

/// The straight line's sound, on one thread:
///
///     Microphone.read → OpusEncoder.encode → FrameHub.push → WakeFD.signal
///
/// As with the picture, the microphone is open exactly while the gate is, and nothing is encoded before somebody
/// takes its sound and may.
public final class AudioPipeline: Sendable {
    private let line: MediaLine<MicrophoneSource>

    private static let frozenAfter = Duration.seconds(2)

    /// Starts nothing. The hub must have been made with `gate.wake` as its `opened`.
    ///
    /// - Parameter events: Where the device's state and the sound's condition are reported.
    public init(
        _ source: MicrophoneSource, frames: FrameHub, control: EncoderControl, tally: MediaTally = MediaTally(),
        gate: MediaGate, events: Mailbox<MediaEvent>
    ) {
        line = MediaLine(
            .audio, source, frames: frames, control: control, tally: tally, gate: gate, events: events, log: log)
    }

    /// When the thread last went round its loop.
    public var progress: ThreadProgress { line.progress }
    /// Since the agent started.
    public var counters: MediaCounters { line.counters }

    /// What the device is asked for, from its next opening on.
    public func update(_ new: MicrophoneSource) { line.request.withLock { $0 = new } }

    /// - Throws: when the thread cannot be made.
    public func start() throws(SystemError) {
        try line.start { [self] loop throws(CaptureError) in try attempt(&loop) }
    }

    /// Closes the device and ends the thread.
    public func stop() { line.stop() }

    // MARK: the audio thread

    private func attempt(_ loop: inout SourceLoop) throws(CaptureError) -> Bool {
        guard var microphone = try Microphone.open(line.request.withLock { $0 }) else { return false }
        try serve(&microphone, &loop)
        return true
    }

    /// Until the gate's opening is over, or the microphone fails.
    private func serve(_ microphone: inout Microphone, _ loop: inout SourceLoop) throws(CaptureError) {
        var samples = AudioFrame()
        var encoded = EncodedFrame(kind: .audio, capacity: OpusEncoder.maximumPacket)
        var encoder: OpusEncoder?
        var beginning: UInt32?
        var judge = SoundJudge(events: line.events)
        defer { judge.sourceClosed() }
        while let opening = loop.opening, line.gate.opening == opening {
            let generation = line.frames.generation
            let outcome = try microphone.read(
                into: &samples, timeout: AudioPipeline.frozenAfter, interruptedBy: line.gate.wake)
            let now = MonotonicClock.now()
            progress.beat(now: now)
            guard outcome == .captured else {
                line.gate.wake.clear()
                continue
            }
            loop.delivered(microphone.name, now: now)
            judge.listen(to: samples.samples, microphone.events, now: now)
            line.count { $0.captured &+= 1 }
            guard let generation else { continue }
            do throws(CodecError) {
                if encoder == nil { encoder = try OpusEncoder(settings) }
                // One who joins others can begin with any packet.
                if line.frames.beginning != beginning {
                    beginning = line.frames.beginning
                    encoder!.reset()
                }
                try encoder!.update(settings)
                let size = AudioPipeline.packetSize(atMost: line.control.maximumPacketTime)
                var offset = 0
                while offset < samples.samples.count {
                    let time = Duration.microseconds(Int64(offset) * 1_000_000 / Int64(OpusEncoder.sampleRate))
                    let result = try encoder!.encode(
                        samples.samples.extracting(offset..<offset + size), captureTime: samples.captureTime + time,
                        into: &encoded)
                    offset += size
                    judge.encoderFailed = false
                    hand(result, &encoded, generation: generation)
                }
            } catch {
                encoder = nil
                judge.encoderFailed = true
                log.repeated(.error, "encoder", "the audio encoder refused samples: \(error)")
            }
        }
    }

    /// One packet goes to the network thread, if there is one.
    private func hand(_ result: EncodeResult, _ encoded: inout EncodedFrame, generation: UInt32) {
        guard case .encoded = result else { return line.count { $0.skippedSilence &+= 1 } }
        let bytes = encoded.count
        guard line.frames.push(&encoded, generation: generation) != .closed else {
            return line.count { $0.skippedBy.add(.notWanted) }
        }
        line.count { counters in
            counters.encoded &+= 1
            counters.bytes &+= UInt64(bytes)
            counters.targetBitrate = Int(settings.bitrate.bitsPerSecond)
        }
    }

    /// Samples of the longest packet that holds no more than so many milliseconds; of the shortest where none does.
    static func packetSize(atMost milliseconds: Int) -> Int {
        OpusEncoder.packetSizes.first { $0 * 1000 <= milliseconds * OpusEncoder.sampleRate }
            ?? OpusEncoder.packetSizes[OpusEncoder.packetSizes.count - 1]
    }

    private var settings: OpusEncoder.Settings {
        OpusEncoder.Settings(
            bitrate: line.control.audioBitrate,
            forwardErrorCorrection: line.control.usesForwardErrorCorrection,
            expectedLossPercent: line.control.expectedLossPercent,
            discontinuousTransmission: line.control.usesDiscontinuousTransmission,
            maximumPlaybackRate: line.control.maximumPlaybackRate)
    }
}

/// Tells what is wrong with the sound while it flows.
private struct SoundJudge: ~Copyable {
    var encoderFailed: Bool
    private var watch: SoundWatch
    private var seenGaps: UInt64
    private var report: ConditionReport

    init(events: Mailbox<MediaEvent>) {
        encoderFailed = false
        watch = SoundWatch()
        seenGaps = 0
        report = ConditionReport(.audio, events: events, log: log)
    }

    mutating func listen(to samples: Span<Int16>, _ counted: Counter<MicrophoneEvent>, now: Instant) {
        let gaps = counted[.overrun]
        watch.handle(SoundSample(samples), gaps: Int(gaps &- seenGaps), now: now)
        seenGaps = gaps
        report.update(watch.condition ?? (encoderFailed ? .encoder : nil))
    }

    mutating func sourceClosed() { report.sourceClosed() }
}
