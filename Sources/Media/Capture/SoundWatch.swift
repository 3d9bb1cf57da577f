import Primitives

/// What 20 ms of sound are like.
struct SoundSample: Hashable, Sendable {
    /// The largest amplitude, 0 … 32768.
    var peak: Int
    /// Mean of the squares.
    var power: Double
    /// Samples at the end of the range.
    var clipped: Int
    var count: Int

    /// A converter that clips does it at the very end of its range, or a hair below.
    static let clipsAt = 32_700

    init(peak: Int, power: Double, clipped: Int, count: Int) {
        self.peak = peak
        self.power = power
        self.clipped = clipped
        self.count = count
    }

    init(_ samples: Span<Int16>) {
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
}

/// Whether a microphone that delivers also hears something, and hears it whole.
struct SoundWatch: Sendable {
    /// -70 dB below full scale: a room with nobody in it is louder, through any microphone that is switched on.
    static let silentPower = 100.0
    /// More than one sample in 200 at the end of the range is heard as distortion.
    static let clippedShare = 0.005
    /// Gaps within `overrunWindow` that make a fault of what may happen once.
    static let overrunsTolerated = 2
    static let overrunWindow = Duration.seconds(10)

    private var dead: Hysteresis
    private var quiet: Hysteresis
    private var clipping: Hysteresis
    private var window: (clipped: Int, count: Int)
    private var overruns: RingBuffer<Instant>

    init() {
        // Nothing but zeros comes from a mute switch or a broken converter, and from no room.
        dead = Hysteresis(raiseAfter: .seconds(3), clearAfter: .milliseconds(200))
        quiet = Hysteresis(raiseAfter: .seconds(10), clearAfter: .milliseconds(200))
        clipping = Hysteresis(raiseAfter: .seconds(2), clearAfter: .seconds(5))
        window = (0, 0)
        overruns = RingBuffer(capacity: 16)
    }

    /// - Parameter gaps: how often sound was lost since the last sample.
    mutating func handle(_ sample: SoundSample, gaps: Int, now: Instant) {
        _ = dead.update(sample.peak <= 1, now: now)
        _ = quiet.update(sample.power < SoundWatch.silentPower, now: now)
        window.clipped += sample.clipped
        window.count += sample.count
        if window.count >= 48_000 / 2 {
            let share = Double(window.clipped) / Double(window.count)
            _ = clipping.update(share > SoundWatch.clippedShare, now: now)
            window = (0, 0)
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
