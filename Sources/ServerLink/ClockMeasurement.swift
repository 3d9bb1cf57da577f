import Primitives

/// How far the server's clock is ahead of ours, measured by a heartbeat and its answer.
struct ClockMeasurement: Sendable {
    /// An answer that takes longer measures nothing.
    static let patience = Duration.seconds(10)

    private var askedAt: WallClock?

    /// A heartbeat leaves.
    mutating func asked(at wall: WallClock) { askedAt = wall }

    /// Half of the round trip belongs to the way there: the error is at most the other half.
    ///
    /// - Returns: nil for an answer to nothing, one that took too long, and where our own clock was set back meanwhile.
    mutating func answered(_ server: WallClock, at received: WallClock) -> Duration? {
        guard let asked = askedAt else { return nil }
        askedAt = nil
        guard received >= asked, received - asked < ClockMeasurement.patience else { return nil }
        return server - (asked + (received - asked) / 2)
    }
}
