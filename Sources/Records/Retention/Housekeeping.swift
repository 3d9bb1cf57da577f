public import Primitives

/// What the records lose by age, a slice at a time: between two slices others have their turn.
public struct Housekeeping: Sendable {
    /// What a slice came to.
    public enum Outcome: Equatable, Sendable {
        case done
        /// There is another slice.
        case more
        /// Nothing is deleted: the wall clock has been set, and a good part of the records would go.
        case doubted(expected: WallClock)
    }

    /// Rows of each kind.
    public static let slice = 500

    private let retention: RetentionPeriods
    private var clock: RetentionClock
    /// The end of what is going from the audit; the line that says so is written.
    private var auditEnd: Int64?

    /// - Parameter lastBelieved: by the records; nil in new ones.
    public init(_ retention: RetentionPeriods, lastBelieved: WallClock?, now: Moment) {
        self.retention = retention
        clock = RetentionClock(last: lastBelieved, now: now)
        auditEnd = nil
    }

    /// The time by which tokens are judged and made: what the clock would say had it not been set, for as long as it is doubted. A clock that is years ahead for a
    /// moment then ends nobody's log-in.
    public mutating func time<Kept: ExpiringRecords & ~Copyable>(
        _ records: inout Kept, now: Moment
    ) throws(Kept.Failure) -> WallClock {
        switch try judge(&records, now: now) {
        case .believed: now.wall
        case .doubted(let expected): expected
        }
    }

    /// Deletes the next slice of each kind, if the clock is believed.
    public mutating func perform<Kept: ExpiringRecords & ~Copyable>(
        on records: inout Kept, now: Moment
    ) throws(Kept.Failure) -> Outcome {
        if case .doubted(let expected) = try judge(&records, now: now) { return .doubted(expected: expected) }
        try records.believe(now.wall)
        var isDone = try records.pruneTokens(now: now.wall, limit: Housekeeping.slice) < Housekeeping.slice
        if let age = retention.sessions {
            let count = try records.pruneSessions(before: now.wall - age, limit: Housekeeping.slice)
            isDone = isDone && count < Housekeeping.slice
        }
        if let age = retention.crewEvents {
            let count = try records.pruneCrewEvents(before: now.wall - age, limit: Housekeeping.slice)
            isDone = isDone && count < Housekeeping.slice
        }
        if let age = retention.audit {
            if auditEnd == nil { auditEnd = try records.announceAuditPruning(before: now.wall - age, now: now.wall) }
            if let end = auditEnd {
                let count = try records.pruneAudit(through: end, limit: Housekeeping.slice)
                if count < Housekeeping.slice { auditEnd = nil } else { isDone = false }
            }
        }
        return isDone ? .done : .more
    }

    private mutating func judge<Kept: ExpiringRecords & ~Copyable>(
        _ records: inout Kept, now: Moment
    ) throws(Kept.Failure) -> RetentionClock.Verdict {
        try clock.judge(now: now) { () throws(Kept.Failure) in
            for kind in ExpiringKind.allCases {
                guard let age = retention.age(of: kind) else { continue }
                if try records.expiry(of: kind, before: now.wall - age).isMuch { return true }
            }
            return false
        }
    }
}
