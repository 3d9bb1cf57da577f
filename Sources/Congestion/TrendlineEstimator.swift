import Primitives

/// Judges by the slope of the smoothed one-way delay over the last groups whether a queue grows on the path
/// (the trendline filter that succeeded the Kalman filter of draft-ietf-rmcat-gcc-02 section 5.3, with the adaptive
/// threshold of section 5.4).
struct TrendlineEstimator: Sendable {
    static let window = 20
    static let smoothing = 0.9
    static let gain = 4.0
    /// Milliseconds a trend must hold before it counts as overuse.
    static let overuseTime = 10.0
    static let upwardGain = 0.0087
    static let downwardGain = 0.039
    static let thresholdRange = 6.0...600.0
    static let maximumDeltas = 60

    private struct Sample: Sendable {
        /// Milliseconds since the first arrival.
        var time: Double
        var smoothedDelay: Double
    }

    private var samples: RingBuffer<Sample>
    private var firstArrival: Instant?
    private var deltas: Int
    private var accumulated: Double
    private var smoothed: Double
    private var trend: Double
    private var threshold: Double
    private var lastUpdate: Instant?
    private var overusingFor: Double
    private var overuseCount: Int
    private(set) var usage: BandwidthUsage

    init() {
        samples = RingBuffer(capacity: TrendlineEstimator.window + 1)
        firstArrival = nil
        deltas = 0
        accumulated = 0
        smoothed = 0
        trend = 0
        threshold = 12.5
        lastUpdate = nil
        overusingFor = -1
        overuseCount = 0
        usage = .normal
    }

    mutating func update(_ delta: InterArrival.Delta) {
        let first = firstArrival ?? delta.at
        firstArrival = first
        deltas = min(deltas + 1, 1000)
        accumulated += delta.arrival.milliseconds - delta.send.milliseconds
        smoothed = TrendlineEstimator.smoothing * smoothed + (1 - TrendlineEstimator.smoothing) * accumulated
        samples.append(Sample(time: (delta.at - first).milliseconds, smoothedDelay: smoothed))
        if samples.count > TrendlineEstimator.window { _ = samples.popFirst() }
        let previous = trend
        if samples.count == TrendlineEstimator.window { trend = slope ?? trend }
        detect(previous: previous, send: delta.send.milliseconds, at: delta.at)
    }

    /// The least-squares slope: milliseconds of delay per millisecond.
    private var slope: Double? {
        var time = 0.0
        var delay = 0.0
        for index in 0..<samples.count {
            time += samples[index].time
            delay += samples[index].smoothedDelay
        }
        time /= Double(samples.count)
        delay /= Double(samples.count)
        var numerator = 0.0
        var denominator = 0.0
        for index in 0..<samples.count {
            let x = samples[index].time - time
            numerator += x * (samples[index].smoothedDelay - delay)
            denominator += x * x
        }
        return denominator == 0 ? nil : numerator / denominator
    }

    private mutating func detect(previous: Double, send: Double, at now: Instant) {
        guard deltas >= 2 else {
            usage = .normal
            return
        }
        let modified = Double(min(deltas, TrendlineEstimator.maximumDeltas)) * trend * TrendlineEstimator.gain
        if modified > threshold {
            overusingFor = overusingFor < 0 ? send / 2 : overusingFor + send
            overuseCount += 1
            if overusingFor > TrendlineEstimator.overuseTime, overuseCount > 1, trend >= previous {
                overusingFor = 0
                overuseCount = 0
                usage = .overusing
            }
        } else {
            overusingFor = -1
            overuseCount = 0
            usage = modified < -threshold ? .underusing : .normal
        }
        adapt(modified, now: now)
    }

    /// Section 5.4: the threshold follows the trend slowly, so that a flow beside one that fills queues is not starved.
    private mutating func adapt(_ modified: Double, now: Instant) {
        let last = lastUpdate ?? now
        lastUpdate = now
        // A sudden jump, as a route change makes it, is not adapted to.
        guard abs(modified) <= threshold + 15 else { return }
        let gain = abs(modified) < threshold ? TrendlineEstimator.downwardGain : TrendlineEstimator.upwardGain
        let elapsed = min(100, max(0, (now - last).milliseconds))
        threshold += gain * (abs(modified) - threshold) * elapsed
        let range = TrendlineEstimator.thresholdRange
        threshold = max(range.lowerBound, min(range.upperBound, threshold))
    }
}
