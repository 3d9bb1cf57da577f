public import Primitives

/// Records that lose what is old. Each method is one transaction.
public protocol ExpiringRecords: ~Copyable {
    /// Why they cannot be read or written.
    associatedtype Failure: Error

    /// Counts a kind: sessions by their end, crew events by their arrival, audit lines by their time, refresh tokens by their expiry.
    mutating func expiry(of kind: ExpiringKind, before age: WallClock) throws(Failure) -> Expiry

    /// Keeps the time as the last one believed, and forgets when kiosks were seen by a clock that was more than a day ahead of it.
    mutating func believe(_ now: WallClock) throws(Failure)

    /// Deletes refresh tokens that have expired, shortens those that a clock which was ahead has made, and deletes families that are
    /// without tokens or forgotten (`TokenPeriods`).
    /// - Returns: how many refresh tokens went, at most `limit`.
    mutating func pruneTokens(now: WallClock, limit: Int) throws(Failure) -> Int

    /// Deletes sessions that ended before `age`.
    /// - Returns: how many went, at most `limit`.
    mutating func pruneSessions(before age: WallClock, limit: Int) throws(Failure) -> Int

    /// Deletes crew events that arrived before `age`.
    /// - Returns: how many went, at most `limit`.
    mutating func pruneCrewEvents(before age: WallClock, limit: Int) throws(Failure) -> Int

    /// Writes the line that says which audit lines are going to be deleted: the oldest, up to the first that is young enough.
    /// - Returns: the last line that goes; nil when none does.
    mutating func announceAuditPruning(before age: WallClock, now: WallClock) throws(Failure) -> Int64?

    /// Deletes lines that are announced, the oldest first, and moves the chain's beginning behind them.
    /// - Returns: how many went, at most `limit`.
    mutating func pruneAudit(through end: Int64, limit: Int) throws(Failure) -> Int
}

/// What goes by its age.
public enum ExpiringKind: Hashable, Sendable, CaseIterable {
    case sessions, crewEvents, audit, refreshTokens
}

/// How many rows of a kind are older than a moment.
public struct Expiry: Hashable, Sendable {
    /// Those that are older.
    public var expired: Int
    /// Those there are.
    public var all: Int

    /// As they were counted.
    public init(expired: Int, of all: Int) {
        self.expired = expired
        self.all = all
    }

    /// Whether it is a tenth or more of them.
    public var isMuch: Bool { expired * 10 >= max(all, 1) }
}
