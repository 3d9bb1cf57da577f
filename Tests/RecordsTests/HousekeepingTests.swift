import Identity
import Primitives
import Records
import Testing

@Suite struct HousekeepingTests {
    /// Records that are nothing but figures.
    private struct Figures: ExpiringRecords {
        enum Failure: Error { case full }

        var believed: [WallClock] = []
        /// Rows that are to go, by kind.
        var expired: [ExpiringKind: Int] = [:]
        var rows = 100
        /// What was asked for.
        var asked: [String] = []
        var fails = false

        private mutating func take(_ kind: ExpiringKind, _ limit: Int) -> Int {
            let count = min(expired[kind, default: 0], limit)
            expired[kind, default: 0] -= count
            asked.append("\(kind) \(count)")
            return count
        }

        mutating func expiry(of kind: ExpiringKind, before age: WallClock) -> Expiry {
            Expiry(expired: expired[kind, default: 0], of: rows)
        }
        mutating func believe(_ now: WallClock) throws(Failure) {
            if fails { throw .full }
            believed.append(now)
        }
        mutating func pruneTokens(now: WallClock, limit: Int) -> Int { take(.refreshTokens, limit) }
        mutating func pruneSessions(before age: WallClock, limit: Int) -> Int { take(.sessions, limit) }
        mutating func pruneCrewEvents(before age: WallClock, limit: Int) -> Int { take(.crewEvents, limit) }
        mutating func announceAuditPruning(before age: WallClock, now: WallClock) -> Int64? {
            asked.append("announce")
            return expired[.audit, default: 0] > 0 ? 9 : nil
        }
        mutating func pruneAudit(through end: Int64, limit: Int) -> Int { take(.audit, limit) }
    }

    private let year = RetentionPeriods(
        sessions: .seconds(365 * 86_400), crewEvents: nil, audit: .seconds(365 * 86_400))

    private func moment(_ seconds: Int, wall: Int? = nil) -> Moment {
        Moment(instant: .zero + .seconds(seconds), wall: start + .seconds(wall ?? seconds))
    }

    @Test func sliceByslice() throws {
        var figures = Figures(expired: [.sessions: Housekeeping.slice + 1, .audit: Housekeeping.slice + 2])
        var housekeeping = Housekeeping(year, lastBelieved: nil, now: moment(0))
        #expect(try housekeeping.perform(on: &figures, now: moment(1)) == .more)
        #expect(figures.asked == ["refreshTokens 0", "sessions 500", "announce", "audit 500"])
        figures.asked = []
        #expect(try housekeeping.perform(on: &figures, now: moment(2)) == .done)
        #expect(figures.asked == ["refreshTokens 0", "sessions 1", "audit 2"], "one line says it, however many slices")
        figures.asked = []
        #expect(try housekeeping.perform(on: &figures, now: moment(3)) == .done)
        #expect(figures.asked == ["refreshTokens 0", "sessions 0", "announce"])
        #expect(figures.believed.count == 3)
    }

    @Test func aDoubtedClockDeletesNothingAndIsNotKept() throws {
        var figures = Figures(expired: [.sessions: 10])
        var housekeeping = Housekeeping(year, lastBelieved: nil, now: moment(0))
        let wrong = moment(60, wall: 3 * 365 * 86_400)
        #expect(try housekeeping.time(&figures, now: wrong) == moment(60).wall)
        #expect(try housekeeping.perform(on: &figures, now: wrong) == .doubted(expected: moment(60).wall))
        #expect(figures.asked.isEmpty && figures.believed.isEmpty)
        // What is kept for ever cannot expire, and less than a tenth is no reason for doubt.
        figures.expired = [.crewEvents: 100, .sessions: 9]
        #expect(try housekeeping.time(&figures, now: wrong) == wrong.wall)
    }

    @Test func aFailureIsTheRecordsOwn() throws {
        var figures = Figures(fails: true)
        var housekeeping = Housekeeping(year, lastBelieved: nil, now: moment(0))
        #expect(throws: Figures.Failure.full) { try housekeeping.perform(on: &figures, now: moment(1)) }
    }

    @Test(arguments: [(0, 0, false), (1, 1, true), (1, 10, true), (1, 11, false), (9, 100, false), (10, 100, true)])
    func aTenthIsMuch(expired: Int, all: Int, isMuch: Bool) {
        #expect(Expiry(expired: expired, of: all).isMuch == isMuch)
    }

    @Test func whatTokensAreJudgedByIsTheirLifetimes() {
        let now = start
        #expect(TokenPeriods.inAccessTokens(now: now) + Tokens.accessLifetime == now)
        #expect(TokenPeriods.forgotten(now: now) < TokenPeriods.inAccessTokens(now: now))
        let early = now - Tokens.refreshWindow
        #expect(TokenPeriods.refreshExpiry(now: early) == TokenPeriods.recentExpiry(now: now), "made before the window")
    }

    // MARK: The clock

    @Test func aStepIsDoubtedUntilTheClockHasKeptItForAWeek() {
        var clock = RetentionClock(last: start, now: moment(0))
        func judge(_ now: Moment, _ expiresMuch: Bool = true) -> RetentionClock.Verdict {
            clock.judge(now: now) { expiresMuch }
        }
        let week = 7 * 86_400
        #expect(judge(moment(10, wall: 3600 + 10)) == .believed, "an hour is no step")
        clock = RetentionClock(last: start, now: moment(0))
        #expect(judge(moment(10, wall: 3611)) == .doubted(expected: moment(10).wall))
        #expect(judge(moment(10 + week - 1, wall: 3611 + week)) == .doubted(expected: moment(10 + week - 1).wall))
        #expect(judge(moment(10 + week, wall: 3611 + week)) == .believed)
        #expect(judge(moment(week + 20, wall: -86_400)) == .believed, "back is no danger")
        clock = RetentionClock(last: start, now: moment(0))
        #expect(judge(moment(10, wall: 999_999), false) == .believed, "nothing would go")
    }
}
