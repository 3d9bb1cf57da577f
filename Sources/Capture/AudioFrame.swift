public import Primitives

/// 20 ms of sound: 960 samples, 48 kHz, mono, signed 16 bit.
public struct AudioFrame: ~Copyable, Sendable {
    public static let sampleRate = 48_000
    public static let sampleCount = 960
    public static let duration = Duration.milliseconds(20)

    var storage: [Int16]
    /// When the first sample was taken, on the monotonic clock.
    public var captureTime: Instant

    /// Silence.
    public init() {
        storage = Array(repeating: 0, count: AudioFrame.sampleCount)
        captureTime = .zero
    }

    public var samples: Span<Int16> {
        @_lifetime(borrow self)
        borrowing get { storage.span }
    }
}
