import Primitives

/// A packet that was sent, and what feedback said of it.
struct SentPacket: Sendable {
    var sequence: Int64
    var size: DataSize
    var sent: Instant
    var probe: ProbeCluster.ID?
    /// On the receiver's clock.
    var arrival: Instant?
    /// Whether feedback has covered it, received or not.
    var isReported: Bool
    /// Whether it was reported lost before it was reported received.
    var wasReportedLost: Bool
}

/// The packets sent that feedback may still cover: a ring by transport-wide sequence number.
struct SentPackets: Sendable {
    /// At 3 Mbit/s about half a minute.
    static let capacity = 8192
    /// Feedback about a packet that was sent this long ago says nothing any more.
    static let maximumAge: Duration = .seconds(10)

    private var ring: [SentPacket?]
    private var unwrapper: SequenceUnwrapper

    init() {
        ring = Array(repeating: nil, count: SentPackets.capacity)
        unwrapper = SequenceUnwrapper()
    }

    private func slot(_ sequence: Int64) -> Int { Int(truncatingIfNeeded: sequence & Int64(SentPackets.capacity - 1)) }

    mutating func insert(_ number: SequenceNumber, size: DataSize, probe: ProbeCluster.ID?, now: Instant) {
        let sequence = unwrapper.unwrap(number)
        ring[slot(sequence)] = SentPacket(
            sequence: sequence, size: size, sent: now, probe: probe, arrival: nil, isReported: false,
            wasReportedLost: false)
    }

    /// Joins feedback with what was sent. Appends, in order of sequence, each packet that is reported for the
    /// first time, and each one that was reported lost before and is now reported received.
    mutating func join(_ arrivals: [PacketArrival], into results: inout [SentPacket], now: Instant) {
        for arrival in arrivals {
            let sequence = unwrapper.near(arrival.sequence)
            guard var packet = ring[slot(sequence)], packet.sequence == sequence else { continue }
            guard packet.arrival == nil, now - packet.sent < SentPackets.maximumAge else { continue }
            if packet.isReported, arrival.arrival == nil { continue }
            packet.wasReportedLost = packet.isReported
            packet.isReported = true
            packet.arrival = arrival.arrival
            ring[slot(sequence)] = packet
            results.append(packet)
        }
    }
}

extension SequenceUnwrapper {
    /// The unwrapped number that lies nearest to the newest, without following it.
    func near(_ number: SequenceNumber) -> Int64 {
        var copy = self
        return copy.unwrap(number)
    }
}
