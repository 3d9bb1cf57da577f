import Glibc
import Primitives
import Reactor

/// 440 Hz that swells and fades every two seconds: recognisable by ear and by measurement.
struct TestToneMicrophone: ~Copyable {
    private let fault: ProvokedFault<MicrophoneFault>?
    private var pace: Pace
    private var sample: Int
    private var openedAt: Instant?

    init(fault: ProvokedFault<MicrophoneFault>?) {
        self.fault = fault
        pace = Pace(every: AudioFrame.duration)
        sample = 0
        openedAt = nil
    }

    mutating func read(
        into frame: inout AudioFrame, timeout: Duration, interruptedBy wake: WakeFD?,
        counting events: inout Counter<MicrophoneEvent>
    ) -> Result<CaptureOutcome, CaptureError> {
        let (due, missed) = pace.advance(now: MonotonicClock.now())
        events.add(.missed, UInt64(missed))
        if Poll.sleep(until: due, interruptedBy: wake) == .interrupted { return .success(.interrupted) }
        // A device hands a frame out when its last sample has been taken.
        frame.captureTime = due - AudioFrame.duration
        let opened = openedAt ?? due
        openedAt = opened
        TestToneMicrophone.fill(&frame, from: sample)
        // 440 Hz and the swell both repeat after two seconds, so the position never grows large.
        sample = (sample + AudioFrame.sampleCount * (1 + missed % 100)) % (2 * AudioFrame.sampleRate)
        guard let fault, fault.isOn(after: due - opened) else { return .success(.captured) }
        switch fault.kind {
        case .silence: for index in frame.storage.indices { frame.storage[index] = 0 }
        case .clipping:
            for index in frame.storage.indices { frame.storage[index] = frame.storage[index] > 0 ? .max : .min }
        case .overruns: if sample / AudioFrame.sampleCount % 50 == 0 { events.add(.overrun) }
        case .stall: TestPatternCamera.stall()
        case .lost: return .failure(.lost(device: "\(fault)"))
        case .beep: beep(&frame)
        }
        return .success(.captured)
    }

    /// Each sample by its own time, so that the beep begins where the flash does and not where the frame does.
    private func beep(_ frame: inout AudioFrame) {
        for index in frame.storage.indices {
            let offset = Int64(index) * 1_000_000_000 / Int64(AudioFrame.sampleRate)
            let time = frame.captureTime + .nanoseconds(offset)
            let phase = 2 * .pi * 1000 * Double(time.nanoseconds % FlashAndBeep.period) / 1e9
            frame.storage[index] = FlashAndBeep.isOn(at: time) ? Int16(16_000 * sin(phase)) : 0
        }
    }

    /// The tone from the given sample of its two-second period on.
    static func fill(_ frame: inout AudioFrame, from first: Int) {
        let rate = Double(AudioFrame.sampleRate)
        for index in 0..<AudioFrame.sampleCount {
            let time = Double(first + index) / rate
            let swell = 0.65 + 0.35 * sin(2 * .pi * 0.5 * time)
            frame.storage[index] = Int16(9_000 * swell * sin(2 * .pi * 440 * time))
        }
    }
}

/// A WAV file as a microphone, from the beginning again when it ends.
struct WAVMicrophone: ~Copyable {
    private let file: MediaFile
    private let header: WAVHeader
    private let end: Int
    private var offset: Int
    private var pace: Pace
    private var converter: SampleConverter
    private var chunk: [Int16]
    private var ready: SampleQueue

    init(opening path: String) throws(CaptureError) {
        let file = try MediaFile(opening: path)
        let header: WAVHeader
        do {
            header = try WAVHeader(parsing: file.bytes(at: 0, count: WAVHeader.maximumLength).span)
        } catch {
            throw .badFile(path: path, rule: error.rule)
        }
        let frameSize = header.channels * 2
        // What a writer that was interrupted promised may be more than there is.
        let size = min(header.dataSize, file.size - header.dataOffset) / frameSize * frameSize
        guard size > 0 else { throw .badFile(path: path, rule: WAVHeader.Failure.empty.rule) }
        self.header = header
        end = header.dataOffset + size
        offset = header.dataOffset
        pace = Pace(every: AudioFrame.duration)
        converter = SampleConverter(sampleRate: header.sampleRate, channels: header.channels)
        chunk = Array(repeating: 0, count: header.channels * (header.sampleRate / 50))
        ready = SampleQueue()
        self.file = file
    }

    var path: String { file.path }

    mutating func read(
        into frame: inout AudioFrame, interruptedBy wake: WakeFD?,
        counting events: inout Counter<MicrophoneEvent>
    ) -> Result<CaptureOutcome, CaptureError> {
        let (due, missed) = pace.advance(now: MonotonicClock.now())
        events.add(.missed, UInt64(missed))
        if Poll.sleep(until: due, interruptedBy: wake) == .interrupted { return .success(.interrupted) }
        while !ready.take(into: &frame) {
            guard readChunk() else { return .failure(.lost(device: file.path)) }
        }
        frame.captureTime = due - AudioFrame.duration
        return .success(.captured)
    }

    private mutating func readChunk() -> Bool {
        if offset >= end { offset = header.dataOffset }
        let wanted = min(chunk.count * 2, end - offset)
        let count = chunk.withUnsafeMutableBytes { bytes in
            file.read(at: offset, into: UnsafeMutableRawBufferPointer(rebasing: bytes[..<wanted]))
        }
        guard count >= header.channels * 2 else { return false }
        offset += count
        // The machines we run on are little endian, as the file is.
        let chunk = chunk
        chunk.withUnsafeBufferPointer { samples in
            converter.convert(UnsafeBufferPointer(rebasing: samples[..<(count / 2)]), into: &ready)
        }
        return true
    }
}
