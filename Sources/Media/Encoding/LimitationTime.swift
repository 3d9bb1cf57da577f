import Primitives

/// How long the picture was held down by what (`qualityLimitationDurations`).
public struct LimitationTimes: Sendable, Equatable {
    private var none: Duration = .zero
    private var bandwidth: Duration = .zero
    private var cpu: Duration = .zero

    mutating func add(_ span: LimitationMeter.Span) {
        switch span.limitation {
        case .none: none += span.duration
        case .bandwidth: bandwidth += span.duration
        case .cpu: cpu += span.duration
        }
    }

    /// The time for which this limitation held.
    public subscript(limitation: QualityLimitation) -> Duration {
        switch limitation {
        case .none: none
        case .bandwidth: bandwidth
        case .cpu: cpu
        }
    }

    /// In seconds. All of the W3C's reasons stand in it, also the one that there is not here.
    public var record: [String: Double] {
        var record = ["other": 0.0]
        for limitation in QualityLimitation.allCases { record[limitation.rawValue] = self[limitation].seconds }
        return record
    }
}

/// Measures from picture to picture what held meanwhile.
struct LimitationMeter: Sendable {
    struct Span: Hashable, Sendable {
        var limitation: QualityLimitation
        var duration: Duration
    }

    private var last: (limitation: QualityLimitation, generation: UInt32, at: Instant)?

    /// A picture of this opening of the ring has come, and `limitation` holds from now on. What held since the one before,
    /// if that was of the same opening: in between, no picture was wanted.
    mutating func note(_ limitation: QualityLimitation, generation: UInt32, now: Instant) -> Span? {
        defer { last = (limitation, generation, now) }
        guard let last, last.generation == generation else { return nil }
        return Span(limitation: last.limitation, duration: now - last.at)
    }
}
