public import Primitives
public import Reactor

/// Where sound comes from, as the configuration names it.
public enum MicrophoneSource: Hashable, Sendable {
    /// An ALSA PCM name: `default`, `hw:1,0`, `plughw:CARD=C920` …
    case device(String)
    /// 440 Hz, whose loudness swells and fades every two seconds.
    case testTone
    /// Sound with something wrong with it.
    case fault(ProvokedFault<MicrophoneFault>)
    /// A WAV file, played in a loop.
    case file(String)
    /// No sound at all.
    case none

    /// `test-tone`, `test:silence` and the like, `file:clip.wav`, `none`, or else an ALSA name; nil when empty.
    public init?(_ text: String) {
        switch text {
        case "", "file:": return nil
        case "test-tone": self = .testTone
        case "none": self = .none
        case let fault where fault.hasPrefix("test:"):
            guard let fault = ProvokedFault<MicrophoneFault>(fault.dropFirst(5)) else { return nil }
            self = .fault(fault)
        case let file where file.hasPrefix("file:"): self = .file(String(file.dropFirst(5)))
        default: self = .device(text)
        }
    }
}

/// What happened to sound on the way, since the microphone was opened.
public enum MicrophoneEvent: Int, CaseIterable, Sendable {
    /// Frames handed out.
    case delivered
    /// The device's buffer ran over before it was read: some sound is missing.
    case overrun
    /// The device was suspended and came back.
    case resumed
    /// Frames of a synthetic source that were not asked for in time.
    case missed
}

/// A source of 20 ms frames of 48 kHz mono sound: an ALSA device, a test tone or a file.
///
/// Like a `Camera` it is owned and used by one thread and closes what it opened when it is let go.
public struct Microphone: ~Copyable {
    /// What is being heard, for people.
    public let name: String
    /// What happened to its sound since it was opened.
    public private(set) var events: Counter<MicrophoneEvent>
    private var source: Source

    /// Opens the source and starts it; nil for `.none`.
    public static func open(_ source: MicrophoneSource) throws(CaptureError) -> Microphone? {
        switch source {
        case .device(let name): Microphone(name, .device(try ALSAMicrophone(opening: name)))
        case .testTone: Microphone("test tone", .testTone(TestToneMicrophone(fault: nil)))
        case .fault(let fault): Microphone("\(fault)", .testTone(TestToneMicrophone(fault: fault)))
        case .file(let path): Microphone(path, .file(try WAVMicrophone(opening: path)))
        case .none: nil
        }
    }

    private init(_ name: String, _ source: consuming Source) {
        self.name = name
        events = Counter()
        self.source = source
    }

    /// Waits for the next 20 ms and fills `frame` with them.
    ///
    /// - Parameter timeout: how long they may take before the device counts as frozen.
    /// - Parameter wake: ends the wait when it is or becomes signaled. It is not cleared.
    public mutating func read(
        into frame: inout AudioFrame, timeout: Duration, interruptedBy wake: WakeFD?
    ) throws(CaptureError) -> CaptureOutcome {
        let outcome = try source.read(into: &frame, timeout: timeout, interruptedBy: wake, counting: &events)
        if outcome == .captured { events.add(.delivered) }
        return outcome
    }

    private enum Source: ~Copyable {
        case device(ALSAMicrophone)
        case testTone(TestToneMicrophone)
        case file(WAVMicrophone)

        mutating func read(
            into frame: inout AudioFrame, timeout: Duration, interruptedBy wake: WakeFD?,
            counting events: inout Counter<MicrophoneEvent>
        ) throws(CaptureError) -> CaptureOutcome {
            let result: Result<CaptureOutcome, CaptureError>
            switch consume self {
            case .device(var microphone):
                result = microphone.read(into: &frame, timeout: timeout, interruptedBy: wake, counting: &events)
                self = .device(microphone)
            case .testTone(var microphone):
                result = microphone.read(
                    into: &frame, timeout: timeout, interruptedBy: wake, counting: &events)
                self = .testTone(microphone)
            case .file(var microphone):
                result = microphone.read(into: &frame, interruptedBy: wake, counting: &events)
                self = .file(microphone)
            }
            return try result.get()
        }
    }
}
