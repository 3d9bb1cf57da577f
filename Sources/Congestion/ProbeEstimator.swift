import Primitives

/// Measures what a path carried from the packets of one probe cluster: the slower of the rates at which they left and
/// arrived.
struct ProbeEstimator: Sendable {
    /// The share of a cluster's packets and bytes that must arrive.
    static let completeness = 0.8
    static let maximumInterval: Duration = .seconds(1)
    /// Arriving this much slower than sent means the path's rate was reached; what it carries is then known, and a
    /// little less is aimed at.
    static let saturation = 0.9
    static let saturatedShare = 0.95
    /// Arriving this much slower than sent is more than jitter can make of it.
    static let fullness = 0.75

    struct Result: Hashable, Sendable {
        var rate: Bitrate
        /// Whether the path, not the probe, was the limit.
        var isSaturated: Bool
        /// Whether it plainly was.
        var isFull: Bool
        /// Whether this is the first that is known of the cluster.
        var isFirst: Bool
        var cluster: ProbeCluster
    }

    private struct Progress: Sendable {
        var cluster: ProbeCluster
        var packets: Int
        var size: Int
        var firstSent: Instant
        var lastSent: Instant
        var lastSentSize: Int
        var firstArrival: Instant
        var firstArrivalSize: Int
        var lastArrival: Instant
        var hasResult: Bool
        var isDone: Bool
    }

    private var clusters: [Progress]

    init() {
        clusters = []
        clusters.reserveCapacity(16)
    }

    mutating func begin(_ cluster: ProbeCluster) {
        if clusters.count >= 16 { clusters.removeFirst() }
        clusters.append(
            Progress(
                cluster: cluster, packets: 0, size: 0, firstSent: .distantFuture, lastSent: .zero, lastSentSize: 0,
                firstArrival: .distantFuture, firstArrivalSize: 0, lastArrival: .zero, hasResult: false,
                isDone: false))
    }

    /// Takes in a received packet of a probe; gives the cluster's result when it is complete enough for one, and a more
    /// exact one with each packet that follows.
    mutating func add(_ packet: SentPacket) -> Result? {
        guard let id = packet.probe, let arrival = packet.arrival,
            let index = clusters.firstIndex(where: { $0.cluster.id == id })
        else { return nil }
        var progress = clusters[index]
        progress.packets += 1
        progress.size += packet.size.bytes
        if progress.packets == 1 {
            progress.lastSent = packet.sent
            progress.lastArrival = arrival
        }
        progress.firstSent = min(progress.firstSent, packet.sent)
        if packet.sent >= progress.lastSent {
            progress.lastSent = packet.sent
            progress.lastSentSize = packet.size.bytes
        }
        if arrival < progress.firstArrival {
            progress.firstArrival = arrival
            progress.firstArrivalSize = packet.size.bytes
        }
        progress.lastArrival = max(progress.lastArrival, arrival)
        defer { clusters[index] = progress }
        let cluster = progress.cluster
        guard !progress.isDone,
            Double(progress.packets) >= Double(cluster.minimumPackets) * ProbeEstimator.completeness,
            Double(progress.size) >= Double(cluster.minimumSize.bytes) * ProbeEstimator.completeness
        else { return nil }
        let send = progress.lastSent - progress.firstSent
        let receive = progress.lastArrival - progress.firstArrival
        guard send > .zero, receive > .zero, send < ProbeEstimator.maximumInterval,
            receive < ProbeEstimator.maximumInterval
        else { return nil }
        // The last packet sent and the first one received do not belong to the intervals.
        let sendRate = DataSize(bytes: progress.size - progress.lastSentSize) / send
        let receiveRate = DataSize(bytes: progress.size - progress.firstArrivalSize) / receive
        // Arriving at twice the rate it was sent is an accident of the path's buffers.
        guard receiveRate <= sendRate * 2 else { return nil }
        let isSaturated = receiveRate < sendRate * ProbeEstimator.saturation
        let isWhole = progress.packets >= cluster.minimumPackets && progress.size >= cluster.minimumSize.bytes
        if isWhole { progress.isDone = true }
        let isFirst = !progress.hasResult
        progress.hasResult = true
        return Result(
            rate: isSaturated ? receiveRate * ProbeEstimator.saturatedShare : min(sendRate, receiveRate),
            isSaturated: isSaturated, isFull: receiveRate < sendRate * ProbeEstimator.fullness, isFirst: isFirst,
            cluster: cluster)
    }
}
