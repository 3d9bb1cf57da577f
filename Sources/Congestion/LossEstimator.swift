import Primitives

/// Judges by losses how much the path carries, telling apart the share it loses at any rate (inherent loss, as radio
/// has it) from what it drops for want of room (the loss-based half of the browsers' control, second version).
///
/// The model: at a sending rate s over a path of rate b a packet is lost with probability i + (1 − i) · max(0, s − b) / s.
/// The likeliest pair of i and b over the last seconds is searched among few candidates for b, each with its best i by
/// one step of Newton's method. Two bounds keep the answer sane: i is believed to be high only at low rates, and a
/// high loss over the last seconds bounds the rate by itself.
struct LossEstimator: Sendable {
    static let observationTime: Duration = .milliseconds(200)
    static let windowSize = 20
    static let temporalWeight = 0.9
    static let lowestInherent = 0.001
    static let initialInherent = 0.01
    static let newtonStep = 0.75
    /// Loss up to this is believed inherent at any rate; beyond, only as far as `balance` over the rate allows.
    static let offset = 0.05
    static let balance = Bitrate.kilobits(115)
    /// Which loss makes a higher rate worth wishing for.
    static let preferenceThreshold = 0.3
    static let preferenceSmoothing = 0.002
    static let linearBias = 0.0002
    static let logarithmicBias = 0.02
    static let candidateFactors = [1.02, 1.0, 0.95]

    private struct Observation: Sendable {
        var packets: Double
        var lost: Double
        /// kbit/s.
        var rate: Double
    }

    private struct Model: Sendable {
        /// kbit/s.
        var rate: Double
        var inherent: Double
    }

    private var observations: RingBuffer<Observation>
    private var weights: [Double]
    private var packets: Int
    private var lost: Int
    private var size: Int
    private var firstSent: Instant?
    private var lastSent: Instant?
    private var model: Model?
    /// The estimate, once losses have limited something; nil: no bound.
    private(set) var estimate: Bitrate?
    let minimum: Bitrate
    let maximum: Bitrate

    init(minimum: Bitrate, maximum: Bitrate) {
        observations = RingBuffer(capacity: LossEstimator.windowSize + 1)
        weights = []
        var weight = 1.0
        for _ in 0..<LossEstimator.windowSize {
            weights.append(weight)
            weight *= LossEstimator.temporalWeight
        }
        packets = 0
        lost = 0
        size = 0
        firstSent = nil
        lastSent = nil
        model = nil
        estimate = nil
        self.minimum = minimum
        self.maximum = maximum
    }

    /// The weighted share of packets lost over the window.
    var averageLoss: Double {
        var lost = 0.0
        var packets = 0.0
        for index in 0..<observations.count {
            let weight = weights[observations.count - 1 - index]
            lost += weight * observations[index].lost
            packets += weight * observations[index].packets
        }
        return packets > 0 ? lost / packets : 0
    }

    mutating func add(_ packet: SentPacket) {
        if packet.wasReportedLost {
            takeBackLoss()
            return
        }
        packets += 1
        if packet.arrival == nil { lost += 1 }
        size += packet.size.bytes
        firstSent = min(firstSent ?? packet.sent, packet.sent)
        lastSent = max(lastSent ?? packet.sent, packet.sent)
    }

    /// A packet that was counted as lost was only late.
    private mutating func takeBackLoss() {
        if lost > 0 {
            lost -= 1
        } else if let newest = (0..<observations.count).last(where: { observations[$0].lost > 0 }) {
            observations[newest].lost -= 1
        }
    }

    /// Ends the observation when it is long enough, and estimates anew then. `delayBased` is what the delay allows;
    /// `acknowledged` what arrived.
    mutating func update(delayBased: Bitrate, acknowledged: Bitrate?) {
        guard let firstSent, let lastSent, lastSent - firstSent >= LossEstimator.observationTime, packets > 0 else {
            return
        }
        let rate = Double(size) * 8 / (lastSent - firstSent).milliseconds
        observations.append(Observation(packets: Double(packets), lost: Double(lost), rate: rate))
        if observations.count > LossEstimator.windowSize { _ = observations.popFirst() }
        packets = 0
        lost = 0
        size = 0
        self.firstSent = nil
        self.lastSent = nil
        estimateAnew(delayBased: kilobits(delayBased), acknowledged: acknowledged.map(kilobits))
    }

