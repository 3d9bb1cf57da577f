public import Primitives

extension SendStream {
    /// How often one packet is resent at most.
    static let maximumRetransmissions = 10
    /// How long a granted retransmission may wait in a queue before it may be granted again.
    static let grantLifetime: Duration = .seconds(1)

    /// Whether a packet that a NACK names is to be queued for retransmission. No, counted with its reason, when it is
    /// gone, was resent less than a round trip ago (the NACK crossed it), or the rate set aside is used up.
    public mutating func requestRetransmission(of sequence: SequenceNumber, now: Instant) -> Bool {
        guard var entry = history[sequence] else {
            dropped.add(.retransmissionExpired)
            return false
        }
        // A receiver that has the keyframe needs nothing from before it, and the keyframe comes sooner without older packets.
        if let keyframeStart, keyframeStart.distance(from: sequence) > 0, hasSentKeyframe(from: keyframeStart) {
            dropped.add(.retransmissionSuperseded)
            return false
        }
        // Not sent yet, or queued: it is on its way. A grant does not count for ever, as a queue may be emptied.
        let isQueued = entry.retransmissionGranted.map { now - $0 < SendStream.grantLifetime } ?? false
        guard let lastSent = entry.lastSent, !isQueued else {
            dropped.add(.retransmissionTooSoon)
            return false
        }
        // A second request within a round trip asks for what is already on its way.
        if entry.retransmissions > 0 {
            let spacing = max(roundTripTime ?? .milliseconds(100), .milliseconds(5))
            guard now - lastSent >= spacing else {
                dropped.add(.retransmissionTooSoon)
                return false
            }
        }
        guard entry.retransmissions < SendStream.maximumRetransmissions else {
            dropped.add(.retransmissionLimit)
            return false
        }
        guard takeBudget(entry.size, now: now) else {
            dropped.add(.retransmissionBudget)
            return false
        }
        entry.retransmissionGranted = now
        history.update(entry)
        return true
    }

    /// Whether one more copy of a packet whose retransmission was granted may go with it, within the rate set aside.
    public mutating func grantCopy(of sequence: SequenceNumber, now: Instant) -> Bool {
        guard let entry = history[sequence], entry.retransmissionGranted != nil else { return false }
        return takeBudget(entry.size, now: now)
    }

    /// Whether the packet of this number is still a keyframe's first, and gone out: numbers come again.
    private func hasSentKeyframe(from sequence: SequenceNumber) -> Bool {
        guard let entry = history[sequence] else { return false }
        return entry.isKeyframe && entry.startsFrame && entry.firstSent != nil
    }

    /// A token bucket of half a second at the rate set aside.
    private mutating func takeBudget(_ size: Int, now: Instant) -> Bool {
        guard let rate = retransmissionRate else { return true }
        let capacity = Double(rate.bitsPerSecond) / 8 * 0.5
        retransmissionBudget += Double(rate.bitsPerSecond) / 8 * max(0, (now - retransmissionBudgetAt).seconds)
        retransmissionBudget = min(retransmissionBudget, capacity)
        retransmissionBudgetAt = now
        guard retransmissionBudget >= Double(size) else { return false }
        retransmissionBudget -= Double(size)
        return true
    }

    /// Takes in a report block about this stream (RFC 3550 section 6.4.1).
    mutating func handle(_ report: ReportBlock, now: Instant) {
        isAcknowledged = true
        statistics.remoteReports += 1
        statistics.remoteFractionLost = Double(report.fractionLost) / 256
        statistics.remotePacketsLost = report.cumulativeLost
        statistics.remoteJitter = .nanoseconds(
            Int64(report.jitter) * 1_000_000_000 / Int64(configuration.clockRate))
        guard let time = measure(report, now: now) else { return }
        roundTripTime = time
        statistics.roundTripTime = time
        statistics.totalRoundTripTime += time
        statistics.roundTripTimeMeasurements += 1
    }

    private func measure(_ report: ReportBlock, now: Instant) -> Duration? {
        guard report.lastSenderReport != 0 else { return nil }
        // In units of 1/65,536 s; the difference wraps as the timestamps do.
        let elapsed = ntp.compactNTP(at: now) &- report.lastSenderReport &- report.delaySinceLastSenderReport
        // A receiver that rounds up can claim a little more delay than there was.
        guard elapsed < 0x8000_0000 else { return .milliseconds(1) }
        // No packet is a minute on its way: the report is about another clock.
        guard elapsed < 60 << 16 else { return nil }
        return .nanoseconds(max(1_000_000, Int64(elapsed) * 1_000_000_000 >> 16))
    }

    /// Whether a FIR is a new request, not a repetition of one already honoured (RFC 5104 section 4.3.1.1).
    mutating func isNewFullIntraRequest(_ sequence: UInt8) -> Bool {
        guard lastFullIntraRequest != sequence else {
            dropped.add(.repeatedFullIntraRequest)
            return false
        }
        lastFullIntraRequest = sequence
        return true
    }

    /// What a sender report says of this stream at `now`: the timestamp that media captured at this very moment would
    /// have, so that audio and video align by capture time (RFC 3550 section 6.4.1).
    public func senderInformation(now: Instant) -> SenderInformation {
        SenderInformation(
            ntp: ntp.ntp(at: now), timestamp: timestamp(at: now), packets: statistics.reportedPackets,
            bytes: statistics.reportedBytes)
    }
}
