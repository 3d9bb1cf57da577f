import Primitives

/// Additive and multiplicative increase, multiplicative decrease (draft-ietf-rmcat-gcc-02 section 5.5), with two
/// additions: after overuse the rate falls below what the path carries by as much as empties its queue in half a
/// second, and jumps back to just below it as soon as the queue is empty.
struct RateControl: Sendable {
    static let decrease = 0.85
    static let increasePerSecond = 1.08
    /// The queue an overuse built up is to be empty after this.
    static let drainTime: Duration = .milliseconds(500)
    /// The least share of the path's rate that is sent while the queue drains.
    static let drainFloor = 0.5
    /// The share of the average below which the last moments count instead of it.
    static let farFall = 0.75
    /// An overuse this soon after a probe's raise is the raise's fault.
    static let confirmation: Duration = .milliseconds(1500)
    /// What a probe's raise must have gained to survive an overuse.
    static let clearGain = 1.3
    /// The share of the path's measured rate that is sent once it is empty.
    static let settle = 0.9
    /// How much less for each part of a shared path above its half, down to the least.
    static let settleSlope = 1.0
    static let settleLeast = 0.75
    /// A shared path is full every five to twelve seconds. After this long without, the others may have gone.
    static let quietShare: Duration = .seconds(15)
    /// A path that carries this many times what it was full at is another one than before.
    static let otherPath = 1.6
    /// A path that carries less than this share of the rate is another one than before.
    static let deepFall = 0.6
    /// How many response times growth by a packet takes near the known capacity, and how many more for each part of a shared
    /// path above its half.
    static let packetGrowth = 2.25
    static let packetGrowthSlope = 12.0
    /// From this share of what probes see on, a flow is the larger one: two flows together use about nine tenths of it.
    static let half = 0.45

    enum State: Sendable {
        case increase
        /// After a decrease until the queue is empty; goes to hold.
        case drain(until: Instant)
        /// Until the delay is normal; goes to increase.
        case hold
    }

    private struct Raise: Sendable {
        var from: Bitrate
        var to: Bitrate
        var at: Instant
        /// Whether the path had not been full for so long that the others may have gone.
        var isAfterQuiet: Bool
    }

    private(set) var rate: Bitrate
    private(set) var state: State
    /// What the path carried when draining began.
    private var drainedRate: Bitrate?
    /// What was carried on average then, of which no moment's burst makes more.
    private var drainedAverage: Bitrate?
    /// How many overuses it took.
    private var drainedOveruses: Int
    private var capacity: KnownCapacity
    private var lastUpdate: Instant?
    private(set) var lastDecrease: Instant?
    /// The last raise that a probe gave, until time has confirmed it.
    private var raise: Raise?
    /// Whether the last decrease took back what a probe had gained: too little to trust.
    private(set) var hasLostGain: Bool
    let minimum: Bitrate
    let maximum: Bitrate

    init(start: Bitrate, minimum: Bitrate, maximum: Bitrate) {
        rate = start
        state = .increase
        drainedRate = nil
        drainedAverage = nil
        drainedOveruses = 0
        capacity = KnownCapacity()
        lastUpdate = nil
        lastDecrease = nil
        raise = nil
        hasLostGain = false
        self.minimum = minimum
        self.maximum = maximum
    }

    var isDraining: Bool { if case .drain = state { true } else { false } }

