public import Primitives

// Congestion control of one transport: how much may be sent, and when.
//
// After Google Congestion Control (draft-ietf-rmcat-gcc-02) and what came of it: the receiver tells when each packet
// arrived (transport-wide feedback), the sender judges.
//
//   feedback ─▶ SentPackets ─┬▶ InterArrival ─▶ TrendlineEstimator ─▶ RateControl ─┐
//                            ├▶ AcknowledgedRate ─────────────▲                    ├▶ min ─▶ target
//                            ├▶ LossEstimator ─────────────────────────────────────┤
//                            └▶ ProbeEstimator ─▶ RateControl                      │
//   REMB ──────────────────────────────────────────────────────────────────────────┘
//   target ─▶ ProbeController ─▶ clusters ─▶ Pacer ◀─ queues
//
// The pacer decides who sends and when; the caller's queues hold the packets:
//
//   while true {
//       switch controller.next(queues, now: now) {
//       case .send(let kind, let probe):  pop a packet of that kind, write it with controller.nextSequence, send it,
//                                         controller.packetSent(size, as: kind, probe: probe, now: now)
//       case .pad(let size, let probe):   the same with a packet that was sent before, or with zeros
//       case .wait:                       controller.nextTimeout(queues) says until when
//       }
//   }

/// Congestion control of one transport.
public struct CongestionController: Sendable {
    public private(set) var estimator: BandwidthEstimator
    public private(set) var pacer: Pacer
    /// The transport-wide sequence number of the next packet that carries one.
    public private(set) var nextSequence: SequenceNumber

    /// - Parameter firstSequence: where the numbers go on, if the same peer was sent some before.
    public init(
        _ configuration: CongestionConfiguration, firstSequence: SequenceNumber = SequenceNumber(1), now: Instant
    ) {
        estimator = BandwidthEstimator(configuration, now: now)
        pacer = Pacer(rate: configuration.start, now: now)
        nextSequence = firstSequence
        apply(now: now)
    }

    /// What all media and its overhead may take now.
    public var target: Bitrate { estimator.target }
    public var statistics: CongestionStatistics { estimator.statistics }
    /// How often feedback came again after silence: what was sent meanwhile is lost.
    public var resumptions: UInt64 { estimator.resumptions }

    // MARK: Sending

    /// Who sends next. Ask again after each packet, until the answer is to wait.
    public mutating func next(_ queues: PacerQueues, now: Instant) -> PacerDecision {
        pacer.next(queues, now: now)
    }

    /// Notes a packet just sent, with the size it has on the wire: IP and UDP headers included.
    /// `isReported`: it carried `nextSequence`, so feedback will tell of it.
    public mutating func packetSent(
        _ size: DataSize, as kind: PacerPacketKind, probe: ProbeCluster.ID?, isReported: Bool = true, now: Instant
    ) {
        pacer.packetSent(size, as: kind, probe: probe, now: now)
        guard isReported else { return }
        estimator.packetSent(nextSequence, size: size, probe: probe, now: now)
        nextSequence = nextSequence.next
    }

    // MARK: Feedback

    /// Takes in what transport-wide feedback says.
    public mutating func handle(_ arrivals: [PacketArrival], now: Instant) {
        estimator.handle(arrivals, now: now)
        apply(now: now)
    }

    /// Takes in a REMB: an upper bound.
    public mutating func handle(receiverEstimate: Bitrate, now: Instant) {
        estimator.handle(receiverEstimate: receiverEstimate, now: now)
        apply(now: now)
    }

    /// Takes in the loss that a receiver report tells, for peers without transport-wide feedback.
    public mutating func handle(lossFraction: Double, now: Instant) {
        estimator.handle(lossFraction: lossFraction, now: now)
        apply(now: now)
    }

    public mutating func handle(roundTripTime: Duration, now: Instant) {
        estimator.handle(roundTripTime: roundTripTime, now: now)
        apply(now: now)
    }

    /// The path has changed (another candidate pair): what was learnt of the old one is forgotten, except for a start
    /// at half of its rate.
    public mutating func pathChanged(now: Instant) {
        estimator.pathChanged(now: now)
        apply(now: now)
    }

    // MARK: Time

    public mutating func handleTimeout(now: Instant) {
        estimator.handleTimeout(now: now)
        apply(now: now)
    }

    public func nextTimeout(_ queues: PacerQueues) -> Wake? {
        .earliest(pacer.nextTimeout(queues), estimator.nextTimeout)
    }

    private mutating func apply(now: Instant) {
        pacer.setRate(estimator.target, pace: estimator.pace(now: now), now: now)
        while let cluster = estimator.pollProbe() { pacer.start(cluster) }
    }
}

public struct CongestionConfiguration: Hashable, Sendable {
    /// Never less: the sound and a picture now and then.
    public var minimum: Bitrate
    /// Before anything is known.
    public var start: Bitrate
    public var maximum: Bitrate
    /// Whether the peer sends transport-wide feedback. Without, reports and REMB decide.
    public var usesTransportFeedback: Bool

    public init(
        minimum: Bitrate = .kilobits(50), start: Bitrate = .kilobits(500), maximum: Bitrate = .kilobits(3000),
        usesTransportFeedback: Bool
    ) {
        precondition(minimum.bitsPerSecond > 0 && minimum <= maximum, "congestion: minimum above maximum")
        self.minimum = minimum
        self.start = max(minimum, min(maximum, start))
        self.maximum = maximum
        self.usesTransportFeedback = usesTransportFeedback
    }
}

/// What the control knows, for statistics.
public struct CongestionStatistics: Hashable, Sendable {
    public var target: Bitrate
    /// What the delay-based and the loss-based half would each allow.
    public var delayBased: Bitrate
    public var lossBased: Bitrate?
    /// What the receiver got, as measured.
    public var acknowledged: Bitrate?
    public var usage: BandwidthUsage
    /// How long packets stand in queues on the path now, above the least seen.
    public var queueDelay: Duration
    public var roundTripTime: Duration?
    /// The share of packets lost over the last seconds.
    public var loss: Double
    public var probes: UInt64
    public var overuses: UInt64
}

/// What the trend of delays says of the path.
public enum BandwidthUsage: String, Hashable, Sendable {
    case normal, overusing, underusing
}

/// Packets sent at a rate above the target to learn whether the path carries it.
public struct ProbeCluster: Hashable, Sendable {
    public struct ID: Hashable, Sendable {
        public var rawValue: Int

        public init(_ rawValue: Int) { self.rawValue = rawValue }
    }

    public var id: ID
    public var rate: Bitrate
    /// It ends when both are reached.
    public var minimumPackets: Int
    public var minimumSize: DataSize

    public init(id: ID, rate: Bitrate, minimumPackets: Int, minimumSize: DataSize) {
        self.id = id
        self.rate = rate
        self.minimumPackets = minimumPackets
        self.minimumSize = minimumSize
    }
}
