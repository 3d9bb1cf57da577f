import Primitives

/// Decides when to try a higher rate, and which.
///
/// At the start, and after a path change, rates of three and six times the start, then doubling as long as probes
/// succeed. Later, from time to time, as long as the target is below what is wanted and nothing speaks against it:
/// the additive way up alone takes ten seconds to double.
struct ProbeController: Sendable {
    static let firstFactors = [3.0, 6.0]
    static let nextFactor = 2.0
    /// A probe that reached this share of its rate is followed by a larger one.
    static let success = 0.7
    static let interval: Duration = .milliseconds(2500)
    /// The longest time between probes that find nothing new.
    static let longestInterval: Duration = .seconds(5)
    /// The longest between probes whose gain is lost again and again: the room they see is another flow's, which they
    /// push out and which gives way by more than it gets back.
    static let longestAfterLoss: Duration = .seconds(20)
    /// How long a cluster lasts: long beside a path's jitter of some milliseconds, short beside its queue.
    static let duration: Duration = .milliseconds(20)
    static let minimumPackets = 5

    private var pending: RingBuffer<ProbeCluster>
    private var nextID: Int
    private var hasStarted: Bool
    /// Whether a probe that succeeds is followed by a larger one at once.
    private var isExponential: Bool
    private var lastProbe: Instant?
    private var interval: Duration
    /// Probes in a row whose gain was lost.
    private var lostGains: Int
    /// Whether a probe raised the rate, which has not fallen since.
    private var hasRaised: Bool
    private(set) var count: UInt64
    let maximum: Bitrate

    init(maximum: Bitrate) {
        pending = RingBuffer(capacity: 4)
        nextID = 1
        hasStarted = false
        isExponential = false
        lastProbe = nil
        interval = ProbeController.interval
        lostGains = 0
        hasRaised = false
        count = 0
        self.maximum = maximum
    }

    mutating func poll() -> ProbeCluster? { pending.popFirst() }

    /// The first probes of a path, or of one that comes back.
    mutating func begin(_ rates: [Bitrate], now: Instant) {
        hasStarted = true
        isExponential = true
        interval = ProbeController.interval
        lostGains = 0
        for rate in rates { create(rate, now: now) }
    }

    /// A probe was measured, once each; `isNews` when it raised the rate.
    mutating func handle(_ result: ProbeEstimator.Result, isNews: Bool, now: Instant) {
        interval =
            isNews ? ProbeController.interval : max(interval, min(interval * 1.5, ProbeController.longestInterval))
        if isNews { hasRaised = true }
        guard isExponential else { return }
        if !result.isSaturated, result.rate >= result.cluster.rate * ProbeController.success, result.rate < maximum {
            create(result.rate * ProbeController.nextFactor, now: now)
        } else if result.isSaturated {
            isExponential = false
        }
    }

    /// The regular look whether more is possible. `isQuiet`: no queue, no overuse lately, feedback comes.
    mutating func handleTimeout(target: Bitrate, isQuiet: Bool, now: Instant) {
        guard hasStarted, let lastProbe, isQuiet, target < maximum * 0.95 else { return }
        guard now - lastProbe >= interval else { return }
        isExponential = true
        if hasRaised { lostGains = 0 }
        create(target * ProbeController.nextFactor, now: now)
    }

    /// The path is overused: no larger probes.
    mutating func abort() { isExponential = false }

    /// The rate fell for it. A probe whose gain was lost is not repeated at once, and later each time; after a deep fall,
    /// which is the path's own, the way up is looked for as at first.
    mutating func rateFell(hasLostGain: Bool, isDeep: Bool) {
        hasRaised = false
        if hasLostGain {
            interval = min(ProbeController.longestInterval * (1 << min(lostGains, 4)), ProbeController.longestAfterLoss)
            lostGains += 1
        } else if isDeep {
            interval = ProbeController.interval
            lostGains = 0
        }
    }

    private mutating func create(_ rate: Bitrate, now: Instant) {
        let rate = min(rate, maximum * 1.2)
        let size = max(rate * ProbeController.duration, DataSize(bytes: ProbeController.minimumPackets * 200))
        pending.append(
            ProbeCluster(
                id: ProbeCluster.ID(nextID), rate: rate, minimumPackets: ProbeController.minimumPackets,
                minimumSize: size))
        nextID += 1
        count += 1
        lastProbe = now
    }
}