    mutating func update(
        _ usage: BandwidthUsage, acknowledged: Bitrate?, recent: Bitrate?, queueDelay: Duration,
        roundTripTime: Duration,
        mayIncrease: Bool, now: Instant
    ) {
        let elapsed = lastUpdate.map { min((now - $0).seconds, 1) } ?? 0
        lastUpdate = now
        confirmRaise(roundTripTime: roundTripTime, now: now)
        switch usage {
        case .overusing:
            // While a queue drains, the trend says nothing new: it may be another flow's queue, too, and a flow
            // that gives way for it again and again starves. Only a path that carries still less than is sent now is news.
            if isDraining {
                deepen(queueDelay: queueDelay)
                finishDraining(queueDelay: queueDelay, now: now)
                let isOld = lastDecrease.map { now - $0 < roundTripTime + .milliseconds(50) } ?? false
                guard !isOld, isDraining, let recent, recent < rate * 0.8 else { return }
            }
            // Behind a standing queue packets arrive at the path's own rate. The last moments say at once when it has
            // fallen far, but they are few packets; small differences are left to the average, because the lesser of two
            // uncertain figures would put the smaller flow at a disadvantage.
            var carried = acknowledged
            if let recent, let average = acknowledged {
                carried = recent < average * RateControl.farFall ? recent : max(recent, average)
            }
            decrease(
                carried: carried, average: acknowledged, queueDelay: queueDelay, roundTripTime: roundTripTime, now: now)
        case .underusing:
            // The queue drains by itself; more would fill it again.
            if case .increase = state { state = .hold }
            finishDraining(queueDelay: queueDelay, now: now)
        case .normal:
            if isDraining { deepen(queueDelay: queueDelay) }
            finishDraining(queueDelay: queueDelay, now: now)
            switch state {
            case .drain: break
            case .hold: state = .increase
            case .increase:
                guard mayIncrease else { return }
                increase(acknowledged: acknowledged, roundTripTime: roundTripTime, elapsed: elapsed)
            }
        }
    }

    /// Time has shown that the path carries what a probe found: what it was full at before was another path's.
    private mutating func confirmRaise(roundTripTime: Duration, now: Instant) {
        guard let raise, now - raise.at >= RateControl.confirmation + roundTripTime else { return }
        if raise.isAfterQuiet || raise.to > raise.from * RateControl.otherPath { capacity.forgetOveruses() }
        self.raise = nil
    }

    private mutating func decrease(
        carried: Bitrate?, average: Bitrate?, queueDelay: Duration, roundTripTime: Duration, now: Instant
    ) {
        var measured = min(carried ?? rate, rate)
        hasLostGain = false
        if let raise {
            // What is carried is less than the probe saw for a moment, as a rule, and counts all the same when it is
            // plainly more than before. A small gain is more likely what was pushed out of another flow than a path that
            // got wider: the largest of several flows would take a little more with each probe.
            if measured < raise.from * RateControl.clearGain {
                hasLostGain = true
                measured = min(rate, raise.from)
            }
        }
        raise = nil
        if let carried {
            if carried < rate * RateControl.deepFall { capacity.forgetShares() }
            capacity.learn(measured)
        }
        drainedAverage = average
        drainedOveruses = isDraining ? drainedOveruses + 1 : 1
        // What stands in the queue, spread over the drain time, is the rate to stay below.
        drainedRate = measured
        rate = clamp(measured * RateControl.drainFactor(queueDelay))
        lastDecrease = now
        state = .drain(until: now + RateControl.drainTime + roundTripTime)
    }

    private static func drainFactor(_ queueDelay: Duration) -> Double {
        max(drainFloor, min(decrease, 1 - queueDelay.seconds / drainTime.seconds))
    }

    /// The queue was still growing when the decrease came.
    private mutating func deepen(queueDelay: Duration) {
        guard let drainedRate else { return }
        rate = min(rate, clamp(drainedRate * RateControl.drainFactor(queueDelay)))
    }

    /// Goes back to just below the path's rate when the queue is empty, or the time for it is over.
    private mutating func finishDraining(queueDelay: Duration, now: Instant) {
        guard case .drain(let until) = state else { return }
        guard queueDelay < .milliseconds(15) || now >= until else { return }
        // From what was carried this time, not from memory: flows that went back to what they remember would keep their
        // shares for ever.
        if queueDelay < .milliseconds(30), let drainedRate {
            if let drainedAverage {
                for _ in 0..<min(drainedOveruses, KnownCapacity.rememberedOveruses) {
                    capacity.note(overuse: drainedAverage)
                }
            }
            let settle = max(RateControl.settleLeast, RateControl.settle - RateControl.settleSlope * excess)
            rate = clamp(max(rate, drainedRate * settle))
        }
        state = .hold
    }

