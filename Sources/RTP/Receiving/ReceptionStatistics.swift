import Primitives

/// Loss and jitter of one received source, as report blocks want them (RFC 3550 appendix A.3 and A.8).
struct ReceptionStatistics: Sendable {
    let clockRate: Int32
    private(set) var received: UInt64
    private var unwrapper: SequenceUnwrapper
    private var first: Int64?
    private(set) var highest: Int64
    private var expectedBefore: Int64
    private var receivedBefore: UInt64
    /// Scaled by 16, as in the RFC.
    private var scaledJitter: Int64
    private var lastTransit: Int64?
    private var lastSenderReport: (compact: UInt32, at: Instant)?

    init(clockRate: Int32) {
        self.clockRate = clockRate
        received = 0
        unwrapper = SequenceUnwrapper()
        first = nil
        highest = 0
        expectedBefore = 0
        receivedBefore = 0
        scaledJitter = 0
        lastTransit = nil
        lastSenderReport = nil
    }

    var jitter: UInt32 { UInt32(clamping: scaledJitter >> 4) }

    /// Takes in a packet and returns its unwrapped sequence number.
    mutating func receive(_ header: RTPHeader, now: Instant) -> Int64 {
        let sequence = unwrapper.unwrap(header.sequenceNumber)
        received += 1
        if first == nil { highest = sequence }
        // A reordered packet before the first one belongs to what is expected, too.
        first = min(first ?? sequence, sequence)
        highest = max(highest, sequence)

        let arrival = MediaTime(now, since: .zero, rate: clockRate).ticks
        let transit = arrival &- Int64(header.timestamp)
        if let lastTransit {
            // Modulo 2^32, as timestamps are.
            let difference = Int64(Int32(truncatingIfNeeded: transit &- lastTransit).magnitude)
            // A jump of more than ten seconds is a new timeline, not jitter.
            if difference < Int64(clockRate) * 10 { scaledJitter += difference - ((scaledJitter + 8) >> 4) }
        }
        lastTransit = transit
        return sequence
    }

    mutating func receive(_ report: SenderInformation, now: Instant) {
        lastSenderReport = (report.compactNTP, now)
    }

    /// The block for the next report; the fraction lost counts from the one before.
    mutating func report(on ssrc: SSRC, now: Instant) -> ReportBlock {
        let expected = first.map { highest - $0 + 1 } ?? 0
        let lost = expected - Int64(received)
        let expectedNow = expected - expectedBefore
        let lostNow = expectedNow - Int64(received - receivedBefore)
        expectedBefore = expected
        receivedBefore = received
        let fraction = expectedNow > 0 && lostNow > 0 ? min(255, lostNow * 256 / expectedNow) : 0
        var delay: UInt32 = 0
        if let lastSenderReport {
            delay = UInt32(clamping: (now - lastSenderReport.at).nanoseconds / 1000 * 65_536 / 1_000_000)
        }
        return ReportBlock(
            ssrc: ssrc, fractionLost: UInt8(fraction),
            cumulativeLost: Int32(max(-0x80_0000, min(0x7F_FFFF, lost))),
            extendedHighestSequence: UInt32(truncatingIfNeeded: highest), jitter: jitter,
            lastSenderReport: lastSenderReport?.compact ?? 0, delaySinceLastSenderReport: delay)
    }
}
