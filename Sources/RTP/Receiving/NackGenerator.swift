import Primitives

/// Which packets to ask for again: a gap at once, then once per round trip, ten times at most.
struct NackGenerator: Sendable {
    static let maximumMissing = 512
    static let maximumRequests = 10

    private struct Missing: Sendable {
        var sequence: Int64
        var requestAt: Instant
        var requests: Int
    }

    /// In ascending order of sequence.
    private var missing: [Missing]
    var roundTripTime: Duration

    init() {
        missing = []
        missing.reserveCapacity(NackGenerator.maximumMissing)
        roundTripTime = .milliseconds(100)
    }

    var nextRequest: Instant? { missing.min { $0.requestAt < $1.requestAt }?.requestAt }
    var isEmpty: Bool { missing.isEmpty }

    /// Notes the packets between two received ones. False when there are too many to ask for.
    mutating func noteGap(_ range: Range<Int64>, now: Instant) -> Bool {
        guard missing.count + range.count <= NackGenerator.maximumMissing else {
            missing.removeAll(keepingCapacity: true)
            return false
        }
        for sequence in range { missing.append(Missing(sequence: sequence, requestAt: now, requests: 0)) }
        return true
    }

    mutating func received(_ sequence: Int64) {
        if let index = missing.firstIndex(where: { $0.sequence == sequence }) { missing.remove(at: index) }
    }

    /// Forgets everything before `sequence`: its place has been given up.
    mutating func forget(before sequence: Int64) {
        missing.removeAll { $0.sequence < sequence }
    }

    /// Appends what is to be requested now, at most `limit` items.
    mutating func requests(into items: inout [NackItem], limit: Int, now: Instant) {
        // The last request has had its round trip.
        missing.removeAll { $0.requests >= NackGenerator.maximumRequests && $0.requestAt <= now }
        for index in missing.indices where missing[index].requestAt <= now {
            let sequence = SequenceNumber(UInt16(truncatingIfNeeded: missing[index].sequence))
            let distance = items.last.map { sequence.distance(from: $0.first) } ?? 0
            if !items.isEmpty, (1...16).contains(distance) {
                items[items.count - 1].mask |= 1 << UInt16(distance - 1)
            } else {
                guard items.count < limit else { break }
                items.append(NackItem(first: sequence, mask: 0))
            }
            missing[index].requests += 1
            missing[index].requestAt = now + max(roundTripTime, .milliseconds(10))
        }
    }
}
