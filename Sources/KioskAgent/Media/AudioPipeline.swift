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
    private static let retryInterval = Duration.seconds(1)

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
        while !stop.isRequested {
            gate.wake.clear()
            guard gate.opening != nil else {
                progress.rest()
                Pause.wait(for: gate.wake)
                continue
            }
            progress.beat(now: MonotonicClock.now())
            do throws(CaptureError) {
                guard var microphone = try Microphone.open(source.withLock { $0 }) else {
                    Pause.wait(for: gate.wake)
                    continue
                }
                events.post(.running(.audio, source: microphone.name))
                log.info("microphone open: \(microphone.name)")
                try serve(&microphone)
            } catch {
                log.repeated(.warning, "microphone", "no sound: \(error)", [LogField("REASON", error.reason)])
                let trouble = MediaTrouble(.microphoneFailed, state: error.reason, message: error.description)
                events.post(.trouble(.audio, trouble))
                Pause.wait(for: gate.wake, atMost: AudioPipeline.retryInterval)
            }
            if gate.opening == nil {
                events.post(.stopped(.audio))
                log.info("microphone closed")
            }
        }
    }

    /// Until the gate closes, or the microphone fails.
    private func serve(_ microphone: inout Microphone) throws(CaptureError) {
        var samples = AudioFrame()
        var encoded = EncodedFrame(kind: .audio, capacity: OpusEncoder.maximumPacket)
        var encoder: OpusEncoder?
        var current: UInt32?
        while gate.opening != nil {
            let generation = ring.generation
            let outcome = try microphone.read(
                into: &samples, timeout: AudioPipeline.frozenAfter, interruptedBy: gate.wake)
            progress.beat(now: MonotonicClock.now())
            guard outcome == .captured else {
                gate.wake.clear()
                continue
            }
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
                guard case .encoded = result, ring.push(&encoded, generation: generation) != .closed else {
                    counted.withLock { $0.skipped &+= 1 }
                    continue
                }
                counted.withLock { counters in
                    counters.encoded &+= 1
                    counters.bytes &+= UInt64(bytes)
                    counters.targetBitrate = Int(control.audioBitrate.bitsPerSecond)
                }
            } catch {
                encoder = nil
                log.repeated(.error, "encoder", "the audio encoder refused samples: \(error)")
            }
        }
    }

    private var settings: OpusEncoder.Settings {
        OpusEncoder.Settings(
            bitrate: min(max(control.audioBitrate, .kilobits(6)), .kilobits(128)),
            expectedLossPercent: control.expectedLossPercent)
    }
}
