public import Primitives

/// What waits in the caller's queues.
public struct PacerQueues: Hashable, Sendable {
    /// A sound packet waits. It is sent at once, however large the debt.
    public var hasAudio: Bool
    /// A packet that the peer asked for again waits.
    public var hasRetransmission: Bool
    /// A picture's packet waits.
    public var hasVideo: Bool
    /// All of it together.
    public var waiting: DataSize
    /// Whether padding can be made: there is a retransmission source, and the peer is connected.
    public var canPad: Bool

    /// Everything empty, as before a session's media begins.
    public init(
        hasAudio: Bool = false, hasRetransmission: Bool = false, hasVideo: Bool = false, waiting: DataSize = .zero,
        canPad: Bool = false
    ) {
        self.hasAudio = hasAudio
        self.hasRetransmission = hasRetransmission
        self.hasVideo = hasVideo
        self.waiting = waiting
        self.canPad = canPad
    }

    /// Whether no packet waits. Padding is not counted.
    public var isEmpty: Bool { !hasAudio && !hasRetransmission && !hasVideo }
}

/// What a packet is to the pacer, most urgent first.
public enum PacerPacketKind: UInt8, Hashable, Sendable, CaseIterable {
    case audio, retransmission, video, padding
}

/// What to do now.
public enum PacerDecision: Hashable, Sendable {
    /// Send the first packet of this kind; on behalf of a probe, if one runs.
    case send(PacerPacketKind, probe: ProbeCluster.ID?)
    /// Send at most so much padding.
    case pad(DataSize, probe: ProbeCluster.ID?)
    case wait
}

/// How far above the target packets may go out for a moment.
public enum Pace: Hashable, Sendable {
    case ordinary
    /// Just after a queue on the path was emptied.
    case gentle
    /// Not at all: a queue on the path is to empty.
    case draining
}

/// Spreads packets over time (draft-ietf-rmcat-gcc-02 section 4).
///
/// Every packet leaves a debt that melts at the pacing rate; the next one may go when it is gone. Sound never waits,
/// though it adds to the debt. The pacing rate is above the target, because an encoder's frames differ in size: it
/// must carry a large one away before the next comes, and yet not pour a keyframe into the path's queue at once.
///
/// A probe replaces the pacing rate by its own, counted from its first packet, so that late wakes do not slow it down.
public struct Pacer: Sendable {
    /// Pacing rate over target in ordinary times.
    static let factor = 1.5
    /// The same while what waited during a drain goes out: at the ordinary rate it would fill the path's queue again.
    static let gentleFactor = 1.1
    /// The rate rises, up to `highestFactor` times the target, when the queue would take longer than this.
    static let maximumQueueTime: Duration = .milliseconds(400)
    static let highestFactor = 2.5
    /// How much sooner than its time a packet may go, because a driver does not wake more precisely.
    static let slack: Duration = .milliseconds(1)
    /// A probe that falls this far behind, for want of packets, is over: its rate was not reached.
    static let maximumProbeLag: Duration = .milliseconds(30)

    /// The target rate.
    public private(set) var rate: Bitrate
    private var pace: Pace
    /// Bytes; negative after a late wake, by as much as `slack` allows.
    private var debt: Double
    private var debtAt: Instant
    private var cluster: ProbeCluster?
    private var clusterStart: Instant?
    private var clusterPackets: Int
    private var clusterSize: DataSize
    private var waitingClusters: RingBuffer<ProbeCluster>

    /// `rate` is the target at the start and must be positive.
    public init(rate: Bitrate, now: Instant) {
        precondition(rate.bitsPerSecond > 0, "pacer: rate must be positive")
        self.rate = rate
        pace = .ordinary
        debt = 0
        debtAt = now
        cluster = nil
        clusterStart = nil
        clusterPackets = 0
        clusterSize = .zero
        waitingClusters = RingBuffer(capacity: 4)
    }

