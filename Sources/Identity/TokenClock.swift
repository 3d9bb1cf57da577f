public import Primitives

/// The time by which access tokens are made and judged: the wall clock, but never set back at once.
///
/// Were it, tokens that have expired would be good again. After a step back it goes on evenly for as long as a token
/// lives; by then those of before the step have expired by any clock, and what was made meanwhile lies in the future,
/// which `Tokens.verify` calls expired: its client fetches a new one.
public struct TokenClock: Sendable {
    private var last: Moment?
    private var heldUntil: Instant?

    /// What a clock is corrected by all the time.
    private static let tolerance: Duration = .seconds(2)

    /// Follows the wall clock until that is set back.
    public init() {
        last = nil
        heldUntil = nil
    }

    /// The time by which a token is made or judged now.
    public mutating func time(_ now: Moment) -> WallClock {
        let steady = last.map { $0.wall + (now.instant - $0.instant) } ?? now.wall
        let until = heldUntil ?? now.instant + Tokens.accessLifetime
        guard steady - now.wall > TokenClock.tolerance, now.instant < until else {
            (last, heldUntil) = (now, nil)
            return now.wall
        }
        (last, heldUntil) = (Moment(instant: now.instant, wall: steady), until)
        return steady
    }
}
