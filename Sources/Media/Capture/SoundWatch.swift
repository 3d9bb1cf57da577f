import Primitives

/// What a piece of sound is like: 20 ms in a session.
public struct SoundSample: Hashable, Sendable {
    /// The largest amplitude, 0 … 32768.
    public private(set) var peak: Int
    /// Mean of the squares.
    public private(set) var power: Double
    /// Samples at the end of the range.
    public private(set) var clipped: Int
    /// Samples in all.
    public private(set) var count: Int

    /// A converter that clips does it at the very end of its range, or a hair below.
    static let clipsAt = 32_700

    init(peak: Int, power: Double, clipped: Int, count: Int) {
        self.peak = peak
        self.power = power
        self.clipped = clipped
        self.count = count
    }

    /// No sound at all.
    public init() { self.init(peak: 0, power: 0, clipped: 0, count: 0) }

    /// - Parameter samples: of one channel, 16 bits.
    public init(_ samples: Span<Int16>) {
        var (peak, squares, clipped) = (0, 0, 0)
        for index in samples.indices {
            let value = abs(Int(samples[index]))
            peak = max(peak, value)
            squares &+= value &* value
            if value >= SoundSample.clipsAt { clipped &+= 1 }
        }
        self.init(
            peak: peak, power: Double(squares) / Double(max(1, samples.count)), clipped: clipped, count: samples.count)
    }

    /// Goes on with what follows.
    public mutating func append(_ next: SoundSample) {
        let total = count + next.count
        guard total > 0 else { return }
        power = (power * Double(count) + next.power * Double(next.count)) / Double(total)
        peak = max(peak, next.peak)
        clipped += next.clipped
        count = total
    }
}

/// The one judge of a piece of sound: the watch over a session and doctor ask it.
extension SoundSample {
    /// Nothing but zeros, as from a mute switch or a broken converter, and from no room.
    public var isDead: Bool { peak <= 1 }
    /// -70 dB below full scale: an empty room is louder, through any microphone that is switched on.
    public var isQuiet: Bool { power < 100 }
    /// More than one sample in 200 at the end of the range is heard as distortion.
    public var isClipped: Bool { Double(clipped) > 0.005 * Double(count) }
}

/// Whether a microphone that delivers also hears something, and hears it whole.
struct SoundWatch: Sendable {
    /// So many gaps within `overrunWindow` are a fault; a single one may happen.
    static let overrunsTolerated = 2
    static let overrunWindow = Duration.seconds(10)

    private var dead: Hysteresis
    private var quiet: Hysteresis
    private var clipping: Hysteresis
    private var window: SoundSample
    private var overruns: RingBuffer<Instant>

    init() {
        dead = Hysteresis(raiseAfter: .seconds(3), clearAfter: .milliseconds(200))
        quiet = Hysteresis(raiseAfter: .seconds(10), clearAfter: .milliseconds(200))
        clipping = Hysteresis(raiseAfter: .seconds(2), clearAfter: .seconds(5))
        window = SoundSample()
        overruns = RingBuffer(capacity: 16)
    }

    /// - Parameter gaps: how often sound was lost since the last sample.
    mutating func handle(_ sample: SoundSample, gaps: Int, now: Instant) {
        _ = dead.update(sample.isDead, now: now)
        _ = quiet.update(sample.isQuiet, now: now)
        window.append(sample)
        if window.count >= 48_000 / 2 {
            _ = clipping.update(window.isClipped, now: now)
            window = SoundSample()
        }
        for _ in 0..<min(gaps, SoundWatch.overrunsTolerated + 1) { overruns.append(now) }
        while let first = overruns.first, now - first > SoundWatch.overrunWindow { _ = overruns.popFirst() }
        while overruns.count > 8 { _ = overruns.popFirst() }
    }

    var condition: MediaCondition? {
        if dead.isRaised || quiet.isRaised { return .silent }
        if clipping.isRaised { return .clipping }
        return overruns.count > SoundWatch.overrunsTolerated ? .overruns : nil
    }
}
