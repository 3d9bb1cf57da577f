import Primitives

/// What the audio encoder may make: all it wants, and on a narrow path less, because half of a narrow path would be sound
/// that is still understood at a third of its rate.
struct AudioBudget: Sendable {
    /// Below a target, the rate of sound. Opus carries speech in its wideband at 12 kbit/s (RFC 6716 section 2.1.1).
    static let steps: [(below: Bitrate, rate: Bitrate)] = [
        (.kilobits(130), .kilobits(12)), (.kilobits(220), .kilobits(20)),
    ]
    /// How far above a step's bound the target must rise for it to be left.
    static let hysteresis = 1.15

    private let wanted: Bitrate
    private(set) var rate: Bitrate

    init(_ wanted: Bitrate) {
        self.wanted = wanted
        rate = wanted
    }

    /// The encoder's new rate, when it changes.
    mutating func update(target: Bitrate) -> Bitrate? {
        var next = wanted
        for step in AudioBudget.steps.reversed() {
            let bound = rate <= step.rate ? step.below * AudioBudget.hysteresis : step.below
            if target < bound { next = min(next, step.rate) }
        }
        guard next != rate else { return nil }
        rate = next
        return next
    }
}
