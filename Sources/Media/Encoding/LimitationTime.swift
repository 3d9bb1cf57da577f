import Primitives

/// How long each limitation held the picture below what the camera gives (`qualityLimitationDurations` of W3C
/// webrtc-stats).
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

    /// In seconds. All of the W3C's reasons stand in it, also `other`, which is always 0.
    public var record: [String: Double] {
        var record = ["other": 0.0]
        for limitation in QualityLimitation.allCases { record[limitation.rawValue] = self[limitation].seconds }
        return record
    }
}

/// Measures from picture to picture which limitation held meanwhile.
struct LimitationMeter: Sendable {
    struct Span: Hashable, Sendable {
        var limitation: QualityLimitation
        var duration: Duration
    }

    private var last: (limitation: QualityLimitation, generation: UInt32, at: Instant)?

    /// A picture has come for those who began with this opening of the hub, and `limitation` holds from now on. Returns the limitation since the
    /// picture before, if that was of the same opening: between openings, no picture was wanted.
    mutating func note(_ limitation: QualityLimitation, generation: UInt32, now: Instant) -> Span? {
        defer { last = (limitation, generation, now) }
        guard let last, last.generation == generation else { return nil }
        return Span(limitation: last.limitation, duration: now - last.at)
    }
}
