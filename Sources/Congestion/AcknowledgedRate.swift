import Primitives

/// The rate at which packets arrive at the receiver: an average over half a second whose weight follows how far each
/// sample lies off (the acknowledged bitrate of the browsers' control).
struct AcknowledgedRate: Sendable {
    private var windowStart: Instant?
    private var size: Int
    private(set) var rate: Bitrate?
    private var variance: Double

    init() {
        windowStart = nil
        size = 0
        rate = nil
        variance = 50
    }

    mutating func add(_ size: DataSize, arrival: Instant) {
        guard let start = windowStart, arrival >= start else {
            if windowStart == nil { windowStart = arrival }
            self.size += size.bytes
            return
        }
        // The first estimate takes longer, the later ones follow faster.
        let window: Duration = rate == nil ? .milliseconds(250) : .milliseconds(150)
        let elapsed = arrival - start
        guard elapsed >= window else {
            self.size += size.bytes
            return
        }
        let sample = Double(self.size) * 8 / elapsed.milliseconds
        self.size = size.bytes
        windowStart = arrival
        // Silence is no measurement of the path.
        guard elapsed < .seconds(2) else { return }
        guard let current = rate.map({ Double($0.bitsPerSecond) / 1000 }) else {
            rate = .kilobits(sample)
            return
        }
        // A Kalman filter in kbit/s: a sample counts less the farther it lies off, downwards still less.
        let scale = sample < current ? 10.0 : 10.0
        let deviation = scale * abs(current - sample) / (current + min(sample, 25))
        let sampleVariance = deviation * deviation
        let predicted = variance + 5
        let estimate = (sampleVariance * current + predicted * sample) / (sampleVariance + predicted)
        variance = sampleVariance * predicted / (sampleVariance + predicted)
        rate = .kilobits(max(0, estimate))
    }

    /// After a probe or a path change the average starts over from what was learnt.
    mutating func reset(to rate: Bitrate?) {
        self = AcknowledgedRate()
        self.rate = rate
    }
}
