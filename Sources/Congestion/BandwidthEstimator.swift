public import Primitives

/// Estimates what a path carries; see `CongestionController` for how its parts go together.
public struct BandwidthEstimator: Sendable {
    /// Without any feedback for this long, the rate is halved, and again after as long: it is not known whether the
    /// path still carries anything.
    static let feedbackTimeout: Duration = .milliseconds(800)
    static let updateInterval: Duration = .milliseconds(100)
    /// How long the least delay seen is believed to be that of the empty path.
    static let baseDelayWindow: Duration = .seconds(10)

    /// How long after a decrease nothing is sent in haste.
    static let gentleTime: Duration = .seconds(2)
    /// A shorter queue is nothing to slow down for.
    static let leastStandingQueue: Duration = .milliseconds(8)

    /// A queue this long that neither grows nor shrinks has no trend: it is full, and what it cannot take is lost.
    static let longStandingQueue: Duration = .milliseconds(60)
    /// For how long it stands so before that counts as overuse.
    static let longStandingTime: Duration = .seconds(1)
    /// How often the rate falls for it: a queue that is still there then is held up by other flows, beside which ours would
    /// starve.
    static let longStandingFalls = 2
    /// How long the path must have been without overuse before more is looked for by probes: as the larger of several
    /// flows, near the rate that it was full at, and otherwise. A probe's own short queue is enough to make a small browser's
    /// sender give way.
    static let quietLarger = RateControl.quietShare
    static let quietNearCapacity: Duration = .milliseconds(2500)
    static let quiet: Duration = .seconds(1)

    let configuration: CongestionConfiguration
    var sent: SentPackets
    var results: [SentPacket]
    var interArrival: InterArrival
    var trendline: TrendlineEstimator
    var rateControl: RateControl
    var acknowledged: AcknowledgedRate
    var loss: LossEstimator
    var reportedLoss: ReportedLossControl
    var probes: ProbeController
    var probeEstimator: ProbeEstimator
    var queue: QueueDelay
    var roundTripTime: Duration?
    var receiverEstimate: Bitrate?
    var lastFeedback: Instant?
    var firstUnanswered: Instant?
    /// What the rate was when feedback stopped coming; nil while it comes.
    var rateBeforeSilence: Bitrate?
    var lastOveruse: Instant?
    /// Since when the queue is long.
    var longQueueSince: Instant?
    /// How often the rate has fallen for it since it was short.
    var longQueueFalls: Int
    /// Losses of packets sent before do not count: an outage took them.
    var countLossesFrom: Instant
    var overuses: UInt64
    /// How often feedback came again after silence.
    private(set) var resumptions: UInt64
    var updateAt: Instant

    /// What all media and its overhead may take now.
    public private(set) var target: Bitrate
    /// How far above the target packets may go out for a moment.
    public func pace(now: Instant) -> Pace {
        if rateControl.isDraining { return .draining }
        return rateControl.lastDecrease.map { now - $0 < BandwidthEstimator.gentleTime } ?? false ? .gentle : .ordinary
    }

    /// Starts at `configuration.start`. With transport-wide feedback the first probes are queued at once.
    public init(_ configuration: CongestionConfiguration, now: Instant) {
        self.configuration = configuration
        sent = SentPackets()
        results = []
        results.reserveCapacity(512)
        interArrival = InterArrival()
        trendline = TrendlineEstimator()
        rateControl = RateControl(
            start: configuration.start, minimum: configuration.minimum, maximum: configuration.maximum)
        acknowledged = AcknowledgedRate()
        loss = LossEstimator(minimum: configuration.minimum, maximum: configuration.maximum)
        reportedLoss = ReportedLossControl(
            start: configuration.start, minimum: configuration.minimum, maximum: configuration.maximum)
        probes = ProbeController(maximum: configuration.maximum)
        probeEstimator = ProbeEstimator()
        queue = QueueDelay(window: BandwidthEstimator.baseDelayWindow)
        roundTripTime = nil
        receiverEstimate = nil
        lastFeedback = nil
        firstUnanswered = nil
        rateBeforeSilence = nil
        lastOveruse = nil
        longQueueSince = nil
        longQueueFalls = 0
        countLossesFrom = now
        overuses = 0
        resumptions = 0
        updateAt = now + BandwidthEstimator.updateInterval
        target = configuration.start
        if configuration.usesTransportFeedback {
            probes.begin(ProbeController.firstFactors.map { configuration.start * $0 }, now: now)
        }
    }

