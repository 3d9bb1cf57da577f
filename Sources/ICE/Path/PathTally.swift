import Primitives

/// What the selected pair carries, and how often another one was selected.
struct PathTally: Sendable {
    private(set) var traffic: PathTraffic
    /// How often another pair became the selected one, and how often there was none any more.
    private(set) var changes: UInt64
    /// The pair that `traffic` is counted for.
    private var pair: Int?

    init() {
        traffic = PathTraffic()
        changes = 0
        pair = nil
    }

    mutating func noteSent(_ bytes: Int, now: Instant) { traffic.noteSent(bytes, now: now) }
    mutating func noteReceived(_ bytes: Int, now: Instant) { traffic.noteReceived(bytes, now: now) }

    /// The datagrams that are counted from now on are this pair's. What was counted before is returned, to be kept with its
    /// own pair, which may be selected again.
    mutating func count(for new: CandidatePair?) -> (pair: Int, traffic: PathTraffic)? {
        guard new?.id != pair else { return nil }
        let before = pair.map { ($0, traffic) }
        traffic = new?.statistics.traffic ?? PathTraffic()
        pair = new?.id
        changes += 1
        return before
    }
}
