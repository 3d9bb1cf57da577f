import CALSA
import Glibc
import Primitives
import Reactor

/// An ALSA capture device, read in 20 ms periods.
///
/// What the device cannot do (48 kHz, one channel) ALSA's plug layer or a `SampleConverter` makes of what it can.
struct ALSAMicrophone: ~Copyable {
    let name: String
    private let pcm: OpaquePointer
    private let settings: ALSASettings
    private var converter: SampleConverter
    private var clock: SampleClock
    private var period: [Int16]
    private var ready: SampleQueue

    init(opening name: String) throws(CaptureError) {
        calsa_silence()
        let (pcm, settings) = try ALSAMicrophone.openAndConfigure(name)
        self.name = name
        self.pcm = pcm
        self.settings = settings
        converter = SampleConverter(sampleRate: settings.rate, channels: settings.channels)
        clock = SampleClock()
        period = Array(repeating: 0, count: settings.periodSize * settings.channels)
        ready = SampleQueue()
    }

    deinit {
        snd_pcm_drop(pcm)
        snd_pcm_close(pcm)
    }

    /// A raw `hw:` device with formats we cannot take is opened once more through the plug layer.
    private static func openAndConfigure(_ name: String) throws(CaptureError) -> (OpaquePointer, ALSASettings) {
        do {
            return try open(name, as: name)
        } catch {
            guard case .unsupported = error, name.hasPrefix("hw:") else { throw error }
            return try open("plug\(name)", as: name)
        }
    }

    private static func open(_ pcmName: String, as name: String) throws(CaptureError) -> (OpaquePointer, ALSASettings) {
        var opened: OpaquePointer?
        let status = snd_pcm_open(&opened, pcmName, SND_PCM_STREAM_CAPTURE, Int32(SND_PCM_NONBLOCK))
        guard status >= 0, let pcm = opened else { throw error(status, "snd_pcm_open", name, isOpening: true) }
        do throws(CaptureError) {
            let settings = try ALSASettings(configuring: pcm, name)
            // The first read starts it, so that the time until then fills no buffer.
            return (pcm, settings)
        } catch {
            snd_pcm_close(pcm)
            throw error
        }
    }

    /// What a negative ALSA status means.
    static func error(_ status: Int32, _ operation: String, _ name: String, isOpening: Bool) -> CaptureError {
        switch -status {
        case ENOENT, ENXIO: .missing(device: name)
        case ENODEV, EBADFD: isOpening ? .missing(device: name) : .lost(device: name)
        case EBUSY: .busy(device: name, holder: DeviceHolders.of(sound: name).text)
        case EACCES, EPERM: .permissionDenied(device: name)
        default: .system(device: name, SystemError(operation, -status))
        }
    }

    // MARK: Reading

    mutating func read(
        into frame: inout AudioFrame, timeout: Duration, interruptedBy wake: WakeFD?,
        counting events: inout Counter<MicrophoneEvent>
    ) -> Result<CaptureOutcome, CaptureError> {
        let deadline = MonotonicClock.now() + timeout
        while !ready.take(into: &frame) {
            if case .failure(let error) = readAvailable(counting: &events) { return .failure(error) }
            if ready.count >= AudioFrame.sampleCount { continue }
            switch waitForSamples(until: deadline, interruptedBy: wake, counting: &events) {
            case .failure(let error): return .failure(error)
            case .success(.interrupted): return .success(.interrupted)
            case .success(.timedOut): return .failure(.frozen(device: name, after: timeout))
            case .success(.ready): break
            }
        }
        frame.captureTime = clock.time(measured: firstSampleTime())
        return .success(.captured)
    }

    /// Moves what the device has into `ready`, at most one period.
    private mutating func readAvailable(counting events: inout Counter<MicrophoneEvent>) -> Result<Void, CaptureError> {
        let frames = snd_pcm_sframes_t(settings.periodSize)
        let count = period.withUnsafeMutableBytes { snd_pcm_readi(pcm, $0.baseAddress, snd_pcm_uframes_t(frames)) }
        guard count < 0 else {
            let (samples, used) = (period, count * settings.channels)
            samples.withUnsafeBufferPointer {
                converter.convert(UnsafeBufferPointer(rebasing: $0[..<used]), into: &ready)
            }
            return .success(())
        }
        return count == -Int(EAGAIN) ? .success(()) : recover(Int32(count), "snd_pcm_readi", &events)
    }

