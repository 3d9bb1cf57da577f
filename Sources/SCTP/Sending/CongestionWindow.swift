import Primitives

/// How much may be on its way (RFC 9260 section 7.2).
///
/// Slow start, congestion avoidance and fast recovery are the RFC's. One thing is not: what a loss leaves of the window.
/// Half of it would hold a path of 100 ms round trip that loses one packet in twenty, without any queue, to half a megabit a
/// second. So the window keeps at least what the path has been seen to deliver in its shortest round trip, the estimate of TCP Westwood
/// (Mascolo et al., 2001): where a loss comes from a full queue, round trips are longer than the shortest, and this is what
/// empties the queue; where it does not, there is nothing to empty.
struct CongestionWindow: Sendable {
    /// No window is larger: what may be on its way is memory, too.
    private static let maximum = 1 << 20

    private let packetSize: Int
    /// cwnd, in bytes of chunks.
    private(set) var value: Int
    private var threshold: Int
    private var partialBytesAcknowledged: Int
    /// The highest number that was sent when recovery began; nil outside of it.
    private(set) var recoveryExit: TSN?
    /// One packet of retransmissions goes whatever the window says, when recovery begins (section 7.2.4, rule 3).
    private var mayRetransmitBeyond: Bool
    private var lastUsedAt: Instant?
    // The rate of delivery: acknowledged bytes in the round that began then, and what rounds gave.
    private var roundBeganAt: Instant?
    private var roundBytes: Int
    /// Bytes a second: the highest of late, which fades.
    private var deliveryRate: Double

    init(packetSize: Int) {
        self.packetSize = packetSize
        // "min(4 * PMTU, max(2 * PMTU, 4404))"
        value = min(4 * packetSize, max(2 * packetSize, 4404))
        threshold = Self.maximum
        partialBytesAcknowledged = 0
        recoveryExit = nil
        mayRetransmitBeyond = false
        lastUsedAt = nil
        roundBeganAt = nil
        roundBytes = 0
        deliveryRate = 0
    }

    /// Whether something more may be on its way beside `flight`: a packet may exceed the window by its size less one byte.
    func hasRoom(beside flight: Int) -> Bool { flight < value }

    /// Whether the first retransmission of a recovery may go now.
    mutating func takeRetransmissionBeyond() -> Bool {
        defer { mayRetransmitBeyond = false }
        return mayRetransmitBeyond
    }

    /// "When the endpoint does not transmit data on a given transport address, the cwnd … should be adjusted to max(cwnd / 2,
    /// 4 * PMTU) once per RTO."
    mutating func noteSending(rto: Duration, now: Instant) {
        if let last = lastUsedAt, rto > .zero {
            var idle = now - last
            while idle >= rto, value > 4 * packetSize {
                value = max(value / 2, 4 * packetSize)
                idle = idle - rto
            }
        }
        lastUsedAt = now
    }

    /// `bytes` were acknowledged for the first time; `flight` was on its way before.
    mutating func noteAcknowledged(
        _ bytes: Int, flight: Int, isCumulative: Bool, cumulative: TSN, roundTrip: Duration?, now: Instant
    ) {
        measureRate(bytes, roundTrip: roundTrip, now: now)
        lastUsedAt = now
        if let exit = recoveryExit {
            if cumulative.distance(from: exit) >= 0 { recoveryExit = nil }
            return
        }
        guard isCumulative else { return }
        let isFull = flight >= value
        if value <= threshold {
            if isFull { value = min(value + min(bytes, packetSize), Self.maximum) }
        } else {
            partialBytesAcknowledged += bytes
            if partialBytesAcknowledged >= value, isFull {
                partialBytesAcknowledged -= value
                value = min(value + packetSize, Self.maximum)
            }
            partialBytesAcknowledged = min(partialBytesAcknowledged, value)
        }
    }

    private mutating func measureRate(_ bytes: Int, roundTrip: Duration?, now: Instant) {
        guard let began = roundBeganAt else {
            roundBeganAt = now
            return
        }
        roundBytes += bytes
        let elapsed = now - began
        guard elapsed >= max(roundTrip ?? .milliseconds(50), .milliseconds(10)) else { return }
        let sample = Double(roundBytes) / elapsed.seconds
        deliveryRate = max(sample, deliveryRate * 0.875 + sample * 0.125)
        roundBeganAt = now
        roundBytes = 0
    }

    /// Data were lost, by what came back from behind them. Within a recovery nothing more is taken.
    mutating func noteLoss(highestSent: TSN, shortestRoundTrip: Duration?) {
        guard recoveryExit == nil else { return }
        recoveryExit = highestSent
        mayRetransmitBeyond = true
        let delivered = Int(deliveryRate * (shortestRoundTrip ?? .zero).seconds)
        threshold = max(max(value / 2, min(delivered, value)), 4 * packetSize)
        value = threshold
        partialBytesAcknowledged = 0
    }

    /// T3 ran out: "ssthresh = max(cwnd / 2, 4 * PMTU), cwnd = PMTU".
    mutating func noteTimeout() {
        threshold = max(value / 2, 4 * packetSize)
        value = packetSize
        partialBytesAcknowledged = 0
        recoveryExit = nil
        mayRetransmitBeyond = false
        roundBeganAt = nil
        roundBytes = 0
    }

    /// Whether no recovery stands.
    var isInRecovery: Bool { recoveryExit != nil }
}