    // MARK: Sending

    /// Notes a packet that carried the transport-wide number `sequence`; `size` is its size on the wire in bytes, IP
    /// and UDP headers included. `probe` is the cluster it was sent for, nil for ordinary media.
    public mutating func packetSent(_ sequence: SequenceNumber, size: DataSize, probe: ProbeCluster.ID?, now: Instant) {
        sent.insert(sequence, size: size, probe: probe, now: now)
        if firstUnanswered == nil { firstUnanswered = now }
    }

    /// The next probe to run, once each.
    public mutating func pollProbe() -> ProbeCluster? {
        guard let cluster = probes.poll() else { return nil }
        probeEstimator.begin(cluster)
        return cluster
    }

    // MARK: Feedback

    /// Takes in what one transport-wide feedback message says: arrivals on the receiver's clock, nil for packets not
    /// received. Numbers that were never sent, that are older than ten seconds, or that were answered before are
    /// ignored.
    public mutating func handle(_ arrivals: [PacketArrival], now: Instant) {
        results.removeAll(keepingCapacity: true)
        sent.join(arrivals, into: &results, now: now)
        guard !results.isEmpty else { return }
        lastFeedback = now
        firstUnanswered = nil
        if let rate = rateBeforeSilence { resume(after: rate, now: now) }

        var usage: BandwidthUsage?
        var newestSent = Instant.zero
        for packet in results {
            if packet.sent >= countLossesFrom { loss.add(packet) }
            guard let arrival = packet.arrival else { continue }
            newestSent = max(newestSent, packet.sent)
            acknowledged.add(packet.size, arrival: arrival)
            queue.add(sent: packet.sent, arrival: arrival)
            // A probe's own packets are meant to queue: they say nothing of the rate that is kept up.
            if packet.probe == nil, let delta = interArrival.add(sent: packet.sent, arrival: arrival) {
                trendline.update(delta)
                // The worst of the groups counts: an overuse must not be overlooked for a normal group behind it.
                if usage != .overusing { usage = trendline.usage }
            }
            if let result = probeEstimator.add(packet) { handle(result, now: now) }
        }
        if newestSent > .zero {
            // Feedback waits at the receiver; the quickest of the last messages tells the path's own time.
            let sample = now - newestSent
            roundTripTime = roundTripTime.map { min(sample, $0 * 7 / 8 + sample / 8) } ?? sample
        }
        handle(usage, now: now)
        loss.update(delayBased: rateControl.rate, acknowledged: acknowledged.rate)
        updateTarget(now: now)
    }

    /// Feedback comes again: what the outage swallowed says nothing of the path's rate, and a quarter of the old rate is
    /// a fair start for a path that may have changed; probes look for the rest.
    private mutating func resume(after rate: Bitrate, now: Instant) {
        rateBeforeSilence = nil
        resumptions += 1
        countLossesFrom = now
        interArrival = InterArrival()
        trendline = TrendlineEstimator()
        acknowledged = AcknowledgedRate()
        loss = LossEstimator(minimum: configuration.minimum, maximum: configuration.maximum)
        rateControl.reset(to: max(rateControl.rate, rate * 0.25))
        probes.begin([rate * 0.5, rate], now: now)
    }

