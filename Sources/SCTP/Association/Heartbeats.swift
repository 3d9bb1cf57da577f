import Primitives

/// Asks whether the peer is there while nothing else does (RFC 9260 section 8.3), and counts what it did not answer.
struct Heartbeats: Sendable {
    private let interval: Duration
    private let limit: Int
    /// When the next one is due.
    private(set) var at: Instant?
    /// Unanswered retransmissions and heartbeats in a row.
    private var failures: Int
    private var waiting: (nonce: UInt64, sentAt: Instant)?

    init(_ configuration: AssociationConfiguration) {
        interval = configuration.heartbeatInterval
        limit = configuration.maximumRetransmissions
        at = nil
        failures = 0
        waiting = nil
    }

    /// Something was acknowledged: the peer is there.
    mutating func noteAnswer(rto: Duration, now: Instant) {
        failures = 0
        at = now + interval + rto
    }

    /// Counts a retransmission; false when there were too many in a row.
    mutating func noteFailure() -> Bool {
        failures += 1
        return failures <= limit
    }

    /// One that was due was not answered; false when there were too many in a row.
    mutating func noteUnanswered() -> Bool {
        guard waiting != nil else { return true }
        waiting = nil
        return noteFailure()
    }

    /// One is due, and goes when it may; the next one after an interval.
    mutating func postpone(rto: Duration, now: Instant) { at = now + interval + rto }

    /// The value of a HEARTBEAT that goes out now.
    mutating func next(nonce: UInt64, rto: Duration, now: Instant) -> UInt64 {
        waiting = (nonce, now)
        postpone(rto: rto, now: now)
        return nonce
    }

    /// How long the answer took; nil when it answers none of ours.
    ///
    /// - Parameter value: Of a HEARTBEAT ACK.
    mutating func takeAnswer(_ value: Span<UInt8>, now: Instant) throws(SCTPError) -> Duration? {
        var offset = 0
        guard let parameter = try TLV.nextParameter(in: value, at: &offset) else { throw .truncated }
        var reader = ByteReader(value.extracting(parameter.value))
        guard let nonce = try? reader.readUInt64() else { throw .truncated }
        guard let (expected, sentAt) = waiting, expected == nonce else { return nil }
        waiting = nil
        return now - sentAt
    }

    mutating func stop() { at = nil }
}
