import Primitives

/// What a path showed of itself when it was full: how much of ours it carried then, and how much of a probe.
///
/// Alone, both are the path's own rate. Beside others a probe, which comes faster than anything else for its moment, pushes
/// them aside and sees nearly all of the path, while what is carried when the queue grows is only what they leave. So the two
/// together show that the path is shared, and how large a share ours is.
struct KnownCapacity: Sendable {
    /// How far from it counts as near.
    static let nearShare = 0.15
    /// From this share on, growth alone finds what there is.
    static let nearlyReached = 0.7
    /// How many probes and overuses are remembered.
    static let rememberedProbes = 4
    static let rememberedOveruses = 3
    /// Full at less than this share of what probes saw, in most of the remembered overuses, the path is shared.
    static let alone = 0.82
    static let leastShared = 2

    /// In kbit/s: what was carried, and the most that probes had seen by then. A path that got wider later was not shared before.
    private struct Overuse: Sendable {
        var carried: Double
        var seen: Double
    }

    /// The average of the rates at which it was full, in kbit/s, and how much they vary around it.
    private var average: Double?
    private var deviation: Double
    /// In kbit/s, oldest first.
    private var probes: RingBuffer<Double>
    private var overuses: RingBuffer<Overuse>

    init() {
        average = nil
        deviation = 0.4
        probes = RingBuffer(capacity: KnownCapacity.rememberedProbes)
        overuses = RingBuffer(capacity: KnownCapacity.rememberedOveruses)
    }

    /// At how much of ours the path is full; nil when nothing is known of the path as it is now.
    var rate: Bitrate? { average.map { .kilobits($0) } }

    private var spread: Double { average.map { 3 * (deviation * $0).squareRoot() } ?? 0 }

    /// Near what the path was known to carry the rate grows by packets, not by a share of itself: growth by shares keeps
    /// the larger of two flows the larger one.
    func isNear(_ rate: Bitrate) -> Bool {
        average.map { abs(rate.kilobits - $0) <= max(spread, $0 * KnownCapacity.nearShare) } ?? false
    }

    /// Whether the path was full not far above this rate.
    func isNearlyReached(by rate: Bitrate) -> Bool {
        average.map { rate.kilobits >= $0 * KnownCapacity.nearlyReached } ?? false
    }

    /// The path was full while it carried this of ours.
    mutating func learn(_ measured: Bitrate) {
        let sample = measured.kilobits
        guard let known = average, abs(sample - known) <= spread else {
            // A path of another rate: what was known does not count any more.
            average = sample
            deviation = 0.4
            return
        }
        let error = known - sample
        deviation = max(0.4, min(2.5, 0.95 * deviation + 0.05 * error * error / max(known, 1)))
        average = 0.95 * known + 0.05 * sample
    }

    /// The path may carry more than it was full at.
    mutating func forget() { average = nil }

    // MARK: Shares

    /// A probe came through at this rate. Each probe is remembered once, as what its last packets made of it: `isFirst` tells a
    /// new one from a more exact figure for the last.
    mutating func note(probe rate: Bitrate, isFirst: Bool) {
        guard isFirst || probes.isEmpty else {
            probes[probes.count - 1] = rate.kilobits
            return
        }
        if probes.count == KnownCapacity.rememberedProbes { _ = probes.popFirst() }
        probes.append(rate.kilobits)
    }

    /// A queue had grown while this of ours was carried, and went when less was sent: it was no longer way that was mistaken
    /// for one.
    mutating func note(overuse carried: Bitrate) {
        if overuses.count == KnownCapacity.rememberedOveruses { _ = overuses.popFirst() }
        overuses.append(Overuse(carried: carried.kilobits, seen: highestProbe))
    }

    /// More is carried than the path was full at.
    mutating func forgetOveruses() { overuses.removeAll() }

    /// The path is another one now: what it showed before says nothing of it.
    mutating func forgetShares() {
        probes.removeAll()
        overuses.removeAll()
    }

    /// Whether the path was full at less than probes saw at all: others may use it, too.
    var isPerhapsShared: Bool { lesserOveruses > 0 }

    /// Whether it was so more than once: others use it, too.
    var isShared: Bool { lesserOveruses >= KnownCapacity.leastShared }

    /// The share of the path that a flow of this rate has; nil when it is alone, as far as is known.
    func share(of rate: Bitrate) -> Double? { isShared ? rate.kilobits / highestProbe : nil }

    /// How many of the remembered overuses came at less than probes saw, before and since.
    private var lesserOveruses: Int {
        let highest = highestProbe
        var count = 0
        for index in 0..<overuses.count {
            let overuse = overuses[index]
            if overuse.carried < min(overuse.seen, highest) * KnownCapacity.alone { count += 1 }
        }
        return count
    }

    private var highestProbe: Double {
        var highest = 0.0
        for index in 0..<probes.count { highest = max(highest, probes[index]) }
        return highest
    }
}