    private mutating func handle(_ usage: BandwidthUsage?, now: Instant) {
        guard var usage else { return }
        // A trend without a queue that stands is a frame larger than the last, or a path that jitters.
        let standing = queue.standing
        if usage == .overusing, standing < BandwidthEstimator.leastStandingQueue { usage = .normal }
        if noteLongQueue(standing, now: now), usage == .normal { usage = .overusing }
        if usage == .overusing {
            lastOveruse = now
            overuses += 1
        }
        let (before, lastDecrease) = (rateControl.rate, rateControl.lastDecrease)
        // Growth needs proof: the rate must have been used.
        let used = acknowledged.rate.map { $0 >= rateControl.rate * 0.6 } ?? true
        rateControl.update(
            usage, acknowledged: acknowledged.rate, recent: acknowledged.recent, queueDelay: queue.delay,
            roundTripTime: roundTripTime ?? .milliseconds(100), mayIncrease: used, now: now)
        if usage == .overusing { probes.abort() }
        // Once for each fall: while the queue empties, the overuse is reported again and again.
        if rateControl.lastDecrease != lastDecrease {
            probes.rateFell(
                hasLostGain: rateControl.hasLostGain, isDeep: rateControl.rate < before * RateControl.deepFall)
        }
    }

    /// Follows how long a long queue stands. True when it counts as overuse now; each time is counted.
    private mutating func noteLongQueue(_ standing: Duration, now: Instant) -> Bool {
        guard standing >= BandwidthEstimator.longStandingQueue else {
            longQueueSince = nil
            if standing < BandwidthEstimator.longStandingQueue * 0.5 { longQueueFalls = 0 }
            return false
        }
        let since = longQueueSince ?? now
        longQueueSince = since
        guard now - since >= BandwidthEstimator.longStandingTime, !rateControl.isDraining,
            longQueueFalls < BandwidthEstimator.longStandingFalls
        else { return false }
        longQueueFalls += 1
        longQueueSince = now
        return true
    }

    private mutating func handle(_ result: ProbeEstimator.Result, now: Instant) {
        let isNews = rateControl.probed(result, now: now)
        // What comes later of the same cluster makes the rate more exact; the probe was judged by the first.
        if result.isFirst { probes.handle(result, isNews: isNews, now: now) }
    }

    /// Takes in a REMB: the target stays at or below it until the next one comes or the path changes.
    public mutating func handle(receiverEstimate: Bitrate, now: Instant) {
        self.receiverEstimate = receiverEstimate
        lastFeedback = now
        updateTarget(now: now)
    }

    /// Takes in a report block's fraction lost, 0 … 1. With transport-wide feedback it only counts as a sign of life.
    public mutating func handle(lossFraction: Double, now: Instant) {
        lastFeedback = now
        guard !configuration.usesTransportFeedback else { return }
        reportedLoss.update(lossFraction, now: now)
        updateTarget(now: now)
    }

    /// Takes in a round trip measured by RTCP reports. With transport-wide feedback it serves only until the first
    /// feedback message has measured one.
    public mutating func handle(roundTripTime: Duration, now: Instant) {
        if self.roundTripTime == nil || !configuration.usesTransportFeedback { self.roundTripTime = roundTripTime }
        guard !configuration.usesTransportFeedback else { return }
        reportedLoss.update(roundTripTime: roundTripTime, now: now)
        updateTarget(now: now)
    }

    /// Forgets delays, losses and bounds; starts again at half of the target, but not above `configuration.start`,
    /// and probes anew.
    public mutating func pathChanged(now: Instant) {
        let start = max(configuration.minimum, min(configuration.start, target * 0.5))
        interArrival = InterArrival()
        trendline = TrendlineEstimator()
        rateControl.reset(to: start)
        acknowledged = AcknowledgedRate()
        loss = LossEstimator(minimum: configuration.minimum, maximum: configuration.maximum)
        queue = QueueDelay(window: BandwidthEstimator.baseDelayWindow)
        roundTripTime = nil
        reportedLoss = ReportedLossControl(
            start: start, minimum: configuration.minimum, maximum: configuration.maximum)
        receiverEstimate = nil
        // What the old path swallowed, and its silence, say nothing of the new one.
        firstUnanswered = nil
        lastFeedback = nil
        rateBeforeSilence = nil
        countLossesFrom = now
        if configuration.usesTransportFeedback {
            probes.begin(ProbeController.firstFactors.map { start * $0 }, now: now)
        }
        updateTarget(now: now)
    }

    // MARK: Time

