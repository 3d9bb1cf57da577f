public import Primitives

/// Whether the wall clock is believed when records are to be deleted by their age. A clock that was set years ahead for
/// a moment must not take the records with it.
///
/// The time last believed, which the records keep over a restart, goes on by the monotonic clock. A wall clock that is
/// ahead of that by more than an hour has been set, or the server was off; when a good part of the records would expire
/// by that, it is doubted, and nothing is deleted until it has kept that time for a week.
public struct RetentionClock: Sendable {
    /// What is held of a time.
    public enum Verdict: Equatable, Sendable {
        case believed
        /// `expected` is what the clock would say had it not been set.
        case doubted(expected: WallClock)
    }

    private var believed: Moment
    private var doubtedSince: Instant?

    /// A clock that is ahead by more has been set.
    public static let step: Duration = .seconds(3600)
    /// A clock that keeps its time for so long is right after all.
    public static let patience: Duration = .seconds(7 * 86_400)

    /// - Parameter last: the time last believed, by the records; nil in new ones.
    public init(last: WallClock?, now: Moment) {
        believed = Moment(instant: now.instant, wall: last ?? now.wall)
        doubtedSince = nil
    }

    /// - Parameter expiresMuch: whether a good part of some kind of record would expire; asked only after a step.
    public mutating func judge<Failure>(
        now: Moment, expiresMuch: () throws(Failure) -> Bool
    ) throws(Failure) -> Verdict {
        let expected = believed.wall + (now.instant - believed.instant)
        if now.wall - expected > RetentionClock.step, try expiresMuch() {
            let since = doubtedSince ?? now.instant
            doubtedSince = since
            guard now.instant - since >= RetentionClock.patience else { return .doubted(expected: expected) }
        }
        (believed, doubtedSince) = (now, nil)
        return .believed
    }
}
