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
// The pacer decides which kind of packet is sent and when; the caller's queues hold the packets:
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
    /// Judges feedback and holds the target.
    public private(set) var estimator: BandwidthEstimator
    /// Spreads packets over time at the rate that the estimator sets.
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
    /// A snapshot of what the estimator knows.
    public var statistics: CongestionStatistics { estimator.statistics }
    /// How often feedback came again after silence: what was sent meanwhile is lost.
    public var resumptions: UInt64 { estimator.resumptions }

    // MARK: Sending

    /// Which kind of packet is sent next. Ask again after each packet, until the answer is to wait.
    public mutating func next(_ queues: PacerQueues, now: Instant) -> PacerDecision {
        pacer.next(queues, now: now)
    }

    /// Notes a packet just sent, with the size it has on the wire: IP and UDP headers included.
    /// `isReported`: it carried `nextSequence`, so feedback will cover it.
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

    /// Takes in the fraction lost of a receiver report, for peers without transport-wide feedback.
    public mutating func handle(lossFraction: Double, now: Instant) {
        estimator.handle(lossFraction: lossFraction, now: now)
        apply(now: now)
    }

    /// Takes in a round trip measured by RTCP reports; it decides only for peers without transport-wide feedback.
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

    /// Does what is due at `now`; call it when `nextTimeout` says so. Earlier calls do nothing.
    public mutating func handleTimeout(now: Instant) {
        estimator.handleTimeout(now: now)
        apply(now: now)
    }

    /// The earlier of the estimator's next update and the time at which the pacer may send on. `queues` is what waits
    /// now.
    public func nextTimeout(_ queues: PacerQueues) -> Wake? {
        .earliest(pacer.nextTimeout(queues), estimator.nextTimeout)
    }

    private mutating func apply(now: Instant) {
        pacer.setRate(estimator.target, pace: estimator.pace(now: now), now: now)
        while let cluster = estimator.pollProbe() { pacer.start(cluster) }
    }
}

/// The bounds of one transport's rate, headers included.
public struct CongestionConfiguration: Hashable, Sendable {
    /// Never less: the sound and a picture now and then.
    public var minimum: Bitrate
    /// Before anything is known.
    public var start: Bitrate
    /// Never more, however wide the path is.
    public var maximum: Bitrate
    /// Whether the peer sends transport-wide feedback. Without, reports and REMB decide.
    public var usesTransportFeedback: Bool

    /// `start` is moved into the bounds. Traps when `minimum` is zero or above `maximum`.
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
    /// What all media and its overhead may take now.
    public var target: Bitrate
    /// What the delay-based and the loss-based half would each allow.
    public var delayBased: Bitrate
    /// Nil while losses bound nothing.
    public var lossBased: Bitrate?
    /// What the receiver got, as measured.
    public var acknowledged: Bitrate?
    /// The trendline's last judgement: whether the queue on the path grows.
    public var usage: BandwidthUsage
    /// How long packets stand in queues on the path now, above the least seen.
    public var queueDelay: Duration
    /// The path's round trip; nil before one was measured.
    public var roundTripTime: Duration?
    /// The share of packets lost over the last seconds.
    public var loss: Double
    /// Probe clusters begun since the start.
    public var probes: UInt64
    /// Feedback messages judged as overuse since the start, those during a drain included.
    public var overuses: UInt64
}

/// What the trend of delays says of the path.
public enum BandwidthUsage: String, Hashable, Sendable {
    case normal, overusing, underusing
}

/// Packets sent at a rate above the target to learn whether the path carries it.
public struct ProbeCluster: Hashable, Sendable {
    /// Numbers the clusters of one transport.
    public struct ID: Hashable, Sendable {
        public var rawValue: Int

        /// A cluster's number; only tests make one up.
        public init(_ rawValue: Int) { self.rawValue = rawValue }
    }

    /// The same in the packets that are sent for it.
    public var id: ID
    /// The rate at which its packets leave, headers included.
    public var rate: Bitrate
    /// It ends when both are reached.
    public var minimumPackets: Int
    /// In bytes on the wire.
    public var minimumSize: DataSize

    /// Nothing is checked; `ProbeController` makes clusters that last 20 ms at their rate.
    public init(id: ID, rate: Bitrate, minimumPackets: Int, minimumSize: DataSize) {
        self.id = id
        self.rate = rate
        self.minimumPackets = minimumPackets
        self.minimumSize = minimumSize
    }
}