    /// Every 100 ms: halves the rate while no feedback comes, starts probes when the path is quiet. Earlier calls do
    /// nothing.
    public mutating func handleTimeout(now: Instant) {
        guard now >= updateAt else { return }
        updateAt = now + BandwidthEstimator.updateInterval
        if let since = firstUnanswered, configuration.usesTransportFeedback {
            let silence = now - max(since, lastFeedback ?? since)
            if silence > BandwidthEstimator.feedbackTimeout {
                rateBeforeSilence = rateBeforeSilence ?? target
                rateControl.reset(to: rateControl.rate * 0.5)
                firstUnanswered = now
                lastFeedback = nil
            }
        }
        let quiet =
            rateControl.isLarger
            ? BandwidthEstimator.quietLarger
            : rateControl.isNearKnownCapacity ? BandwidthEstimator.quietNearCapacity : BandwidthEstimator.quiet
        let isQuiet =
            (lastOveruse.map { now - $0 > quiet } ?? true) && queue.delay < .milliseconds(20)
            && firstUnanswered.map { now - $0 < .milliseconds(300) } ?? true && !rateControl.isDraining
        probes.handleTimeout(target: target, isQuiet: isQuiet, now: now)
        updateTarget(now: now)
    }

    /// When `handleTimeout` is due. Never nil.
    public var nextTimeout: Wake? { Wake(at: updateAt, reason: .bandwidthUpdate) }

    /// A snapshot for status and tests; making it changes nothing.
    public var statistics: CongestionStatistics {
        CongestionStatistics(
            target: target, delayBased: rateControl.rate, lossBased: loss.estimate, acknowledged: acknowledged.rate,
            usage: trendline.usage, queueDelay: queue.delay, roundTripTime: roundTripTime,
            loss: configuration.usesTransportFeedback ? loss.averageLoss : reportedLoss.loss, probes: probes.count,
            overuses: overuses)
    }

    private mutating func updateTarget(now: Instant) {
        var next = configuration.usesTransportFeedback ? rateControl.rate : reportedLoss.rate
        if configuration.usesTransportFeedback, let bound = loss.estimate { next = min(next, bound) }
        if let receiverEstimate { next = min(next, receiverEstimate) }
        target = max(configuration.minimum, min(configuration.maximum, next))
    }
}

/// How long packets stand in queues: one-way delay above the least one seen lately.
struct QueueDelay: Sendable {
    /// Longer than two frames: the queue that a single frame makes has gone within it.
    static let standingWindow: Duration = .milliseconds(80)

    private struct Sample: Sendable {
        var sent: Instant
        var delay: Int64
    }

    private let window: Duration
    private var recent: RingBuffer<Sample>
    /// The least of the running and of the last half window, so that the base follows a drifting clock.
    private var base: Int64?
    private var previousBase: Int64?
    private var turnAt: Instant?
    private var smoothed: Double

    init(window: Duration) {
        self.window = window
        recent = RingBuffer(capacity: 64)
        base = nil
        previousBase = nil
        turnAt = nil
        smoothed = 0
    }

    var delay: Duration { .nanoseconds(Int64(max(0, smoothed))) }

    /// The least delay over the last moments: what stands in the queue between the frames, too.
    var standing: Duration {
        var least = Int64.max
        for index in 0..<recent.count { least = min(least, recent[index].delay) }
        guard least != .max, let base = base ?? previousBase else { return .zero }
        return .nanoseconds(max(0, least &- min(base, previousBase ?? base)))
    }

    mutating func add(sent: Instant, arrival: Instant) {
        let delay = arrival.nanoseconds &- sent.nanoseconds
        recent.append(Sample(sent: sent, delay: delay))
        while let first = recent.first, sent - first.sent > QueueDelay.standingWindow { _ = recent.popFirst() }
        if let turn = turnAt, sent >= turn {
            previousBase = base
            base = nil
            turnAt = sent + window / 2
        } else if turnAt == nil {
            turnAt = sent + window / 2
        }
        base = min(base ?? delay, delay)
        let least = min(base ?? delay, previousBase ?? delay)
        smoothed += (Double(delay &- least) - smoothed) * 0.3
    }
}