    private mutating func estimateAnew(delayBased: Double, acknowledged: Double?) {
        let loss = averageLoss
        // Nothing lost and nothing ever bounded: the delay decides alone.
        if model == nil, loss < 0.02 {
            estimate = nil
            return
        }
        let current = model ?? Model(rate: delayBased, inherent: LossEstimator.initialInherent)
        var best = current
        var bestObjective = -Double.infinity
        for rate in candidates(current: current.rate, delayBased: delayBased, acknowledged: acknowledged) {
            var candidate = Model(rate: rate, inherent: current.inherent)
            candidate.inherent = newton(candidate)
            let objective = objective(candidate, loss: loss)
            if objective > bestObjective {
                bestObjective = objective
                best = candidate
            }
        }
        if best.rate > current.rate, let acknowledged {
            // Not far beyond what was really carried.
            best.rate = min(best.rate, max(current.rate, acknowledged * 1.5))
        }
        model = best
        let bound = instantBound(loss)
        estimate = .kilobits(max(kilobits(minimum), min(best.rate, bound)))
        // Free of it: losses are rare, and the rate is where the delay puts it.
        if loss < 0.01, best.rate >= delayBased {
            model = nil
            estimate = nil
        }
    }

    private func candidates(current: Double, delayBased: Double, acknowledged: Double?) -> [Double] {
        var rates = LossEstimator.candidateFactors.map { current * $0 }
        if let acknowledged { rates.append(acknowledged) }
        rates.append(delayBased)
        // Between: the way back up after a bad time is long in steps of two per cent.
        if delayBased > current { rates.append(current + (delayBased - current) * 0.2) }
        return rates.map { max(kilobits(minimum), min($0, kilobits(maximum))) }
    }

    private func instantBound(_ loss: Double) -> Double {
        guard loss > LossEstimator.offset else { return .infinity }
        return kilobits(LossEstimator.balance) / (loss - LossEstimator.offset)
    }

    private func lossProbability(_ model: Model, sending rate: Double) -> Double {
        let excess = rate > model.rate ? (rate - model.rate) / rate : 0
        return max(1e-6, min(1 - 1e-6, model.inherent + (1 - model.inherent) * excess))
    }

    private func newton(_ model: Model) -> Double {
        var first = 0.0
        var second = 0.0
        for index in 0..<observations.count {
            let observation = observations[index]
            let weight = weights[observations.count - 1 - index]
            let probability = lossProbability(model, sending: observation.rate)
            let received = observation.packets - observation.lost
            first += weight * (observation.lost / probability - received / (1 - probability))
            second -=
                weight
                * (observation.lost / (probability * probability) + received / ((1 - probability) * (1 - probability)))
        }
        guard second != 0 else { return model.inherent }
        let upper = min(1, LossEstimator.offset + kilobits(LossEstimator.balance) / max(1, model.rate))
        let stepped = model.inherent - LossEstimator.newtonStep * first / second
        return max(LossEstimator.lowestInherent, min(upper, stepped))
    }

    private func objective(_ model: Model, loss: Double) -> Double {
        let distance = LossEstimator.preferenceThreshold - loss
        let preference = distance / (LossEstimator.preferenceSmoothing + abs(distance))
        let bias =
            preference
            * (LossEstimator.linearBias * model.rate + LossEstimator.logarithmicBias * Double.logarithm(1 + model.rate))
        var objective = 0.0
        for index in 0..<observations.count {
            let observation = observations[index]
            let weight = weights[observations.count - 1 - index]
            let probability = lossProbability(model, sending: observation.rate)
            objective +=
                weight
                * (observation.lost * Double.logarithm(probability)
                    + (observation.packets - observation.lost) * Double.logarithm(1 - probability))
            objective += weight * bias * observation.packets
        }
        return objective
    }

    private func kilobits(_ rate: Bitrate) -> Double { Double(rate.bitsPerSecond) / 1000 }
}