    /// An overrun or a suspension is counted and passed; everything else is the device's end.
    private mutating func recover(
        _ status: Int32, _ operation: String, _ events: inout Counter<MicrophoneEvent>
    ) -> Result<Void, CaptureError> {
        switch -status {
        case EPIPE: events.add(.overrun)
        case ESTRPIPE:
            events.add(.resumed)
            let resumed = snd_pcm_resume(pcm)
            if resumed == -EAGAIN {
                // Still waking up, and poll(2) would say so at once.
                MonotonicClock.sleep(until: MonotonicClock.now() + .milliseconds(10))
                return .success(())
            }
        default: return .failure(ALSAMicrophone.error(status, operation, name, isOpening: false))
        }
        var recovered = snd_pcm_prepare(pcm)
        if recovered >= 0 { recovered = snd_pcm_start(pcm) }
        ready.removeAll()
        clock.reset()
        guard recovered >= 0 else {
            return .failure(ALSAMicrophone.error(recovered, "snd_pcm_prepare", name, isOpening: false))
        }
        return .success(())
    }

    private mutating func waitForSamples(
        until deadline: Instant, interruptedBy wake: WakeFD?,
        counting events: inout Counter<MicrophoneEvent>
    ) -> Result<Poll.Result, CaptureError> {
        let count = Int(snd_pcm_poll_descriptors_count(pcm))
        guard count > 0 else { return .failure(.lost(device: name)) }
        let result = withUnsafeTemporaryAllocation(of: pollfd.self, capacity: count + 1) { entries -> Poll.Result in
            entries.initialize(repeating: pollfd())
            entries[0] = pollfd(fd: wake?.descriptor ?? -1, events: Int16(POLLIN), revents: 0)
            let filled = snd_pcm_poll_descriptors(pcm, entries.baseAddress! + 1, UInt32(count))
            guard filled > 0 else { return .ready }
            let result = Poll.wait(entries, until: deadline)
            guard result == .ready else { return result }
            if entries[0].revents != 0 { return .interrupted }
            // Plugins translate their descriptors' events and have to be asked even when the answer is not used.
            var bits: UInt16 = 0
            snd_pcm_poll_descriptors_revents(pcm, entries.baseAddress! + 1, UInt32(filled), &bits)
            return .ready
        }
        guard result == .ready else { return .success(result) }
        switch snd_pcm_state(pcm) {
        case SND_PCM_STATE_DISCONNECTED: return .failure(.lost(device: name))
        case SND_PCM_STATE_XRUN: return recover(-EPIPE, "snd_pcm_state", &events).map { .ready }
        case SND_PCM_STATE_SUSPENDED: return recover(-ESTRPIPE, "snd_pcm_state", &events).map { .ready }
        default: return .success(.ready)
        }
    }

    /// When the first sample of the frame just taken was heard: the device's own time stamp, less what has come since
    /// and what still waits here.
    private func firstSampleTime() -> Instant {
        var available: snd_pcm_uframes_t = 0
        var stamp = snd_htimestamp_t()
        let now = MonotonicClock.now()
        var reference = now
        if snd_pcm_htimestamp(pcm, &available, &stamp) >= 0, settings.hasMonotonicTime {
            let time = Instant(nanoseconds: Int64(stamp.tv_sec) &* 1_000_000_000 &+ Int64(stamp.tv_nsec))
            // Plugins without time stamps leave zero or an old one.
            if time <= now, now - time < .milliseconds(500) { reference = time }
        } else {
            let count = snd_pcm_avail_update(pcm)
            available = count > 0 ? snd_pcm_uframes_t(count) : 0
        }
        let deviceFrames = Int64(clamping: available) * 1_000_000_000 / Int64(settings.rate)
        let ownFrames = Int64(ready.count + AudioFrame.sampleCount) * 1_000_000_000 / Int64(AudioFrame.sampleRate)
        return reference - .nanoseconds(deviceFrames + ownFrames)
    }
}
