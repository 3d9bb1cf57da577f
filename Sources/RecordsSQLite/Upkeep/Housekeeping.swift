internal import Database
internal import Primitives
internal import Records

/// What the records lose by age, a slice at a time: between two slices others have their turn.
struct Housekeeping: Sendable {
    enum Outcome: Equatable, Sendable {
        case done
        /// There is another slice.
        case more
        /// Nothing is deleted: the wall clock has been set, and a good part of the records would go.
        case doubted(expected: WallClock)
    }

    /// Rows of each kind.
    static let slice = 500

    private let retention: RetentionPeriods
    private var clock: RetentionClock
    /// The end of what is going from the audit; the line that says so is written.
    private var auditEnd: Int64?

    init(_ retention: RetentionPeriods, lastBelieved: WallClock?, now: Moment) {
        self.retention = retention
        clock = RetentionClock(last: lastBelieved, now: now)
        auditEnd = nil
    }

    /// The time by which tokens are judged and made: what the clock would say had it not been set, for as long as it is doubted. A clock that is years ahead for a
    /// moment then ends nobody's log-in.
    mutating func time(_ store: inout Store, now: Moment) throws(DatabaseError) -> WallClock {
        let verdict = try clock.judge(now: now) { () throws(DatabaseError) in
            try store.expiresMuch(retention, now: now.wall)
        }
        return switch verdict {
        case .believed: now.wall
        case .doubted(let expected): expected
        }
    }

    mutating func perform(on store: inout Store, now: Moment) throws(DatabaseError) -> Outcome {
        let verdict = try clock.judge(now: now) { () throws(DatabaseError) in
            try store.expiresMuch(retention, now: now.wall)
        }
        if case .doubted(let expected) = verdict { return .doubted(expected: expected) }
        try store.believe(now.wall)
        var isDone = try store.pruneTokens(now: now.wall, limit: Housekeeping.slice) < Housekeeping.slice
        if let age = retention.sessions {
            let count = try store.pruneSessions(before: now.wall - age, limit: Housekeeping.slice)
            isDone = isDone && count < Housekeeping.slice
        }
        if let age = retention.crewEvents {
            let count = try store.pruneCrewEvents(before: now.wall - age, limit: Housekeeping.slice)
            isDone = isDone && count < Housekeeping.slice
        }
        if let age = retention.audit {
            if auditEnd == nil { auditEnd = try store.announceAuditPruning(before: now.wall - age, now: now.wall) }
            if let end = auditEnd {
                let count = try store.pruneAudit(through: end, limit: Housekeeping.slice)
                if count < Housekeeping.slice { auditEnd = nil } else { isDone = false }
            }
        }
        return isDone ? .done : .more
    }
}
