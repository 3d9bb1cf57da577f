public import Primitives

/// 20 ms of sound: 960 samples, 48 kHz, mono, signed 16 bit.
public struct AudioFrame: ~Copyable, Sendable {
    /// Samples per second.
    public static let sampleRate = 48_000
    /// Samples of one frame.
    public static let sampleCount = 960
    /// Of one frame: 20 ms.
    public static let duration = Duration.milliseconds(20)

    var storage: [Int16]
    /// When the first sample was taken, on the monotonic clock.
    public var captureTime: Instant

    /// Silence.
    public init() {
        storage = Array(repeating: 0, count: AudioFrame.sampleCount)
        captureTime = .zero
    }

    /// 960 samples, full scale at ±32,767.
    public var samples: Span<Int16> {
        @_lifetime(borrow self)
        borrowing get { storage.span }
    }
}
