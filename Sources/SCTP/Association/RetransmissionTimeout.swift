import Primitives

/// The retransmission timeout of the one path (RFC 9260 section 6.3.1).
struct RetransmissionTimeout: Sendable {
    private let minimum: Duration
    private let maximum: Duration
    private var deviation: Duration
    /// Smoothed; nil before the first measurement.
    private(set) var roundTrip: Duration?
    /// The shortest that was measured; nil before the first measurement.
    private(set) var shortestRoundTrip: Duration?
    /// How long the next timer runs.
    private(set) var value: Duration

    init(_ configuration: AssociationConfiguration) {
        minimum = configuration.minimumRTO
        maximum = configuration.maximumRTO
        value = configuration.initialRTO
        deviation = .zero
        roundTrip = nil
        shortestRoundTrip = nil
    }

    /// A measurement from something that was sent once.
    mutating func measure(_ sample: Duration) {
        let sample = max(sample, .microseconds(1))
        shortestRoundTrip = min(shortestRoundTrip ?? sample, sample)
        if let before = roundTrip {
            let difference = before > sample ? before - sample : sample - before
            deviation = deviation * 3 / 4 + difference / 4
            roundTrip = before * 7 / 8 + sample / 8
        } else {
            roundTrip = sample
            deviation = sample / 2
        }
        value = min(max((roundTrip ?? sample) + max(deviation * 4, .milliseconds(1)), minimum), maximum)
    }

    /// A timer ran out.
    mutating func backOff() { value = min(value * 2, maximum) }
}
