import Primitives

/// When the numbers of a connected session are reported, and what was sent between two reports.
struct StatisticsSchedule: Sendable {
    static let interval = Duration.seconds(1)

    private(set) var nextTimeout: Instant
    private var lastAt: Instant
    private var lastBytes: UInt64

    /// From now on: the session is connected, perhaps anew, after `before`.
    init(after before: StatisticsSchedule?, now: Instant) {
        nextTimeout = now + StatisticsSchedule.interval
        lastAt = now
        lastBytes = before?.lastBytes ?? 0
    }

    /// A report is made now, of so many bytes sent since the session began.
    ///
    /// - Returns: bits per second since the last one; nil where no time has passed.
    mutating func report(bytesSent sent: UInt64, now: Instant) -> Int? {
        defer { (nextTimeout, lastAt, lastBytes) = (now + StatisticsSchedule.interval, now, sent) }
        guard now > lastAt else { return nil }
        // A peer that begins anew is counted anew.
        let bits = (sent >= lastBytes ? sent - lastBytes : sent) * 8
        return Int(Double(bits) / (now - lastAt).seconds)
    }
}