    /// Sets the target, which must be positive, and how far above it packets may go. What was sent until now is
    /// settled at the old rate.
    public mutating func setRate(_ rate: Bitrate, pace: Pace = .ordinary, now: Instant) {
        precondition(rate.bitsPerSecond > 0, "pacer: rate must be positive")
        guard rate != self.rate || pace != self.pace else { return }
        melt(waiting: .zero, now: now)
        self.rate = rate
        self.pace = pace
    }

    /// Runs a probe as soon as there is something to send.
    public mutating func start(_ probe: ProbeCluster) {
        // Newer knowledge replaces a probe that has not begun.
        if waitingClusters.count >= 4 { _ = waitingClusters.popFirst() }
        waitingClusters.append(probe)
    }

    /// The probe that is running or next, if any.
    public var probe: ProbeCluster? { cluster ?? waitingClusters.first }

    /// Which kind of packet is sent next. A probe that waits begins when there is something to send; one that falls 30 ms behind ends
    /// here.
    public mutating func next(_ queues: PacerQueues, now: Instant) -> PacerDecision {
        melt(waiting: queues.waiting, now: now)
        if let clusterStart, cluster != nil, clusterPackets > 0,
            now - probeTime(from: clusterStart) > Pacer.maximumProbeLag
        {
            cluster = nil
        }
        if cluster == nil, !queues.isEmpty || queues.canPad, let next = waitingClusters.popFirst() {
            cluster = next
            clusterStart = now
            clusterPackets = 0
            clusterSize = .zero
        }
        let probe = cluster?.id
        if queues.hasAudio { return .send(.audio, probe: probe) }
        guard sendTime(queues) <= now + Pacer.slack else { return .wait }
        if queues.hasRetransmission { return .send(.retransmission, probe: probe) }
        if queues.hasVideo { return .send(.video, probe: probe) }
        guard let cluster, queues.canPad else { return .wait }
        return .pad(DataSize(bytes: max(200, cluster.minimumSize.bytes - clusterSize.bytes)), probe: probe)
    }

    /// Notes a packet just sent with its size on the wire. It counts towards a probe when `probe` names the one that
    /// runs.
    public mutating func packetSent(_ size: DataSize, as kind: PacerPacketKind, probe: ProbeCluster.ID?, now: Instant) {
        debt = max(debt, 0) + Double(size.bytes)
        guard let cluster, cluster.id == probe else { return }
        clusterPackets += 1
        clusterSize += size
        guard clusterPackets >= cluster.minimumPackets, clusterSize >= cluster.minimumSize else { return }
        self.cluster = nil
        // What a probe sent beyond the rate must not silence the media behind it for long.
        debt = min(debt, bytesPerSecond(waiting: .zero) * 0.02)
    }

    /// When `next` may have another answer without a packet coming.
    public func nextTimeout(_ queues: PacerQueues) -> Wake? {
        if queues.isEmpty, cluster == nil || !queues.canPad { return nil }
        return Wake(at: sendTime(queues), reason: cluster == nil ? .pacer : .probe)
    }

    private func bytesPerSecond(waiting: DataSize) -> Double {
        let target = Double(rate.bitsPerSecond) / 8
        switch pace {
        case .draining: return target
        case .gentle: return target * Pacer.gentleFactor
        case .ordinary: break
        }
        let wanted = Double(waiting.bytes) / Pacer.maximumQueueTime.seconds
        return max(target * Pacer.factor, min(wanted, target * Pacer.highestFactor))
    }

    private mutating func melt(waiting: DataSize, now: Instant) {
        let rate = bytesPerSecond(waiting: waiting)
        debt = max(debt - rate * max(0, (now - debtAt).seconds), -rate * Pacer.slack.seconds)
        debtAt = now
    }

    private func probeTime(from start: Instant) -> Instant {
        cluster.map { start + clusterSize / $0.rate } ?? start
    }

    /// When the next paced packet may go.
    private func sendTime(_ queues: PacerQueues) -> Instant {
        if cluster != nil, let clusterStart { return probeTime(from: clusterStart) }
        let wait = max(0, debt) / bytesPerSecond(waiting: queues.waiting)
        return debtAt + .nanoseconds(Int64(wait * 1e9))
    }
}