    private mutating func increase(
        acknowledged: Bitrate?, roundTripTime: Duration, elapsed: Double
    ) {
        var next = rate
        if capacity.isNear(rate) {
            // Less than a packet in two response times, which are the round trip and the time a change takes to show; at low
            // rates that would be more than growth by shares. The browsers' senders grow by half a packet and give way by
            // half as much again as we do: a flow that grew as fast beside them would soon have the larger share.
            let times = RateControl.packetGrowth + RateControl.packetGrowthSlope * excess
            let share = Double(rate.bitsPerSecond) * (RateControl.increasePerSecond - 1)
            let additive = min(8 * 1200 / (times * (roundTripTime.seconds + 0.1)), max(4000, share))
            next = rate + Bitrate(bitsPerSecond: Int64(additive * elapsed))
        } else {
            next =
                rate * Double.power(RateControl.increasePerSecond, elapsed)
                + Bitrate(bitsPerSecond: Int64(1000 * elapsed))
        }
        // It is not known whether a path carries far more than was tried.
        if let acknowledged { next = min(next, max(rate, acknowledged * 1.5 + .kilobits(10))) }
        rate = clamp(next)
    }

    /// Whether the path was full not far above the rate of now.
    var isNearKnownCapacity: Bool { capacity.isNearlyReached(by: rate) }

    /// Whether others use the path, too, and we have more than our half of it.
    var isLarger: Bool { excess > 0 }

    /// How much of a shared path we have beyond its half, 0 … 0.5. The browsers' senders, when they are small, give way to
    /// every burst of a larger flow and need half a minute to come back; so the larger one gives way more and comes back
    /// slower.
    private var excess: Double {
        capacity.share(of: drainedRate ?? rate).map { max(0, min(0.5, $0 - RateControl.half)) } ?? 0
    }

    /// A probe measured what the path carries. Whether that was news. Where the path was the limit and that is hardly more
    /// than what is sent, going there would only fill its queue.
    mutating func probed(_ probe: ProbeEstimator.Result, now: Instant) -> Bool {
        let measured = probe.rate
        capacity.note(probe: measured, isFirst: probe.isFirst)
        let least = probe.isSaturated ? RateControl.clearGain : 1.05
        guard !isDraining, clamp(measured) > rate * least else { return false }
        // Raises in a row are one: what was there before the first of them is what is known to be carried.
        let from = raise.map { now - $0.at < RateControl.confirmation ? $0.from : rate } ?? rate
        var next = clamp(measured)
        let isQuiet = lastDecrease.map { now - $0 > RateControl.quietShare } ?? true
        if probe.isFull || capacity.isShared, let known = capacity.rate {
            // A path that was full at less before is shared, as a rule, and what the probe saw it took from the others for
            // that moment, even when all of it came as fast as it was sent: their packets come with gaps, and a probe is
            // short. If it got wider after all, growth finds out, and probes when it was not full for long.
            if isNearKnownCapacity, !capacity.isShared || !isQuiet {
                if !capacity.isShared { capacity.forget() }
                return false
            }
            // All at once only up to what was carried before; half of the rest leaves room for flows that grow slower.
            next = max(min(next, known * RateControl.settle), (from + next) * 0.5)
        } else if let known = capacity.rate, measured > known {
            capacity.forget()
            // Half the way shows whether the rest is there, too.
            if capacity.isPerhapsShared { next = (from + next) * 0.5 }
        }
        guard next > rate else { return false }
        raise = Raise(from: from, to: next, at: now, isAfterQuiet: isQuiet)
        rate = next
        return true
    }

    mutating func reset(to rate: Bitrate) {
        self = RateControl(start: clamp(rate), minimum: minimum, maximum: maximum)
    }

    private func clamp(_ rate: Bitrate) -> Bitrate { max(minimum, min(maximum, rate)) }
}

extension Double {
    /// `base` to a power between 0 and 1, by the series of the exponential: no library of C is needed for it.
    static func power(_ base: Double, _ exponent: Double) -> Double {
        let x = Double.logarithm(base) * exponent
        return 1 + x * (1 + x / 2 * (1 + x / 3 * (1 + x / 4)))
    }

    /// The natural logarithm of a positive number, to about 1e-12.
    static func logarithm(_ value: Double) -> Double {
        guard value > 0 else { return -.infinity }
        // value = significand × 2^exponent; ln of the significand by the area hyperbolic tangent's series.
        let exponent = Double(value.exponent)
        let s = (value.significand - 1) / (value.significand + 1)
        let square = s * s
        var term = s
        var sum = 0.0
        var divisor = 1.0
        while divisor < 30 {
            sum += term / divisor
            term *= square
            divisor += 2
        }
        return 2 * sum + exponent * 0.693_147_180_559_945_3
    }
}
