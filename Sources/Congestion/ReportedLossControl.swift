import Primitives

/// The control that goes by receiver reports, for peers that send no transport-wide feedback: the loss-based one of
/// draft-ietf-rmcat-gcc-02 section 6, and beside it the round trip. Loss alone is reported when the queue on the path is
/// full: the picture would stand, and the sound be lost with it, each time the rate has grown to what the path carries.
struct ReportedLossControl: Sendable {
    static let decrease = 0.85
    static let increasePerSecond = 0.08
    /// Near what the path was last found to carry.
    static let carefulIncreasePerSecond = 0.02
    static let nearShare = 0.15
    /// More loss than this is no radio's: what is too much goes at once.
    static let heavyLoss = 0.2
    /// A queue longer than this is more than a keyframe's, and a shorter one than that nothing to wait for.
    static let standingQueue: Duration = .milliseconds(70)
    static let emptyQueue: Duration = .milliseconds(30)
    /// Reports come once a second: until the next but one, the last decrease does not show.
    static let decreaseSpacing: Duration = .milliseconds(1200)
    /// How long the least round trip is believed to be that of the empty path, in two halves.
    static let baseWindow: Duration = .seconds(30)

    private(set) var rate: Bitrate
    private(set) var loss: Double
    private var lastUpdate: Instant?
    private var lastDecrease: Instant?
    private var base: Duration?
    private var previousBase: Duration?
    private var turnAt: Instant?
    /// The last round trip beyond the least one.
    private var queue: Duration
    /// At which rate a queue stood, or what arrived of too much.
    private var limit: Bitrate?
    let minimum: Bitrate
    let maximum: Bitrate

    init(start: Bitrate, minimum: Bitrate, maximum: Bitrate) {
        rate = start
        loss = 0
        lastUpdate = nil
        lastDecrease = nil
        base = nil
        previousBase = nil
        turnAt = nil
        queue = .zero
        limit = nil
        self.minimum = minimum
        self.maximum = maximum
    }

    mutating func update(_ fraction: Double, now: Instant) {
        loss = fraction
        if fraction < 0.02 {
            let elapsed = lastUpdate.map { min(2, (now - $0).seconds) } ?? 1
            if queue <= ReportedLossControl.emptyQueue {
                rate = rate * (1 + increase * elapsed) + .kilobits(1)
            }
        } else if fraction > 0.1, mayDecrease(.milliseconds(500), now: now) {
            // A full queue takes the sender reports, too, by which it would be seen. Where there are no round trips at all the
            // draft's own decrease has to do.
            let excess = base == nil ? 0 : max(0, fraction - ReportedLossControl.heavyLoss)
            // What arrived is what the path carries.
            if excess > 0 { limit = rate * (1 - fraction) }
            decrease(to: rate * (1 - 0.5 * (fraction + excess)), now: now)
        }
        lastUpdate = now
        rate = max(minimum, min(maximum, rate))
    }

    mutating func update(roundTripTime: Duration, now: Instant) {
        if let turn = turnAt, now >= turn {
            previousBase = base
            base = nil
        }
        if base == nil { turnAt = now + ReportedLossControl.baseWindow / 2 }
        base = min(base ?? roundTripTime, roundTripTime)
        let least = min(base ?? roundTripTime, previousBase ?? roundTripTime)
        queue = roundTripTime - least
        guard queue > ReportedLossControl.standingQueue, mayDecrease(ReportedLossControl.decreaseSpacing, now: now)
        else { return }
        limit = rate
        decrease(to: rate * ReportedLossControl.decrease, now: now)
    }

    private var increase: Double {
        let share = ReportedLossControl.nearShare
        let isNear = limit.map { rate > $0 * (1 - share) && rate < $0 * (1 + share) } ?? false
        return isNear ? ReportedLossControl.carefulIncreasePerSecond : ReportedLossControl.increasePerSecond
    }

    private func mayDecrease(_ spacing: Duration, now: Instant) -> Bool {
        lastDecrease.map { now - $0 > spacing } ?? true
    }

    private mutating func decrease(to next: Bitrate, now: Instant) {
        rate = max(minimum, min(maximum, next))
        lastDecrease = now
    }
}
