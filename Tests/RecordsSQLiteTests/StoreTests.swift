import Database
import Foundation
import Identity
import Primitives
import SessionRules
import Signaling
import Testing

@testable import Records
@testable import RecordsSQLite

/// What a server keeps that is told nothing else.
private let defaultRetention = RetentionPeriods(
    sessions: .seconds(365 * 86_400), crewEvents: .seconds(730 * 86_400), audit: .seconds(365 * 86_400))

@Suite final class StoreTests {
    private var nextFamily = 0

    private func store() throws -> Store {
        var store = try Store(.memory, now: start.wall)
        for (id, role) in [("K1", Role.kiosk), ("K2", .kiosk), ("M1", .monitor)] {
            try store.add(account(id, role), password: cheapHash, actor: "cli")
        }
        return store
    }

    @Test func accountsAreKeptAndNamesAreUnique() throws {
        var store = try store()
        #expect(try store.accounts().map(\.id) == ["K1", "K2", "M1"])
        #expect(try store.account("K1") == account("K1"))
        #expect(try store.credentials("K1")?.password == cheapHash)
        #expect(try store.credentials("K9") == nil)
        #expect(throws: RecordError.accountExists("K1")) {
            try store.add(account("K1", .admin), password: cheapHash, actor: "cli")
        }
        #expect(throws: RecordError.noSuchAccount("K9")) {
            try store.setDisabled("K9", true, actor: "cli", now: start.wall)
        }
        try store.setDisabled("K1", true, actor: "cli", now: start.wall)
        #expect(try store.account("K1")?.isDisabled == true)
        try store.setDisabled("K1", false, actor: "cli", now: start.wall)
        #expect(try store.account("K1")?.isDisabled == false)
        try store.remove("K2", actor: "cli", now: start.wall)
        #expect(try store.accounts().map(\.id) == ["K1", "M1"])
    }

    @Test func theFirstKeyIsMadeOnceAndRotates() throws {
        var store = try store()
        let first = try store.directory(now: start.wall).keys
        #expect(first.count == 1 && !first[0].isRetired)
        try store.rotateKeys(actor: "cli", now: after(.seconds(10)).wall)
        let both = try store.directory(now: after(.seconds(11)).wall).keys
        #expect(both.count == 2)
        #expect(both.first == Tokens.StoredKey(id: first[0].id, jwk: first[0].jwk, isRetired: true))
        #expect(both.last?.isRetired == false)
        // Once the last of its tokens has expired nobody needs the old one.
        #expect(try store.directory(now: after(.seconds(1000)).wall).keys == [both[1]])
    }

    // MARK: Refresh tokens

    @Test func aRefreshTokenIsGoodOnceAndItsReuseRevokesTheFamily() throws {
        var store = try store()
        let tokens = (0..<4).map { _ in Tokens.newRefreshToken() }
        try store.beginFamily("F", account: account("K1"), refreshHash: tokens[0].hash, address: "a", now: start.wall)
        #expect(
            try store.refresh(hash: tokens[0].hash, nextHash: tokens[1].hash, now: after(.seconds(1)).wall)
                == .renewed(account("K1"), family: "F"))
        #expect(
            try store.refresh(hash: tokens[1].hash, nextHash: tokens[2].hash, now: after(.seconds(2)).wall)
                == .renewed(account("K1"), family: "F"))
        #expect(
            try store.refresh(hash: tokens[0].hash, nextHash: tokens[3].hash, now: after(.seconds(3)).wall)
                == .reused(family: "F"))
        // The thief's and the owner's are both void now.
        #expect(
            try store.refresh(hash: tokens[2].hash, nextHash: tokens[3].hash, now: after(.seconds(4)).wall) == .unknown)
        #expect(try store.directory(now: after(.seconds(5)).wall).revokedFamilies == ["F"])
        #expect(try store.directory(now: after(.seconds(1000)).wall).revokedFamilies.isEmpty)
    }

    /// The answer to a refresh may be lost on the way; the client has nothing but the token that it sent.
    @Test func aLostAnswerToARefreshDoesNotCostTheLogIn() throws {
        var store = try store()
        let tokens = (0..<7).map { _ in Tokens.newRefreshToken().hash }
        let renewed = RefreshOutcome.renewed(account("K1"), family: "F")
        func use(_ index: Int, for next: Int, at seconds: Int) throws -> RefreshOutcome {
            try store.refresh(hash: tokens[index], nextHash: tokens[next], now: after(.seconds(seconds)).wall)
        }
        try store.beginFamily("F", account: account("K1"), refreshHash: tokens[0], address: "a", now: start.wall)
        #expect(try use(0, for: 1, at: 100) == renewed)
        // Lost twice; the third answer arrives, and is what counts.
        #expect(try use(0, for: 2, at: 130) == renewed)
        #expect(try use(0, for: 3, at: 160) == renewed)
        #expect(try use(3, for: 4, at: 161) == renewed)
        // From now on the first one is a copy in other hands.
        #expect(try use(0, for: 5, at: 162) == .reused(family: "F"))
        #expect(try use(4, for: 5, at: 163) == .unknown)
    }

    /// Token, its successor, and the second of each use.
    @Test(arguments: [
        // An answer that was lost, asked for again when the grace is over.
        [[0, 1, 100], [0, 2, 161]],
        // Two holders within the grace: the second's pair took the place of the first's, which is used all the same.
        [[0, 1, 100], [0, 2, 130], [1, 3, 131]],
        [[0, 1, 100], [1, 2, 101], [0, 3, 102]],
    ])
    func twoHoldersAreStillNoticed(uses: [[Int]]) throws {
        var store = try store()
        let tokens = (0..<5).map { _ in Tokens.newRefreshToken().hash }
        try store.beginFamily("F", account: account("K1"), refreshHash: tokens[0], address: "a", now: start.wall)
        var outcomes: [RefreshOutcome] = []
        for use in uses {
            outcomes.append(
                try store.refresh(hash: tokens[use[0]], nextHash: tokens[use[1]], now: after(.seconds(use[2])).wall))
        }
        #expect(outcomes.last == .reused(family: "F"))
        #expect(outcomes.dropLast().allSatisfy { $0 == .renewed(account("K1"), family: "F") })
        #expect(try store.directory(now: after(.seconds(200)).wall).revokedFamilies == ["F"])
    }

    /// Each trade is a row that is kept for a month.
    @Test func oneLogInIsNotRefreshedWithoutEnd() throws {
        var store = try store()
        var last = Tokens.newRefreshToken().hash
        try store.beginFamily("F", account: account("K1"), refreshHash: last, address: "a", now: start.wall)
        func refresh(at seconds: Int) throws -> RefreshOutcome {
            let next = Tokens.newRefreshToken().hash
            let outcome = try store.refresh(hash: last, nextHash: next, now: after(.seconds(seconds)).wall)
            if case .renewed = outcome { last = next }
            return outcome
        }
        let outcomes = try (0..<100).map { try refresh(at: $0 / 10) }
        #expect(outcomes.count { $0 == .tooOften } == 100 - (Tokens.refreshesPerWindow - 1))
        #expect(outcomes.last == .tooOften)
        // What was refused is as good as before.
        #expect(try refresh(at: 320) == .renewed(account("K1"), family: "F"))
    }

    /// Made while the clock was a year ahead, a token is not good for a year.
    @Test func aTokenOfTheFutureIsShortened() throws {
        var store = try store()
        let (a, b) = (Tokens.newRefreshToken().hash, Tokens.newRefreshToken().hash)
        let year = after(.seconds(365 * 86_400)).wall
        try store.beginFamily("F", account: account("K1"), refreshHash: a, address: "a", now: year)
        try store.pruneTokens(now: start.wall)
        let month = after(Tokens.refreshLifetime).wall
        #expect(try store.refresh(hash: a, nextHash: b, now: month) == .expired)
    }

    @Test func aDisabledAccountHasNoGrace() throws {
        var store = try store()
        let tokens = (0..<3).map { _ in Tokens.newRefreshToken().hash }
        try store.beginFamily("F", account: account("K1"), refreshHash: tokens[0], address: "a", now: start.wall)
        _ = try store.refresh(hash: tokens[0], nextHash: tokens[1], now: after(.seconds(1)).wall)
        try store.setDisabled("K1", true, actor: "cli", now: after(.seconds(2)).wall)
        #expect(try store.refresh(hash: tokens[0], nextHash: tokens[2], now: after(.seconds(3)).wall) == .unknown)
    }

    @Test func refreshTokensExpireAndNeedALivingAccount() throws {
        var store = try store()
        let (a, b, c) = (Tokens.newRefreshToken(), Tokens.newRefreshToken(), Tokens.newRefreshToken())
        try store.beginFamily("F", account: account("K1"), refreshHash: a.hash, address: "a", now: start.wall)
        let late = after(Tokens.refreshLifetime).wall
        #expect(try store.refresh(hash: a.hash, nextHash: b.hash, now: late) == .expired)
        #expect(try store.refresh(hash: c.hash, nextHash: b.hash, now: start.wall) == .unknown)
        try store.setDisabled("K1", true, actor: "cli", now: start.wall)
        #expect(try store.refresh(hash: a.hash, nextHash: b.hash, now: start.wall) == .unknown)
        try store.beginFamily("G", account: account("K2"), refreshHash: b.hash, address: "a", now: start.wall)
        try store.setPassword("K2", cheapHash, actor: "cli", now: start.wall)
        #expect(try store.refresh(hash: b.hash, nextHash: c.hash, now: start.wall) == .unknown)
        try store.remove("K2", actor: "cli", now: start.wall)
        #expect(try store.refresh(hash: b.hash, nextHash: c.hash, now: start.wall) == .unknown)
        try store.pruneTokens(now: late + .seconds(1))
        #expect(try store.refresh(hash: a.hash, nextHash: c.hash, now: start.wall) == .unknown)
    }

    // MARK: Crew

    private func record(_ event: CrewEvent, _ kiosk: String = "K1", at second: Int = 0) -> CrewRecord {
        CrewRecord(
            organization: "west", kioskId: kiosk, event: event, receivedAt: after(.seconds(second)).wall)
    }

    @Test func theSameEventTwiceIsOneEvent() throws {
        var store = try store()
        #expect(try store.log(record(crewEvent("e1"))))
        #expect(try store.log(record(crewEvent("e1"), at: 5)) == false)
        #expect(try store.log(record(crewEvent("e1", .signOff, crew: "1"))) == false, "the first to arrive counts")
        #expect(try store.log(record(crewEvent("e1"), "K2")), "another kiosk's event is another event")
        let all = try store.crewEvents(organization: "west", CrewFilter(), before: nil, limit: 10)
        #expect(all.map(\.kioskId) == ["K2", "K1"])
        #expect(all.last?.event == crewEvent("e1"))
        #expect(all.last?.receivedAt == start.wall)
    }

    @Test func theOrderOfArrivalIsKeptAndPagesDoNotOverlap() throws {
        var store = try store()
        for index in 0..<25 { _ = try store.log(record(crewEvent("e\(index)"), at: index)) }
        var cursor: Int64?
        var seen: [String] = []
        repeat {
            let page = try store.crewEvents(organization: "west", CrewFilter(), before: cursor, limit: 10)
            seen += page.map(\.event.eventId)
            cursor = page.count == 10 ? page.last?.sequence : nil
            if seen.count == 10 { _ = try store.log(record(crewEvent("late"), at: 99)) }
        } while cursor != nil
        #expect(seen == (0..<25).reversed().map { "e\($0)" })
    }

    @Test func crewEventsAreFilteredAndOrganizationsApart() throws {
        var store = try store()
        _ = try store.log(record(crewEvent("a", crew: "1"), at: 0))
        _ = try store.log(record(crewEvent("b", crew: "2"), "K2", at: 10))
        _ = try store.log(record(crewEvent("c", crew: "1"), "K2", at: 20))
        func ids(_ filter: CrewFilter, _ organization: String = "west") throws -> [String] {
            try store.crewEvents(organization: organization, filter, before: nil, limit: 10).map(\.event.eventId)
        }
        #expect(try ids(.init()) == ["c", "b", "a"])
        #expect(try ids(.init(kioskId: "K2")) == ["c", "b"])
        #expect(try ids(.init(crewId: "1")) == ["c", "a"])
        #expect(try ids(.init(from: after(.seconds(10)).wall, to: after(.seconds(20)).wall)) == ["b"])
        #expect(try ids(.init(), "east").isEmpty)
        #expect(try store.pruneCrewEvents(before: after(.seconds(15)).wall) == 2)
        #expect(try ids(.init()) == ["c"])
    }

    @Test func whatWasStoredIsThereAfterARestart() throws {
        let file = TemporaryFile()
        do {
            var first = try Store(.file(file.path), now: start.wall)
            try first.add(account("K1"), password: cheapHash, actor: "cli")
            _ = try first.log(record(crewEvent("e1")))
        }
        var second = try Store(.file(file.path), now: start.wall)
        #expect(try second.log(record(crewEvent("e1"))) == false)
        #expect(try second.directory(now: start.wall).keys.count == 1)
        #expect(try second.verifyAudit() == .whole(rows: 1))
    }

    // MARK: Filters

    @Test func theAuditIsFilteredByKioskActorKindAndTime() throws {
        var store = try Store(.memory, now: start.wall)
        let lines: [(AuditEntry.Kind, String, String)] = [
            (.monitoringStarted, "M1", "K1"), (.mediaStarted, "K1", "M1"), (.monitoringStarted, "M2", "K2"),
            (.login, "M1", ""),
        ]
        for (index, line) in lines.enumerated() {
            try store.append(
                AuditEntry(
                    at: after(.seconds(index)).wall, kind: line.0, organization: "west", principal: line.1,
                    subject: line.2))
        }
        func found(_ filter: AuditFilter) throws -> [Int64] {
            try store.audit(organization: "west", filter).map(\.sequence)
        }
        #expect(try found(AuditFilter()) == [4, 3, 2, 1])
        #expect(try found(AuditFilter(kioskId: "K1")) == [2, 1])
        #expect(try found(AuditFilter(actor: "M1")) == [4, 1])
        #expect(try found(AuditFilter(kind: .monitoringStarted)) == [3, 1])
        #expect(try found(AuditFilter(from: after(.seconds(1)).wall, to: after(.seconds(3)).wall)) == [3, 2])
        #expect(try found(AuditFilter(kioskId: "K1", actor: "M1", kind: .monitoringStarted)) == [1])
        #expect(try store.audit(organization: "east", AuditFilter(actor: "M1")).isEmpty)
    }

    @Test func crewEventsAreFilteredByKind() throws {
        var store = try store()
        for (id, kind) in [("e1", CrewEvent.Kind.signOn), ("e2", .signOff), ("e3", .signOn)] {
            _ = try store.log(
                CrewRecord(organization: "west", kioskId: "K1", event: crewEvent(id, kind), receivedAt: start.wall))
        }
        func found(_ kind: CrewEvent.Kind?) throws -> [String] {
            let events = try store.crewEvents(
                organization: "west", CrewFilter(kind: kind), before: nil, limit: 9)
            return events.map(\.event.eventId)
        }
        #expect(try found(nil) == ["e3", "e2", "e1"])
        #expect(try found(.signOn) == ["e3", "e1"])
        #expect(try found(.signOff) == ["e2"])
    }

    // MARK: Preferences

    @Test func preferencesAreKeptWhereTheyAreWhatTheChangeWasMadeFrom() throws {
        var store = try store()
        func keep(_ text: String, _ expected: Set<Int64>?, of account: String = "M1") throws -> PreferencesOutcome? {
            let change = PreferencesChange(account: account, document: Array(text.utf8), expected: expected)
            let answer = try store.answer(
                to: .keepPreferences(change, RecordTicket(rawValue: 7)), now: start.wall)
            guard case .preferencesKept(let outcome, RecordTicket(rawValue: 7))? = answer else { return nil }
            return outcome
        }
        func read(_ account: String) throws -> StoredPreferences? {
            guard
                case .preferences(let found, RecordTicket(rawValue: 8)) = try store.answer(
                    to: ListRequest.preferences(account: account, RecordTicket(rawValue: 8)))
            else { return nil }
            return found
        }
        #expect(try read("M1") == StoredPreferences.none)
        #expect(try keep("{ }", [0]) == .kept(revision: 1))
        #expect(try keep("{}", [0]) == .changedMeanwhile(revision: 1))
        #expect(try keep("{}", []) == .changedMeanwhile(revision: 1))
        #expect(try read("M1") == StoredPreferences(document: Array("{ }".utf8), revision: 1))
        #expect(try keep("{\"a\":1}", nil) == .kept(revision: 2))
        #expect(try read("K1") == StoredPreferences.none)
        #expect(try keep("{}", nil, of: "M3") == .noSuchAccount)
        try store.remove("M1", actor: "cli", now: start.wall)
        #expect(try read("M1") == StoredPreferences.none)
    }

    // MARK: Sessions

    @Test func aSessionsLifeIsKeptAndAudited() throws {
        var store = try store()
        try store.sessionBegan(try session("S1"))
        #expect(try store.openSessions().map(\.id) == ["S1"])
        try store.sessionMoved("S1", toClient: "tab-2")
        #expect(try store.openSessions()[0].clientId == "tab-2")
        try store.sessionNegotiated("S1", at: after(.seconds(1)).wall)
        let report = SessionReport(sessionId: "S1", state: .mediaStarted, firstFrameMs: 120)
        try store.sessionReported(report, at: after(.seconds(2)).wall)
        try store.sessionReported(report, at: after(.seconds(3)).wall)
        try store.sessionReported(SessionReport(sessionId: "S1", state: .mediaStopped), at: after(.seconds(9)).wall)
        try store.sessionEnded(
            "S1", .endedByAdmin, by: SessionEnder("A1", reason: "the wrong kiosk"), at: after(.seconds(10)).wall)
        try store.sessionEnded("S1", .kioskDisconnected, by: nil, at: after(.seconds(11)).wall)
        let kept = try #require(try store.session("S1"))
        #expect(kept.negotiatedAt == after(.seconds(1)).wall)
        #expect(kept.mediaStartedAt == after(.seconds(2)).wall && kept.firstFrameMs == 120)
        #expect(kept.mediaStoppedAt == after(.seconds(9)).wall)
        #expect(kept.endReason == .endedByAdmin && kept.endedAt == after(.seconds(10)).wall)
        #expect(try store.openSessions().isEmpty)
        let audit = try store.audit(organization: "west", before: nil, limit: 5)
        #expect(
            audit.map(\.kind) == [
                "monitoring-stopped", "media-stopped", "media-started", "media-started", "monitoring-started",
            ])
        #expect(audit[0].actor == "A1" && audit[0].subject == "K1")
        #expect(
            audit[0].details.hasSuffix(
                #""monitorId":"M1","reason":"ended-by-admin","seconds":10,"statedReason":"the wrong kiosk"}"#))
    }

    @Test func sessionsAreListedNewestFirst() throws {
        var store = try store()
        for index in 0..<3 { try store.sessionBegan(try session("S\(index)", kiosk: "K\(index)")) }
        try store.sessionEnded("S1", .stoppedByMonitor, by: nil, at: start.wall)
        func ids(_ open: Bool?, _ organization: String = "west", before: Int64? = nil) throws -> [String] {
            try store.sessions(organization: organization, kioskId: nil, isOpen: open, before: before, limit: 10)
                .map(\.id)
        }
        #expect(try ids(nil) == ["S2", "S1", "S0"])
        #expect(try ids(true) == ["S2", "S0"])
        #expect(try ids(false) == ["S1"])
        #expect(try ids(nil, before: 2) == ["S0"])
        #expect(try ids(nil, "east").isEmpty)
        #expect(try store.pruneSessions(before: after(.seconds(1)).wall) == 1, "those that go on are never pruned")
    }

    // MARK: Audit

    @Test func anUntouchedAuditIsWhole() throws {
        var store = try store()
        #expect(try store.verifyAudit() == .whole(rows: 3))
        #expect(try store.audit(organization: "east", before: nil, limit: 10).isEmpty)
    }

    @Test(arguments: [
        "UPDATE audit SET actor = 'nobody' WHERE sequence = 2", "UPDATE audit SET at = at + 1 WHERE sequence = 2",
        "UPDATE audit SET details = '{}' WHERE sequence = 2", "UPDATE audit SET hash = zeroblob(32) WHERE sequence = 2",
        "DELETE FROM audit WHERE sequence = 2", "UPDATE audit SET organization = 'x', kind = 'y' WHERE sequence = 2",
    ])
    func anyChangeIsFound(sql: String) throws {
        let file = TemporaryFile()
        var store = try Store(.file(file.path), now: start.wall)
        for id in ["K1", "K2", "K3"] { try store.add(account(id), password: cheapHash, actor: "cli") }
        var forger = try Database(.file(file.path))
        try forger.execute(sql)
        guard case .broken(sequence: 2, _) = try store.verifyAudit() else {
            Issue.record("not found")
            return
        }
    }

    /// Rows gone from the front, with the beginning moved behind them as retention moves it.
    @Test(arguments: [1, 2, 3]) func aForgedBeginningIsFound(through: Int) throws {
        let file = TemporaryFile()
        var store = try Store(.file(file.path), now: start.wall)
        for id in ["K1", "K2", "K3"] { try store.add(account(id), password: cheapHash, actor: "cli") }
        var forger = try Database(.file(file.path))
        try forger.execute(
            "UPDATE audit_anchor SET (sequence, hash) = (SELECT sequence, hash FROM audit WHERE sequence = ?)", through)
        try forger.execute("DELETE FROM audit WHERE sequence <= ?", through)
        guard case .broken(sequence: Int64(through), _) = try store.verifyAudit() else {
            Issue.record("not found")
            return
        }
    }

    @Test func readingWaitsForNobodyAndNobodyForIt() throws {
        let file = TemporaryFile()
        var store = try Store(.file(file.path), Database.Options(busyTimeout: .zero), now: start.wall)
        try store.add(account("K1"), password: cheapHash, actor: "cli")
        var other = try Database(.file(file.path), Database.Options(busyTimeout: .zero))
        // Somebody writes.
        _ = try other.begin()
        #expect(try store.verifyAudit() == .whole(rows: 1))
        #expect(try store.directory(now: start.wall).accounts.map(\.id) == ["K1"])
        other.rollBack()
        // Afterwards the connection writes again.
        try store.add(account("K2"), password: cheapHash, actor: "cli")
        #expect(try store.verifyAudit() == .whole(rows: 2))
    }

    @Test func theCheckProvesAWriteAndChangesNothing() throws {
        let file = TemporaryFile()
        var store = try Store(.file(file.path), Database.Options(busyTimeout: .zero), now: start.wall)
        try store.add(account("K1"), password: cheapHash, actor: "cli")
        var other = try Database(.file(file.path), Database.Options(busyTimeout: .zero))
        let before = try other.dataVersion()
        try store.check()
        #expect(try other.dataVersion() != before, "something reached the file")
        #expect(try store.verifyAudit() == .whole(rows: 1))
        _ = try other.begin()
        #expect(throws: DatabaseError.self) { try store.check() }
        other.rollBack()
        try store.check()
    }

    // MARK: Log-ins

    private func judge(
        _ found: StoredCredentials?, in store: inout Store, from address: String = "192.0.2.1"
    ) throws -> LogInVerdict {
        nextFamily += 1
        return try store.logIn(
            CheckedLogIn(
                name: "K1", checkedAgainst: found, isRight: true, address: IPAddress(address)!,
                family: "F\(nextFamily)", refreshHash: [UInt8(nextFamily)]), now: start.wall)
    }

    @Test func aLogInIsJudgedByWhatTheRecordsSayThen() throws {
        var store = try store()
        let found = try store.credentials("K1")
        guard case .succeeded(account("K1")) = try judge(found, in: &store) else { throw Failed("not let in") }
        let other = PasswordHash(encoded: cheapHash.encoded.replacing("c29tZXNhbHQ", with: "b3RoZXJzYWx0"))
        try store.setPassword("K1", other, actor: "cli", now: start.wall)
        guard case .refused = try judge(found, in: &store) else {
            throw Failed("the old password let somebody in")
        }
        let changed = try store.credentials("K1")
        try store.setDisabled("K1", true, actor: "cli", now: start.wall)
        guard case .disabled = try judge(changed, in: &store) else {
            throw Failed("a disabled account was let in")
        }
        try store.remove("K1", actor: "cli", now: start.wall)
        guard case .refused = try judge(changed, in: &store) else {
            throw Failed("a removed account was let in")
        }
        #expect(
            try store.audit(organization: "west", before: nil, limit: 2).map(\.kind) == [
                "account-removed", "account-disabled",
            ], "a refused log-in writes nothing by itself")
    }

    @Test func homesAreKeptAndTheLatestStay() throws {
        let file = TemporaryFile()
        do {
            var store = try Store(.file(file.path), now: start.wall)
            try store.add(account("K1"), password: cheapHash, actor: "cli")
            for index in 1...9 {
                _ = try judge(try store.credentials("K1"), in: &store, from: "192.0.2.\(index)")
            }
            // One that is used again is the latest.
            try store.rememberHome(IPAddress("192.0.2.2")!, of: "K1")
            try store.rememberHome(IPAddress("2001:db8::17")!, of: "K1")
        }
        var store = try Store(.file(file.path), now: start.wall)
        #expect(
            try store.homes()["K1"]?.map(\.description) == [4, 5, 6, 7, 8, 9, 2].map { "192.0.2.\($0)" } + [
                "2001:db8::"
            ])
        try store.remove("K1", actor: "cli", now: start.wall)
        #expect(try store.homes().isEmpty)
    }

    // MARK: Generations

    @Test func tokensOfBeforeAChangeAreVoidWhateverTheClocksSay() throws {
        var store = try store()
        // The clock is set back behind everything that was issued.
        let early = start.wall - .seconds(86_400)
        try store.setPassword("K1", cheapHash, actor: "cli", now: early)
        let second = try #require(try store.account("K1")?.generation)
        #expect(second != 7)
        try store.setDisabled("K1", true, actor: "cli", now: early)
        let third = try #require(try store.account("K1")?.generation)
        #expect(third != second)
        try store.setDisabled("K1", false, actor: "cli", now: early)
        #expect(try store.account("K1")?.generation == third, "enabling brings nothing back and voids nothing")
        #expect(Set((0..<100).map { _ in Account.newGeneration() }).count == 100)
    }

    @Test func recordsOfBeforeGenerationsAreReadAndBroughtUpToDate() throws {
        let file = TemporaryFile()
        do {
            var old = try Database(.file(file.path))
            try old.migrate(Array(Schema.migrations.prefix(2)), applicationID: Schema.applicationID)
            try old.execute(
                """
                INSERT INTO account (id, role, organization, display_name, password_hash, created_at, tokens_valid_from)
                VALUES ('K1', 'kiosk', 'west', 'K1', 'x', 0, 0)
                """)
        }
        do {
            var reader = try Store(.file(file.path), Database.Options(isReadOnly: true), now: start.wall)
            #expect(try reader.accounts().map(\.id) == ["K1"])
            #expect(try reader.verifyAudit() == .whole(rows: 0))
            #expect(reader.schemaVersion == 2, "reading changes nothing")
        }
        var store = try Store(.file(file.path), now: start.wall)
        #expect(try store.account("K1")?.generation == 0)
        #expect(try store.account("K1")?.version == nil)
        try store.registered("K1", version: "1.0", hostname: "kiosk-1")
        #expect(try store.account("K1")?.hostname == "kiosk-1")
    }

    // MARK: Retention

    /// A year's crew events, one a day, the last one now.
    private func yearOfEvents() throws -> Store {
        var store = try Store(.memory, now: start.wall)
        for day in 0..<365 {
            _ = try store.log(
                CrewRecord(
                    organization: "west", kioskId: "K1", event: crewEvent("e\(day)"),
                    receivedAt: start.wall - .seconds(86_400 * (364 - day))))
        }
        return store
    }

    private func count(_ store: inout Store) throws -> Int {
        try store.crewEvents(organization: "west", CrewFilter(), before: nil, limit: 1000).count
    }

    private func later(_ elapsed: Duration, wall: Duration? = nil) -> Moment {
        Moment(instant: start.instant + elapsed, wall: start.wall + (wall ?? elapsed))
    }

    @Test func aClockSetYearsAheadTakesNothing() throws {
        var store = try yearOfEvents()
        var retention = defaultRetention
        retention.crewEvents = .seconds(400 * 86_400)
        var housekeeping = Housekeeping(retention, lastBelieved: nil, now: start)
        #expect(try housekeeping.perform(on: &store, now: start) == .done)
        let ahead: Duration = .seconds(3 * 365 * 86_400)
        let wrong = later(.seconds(60), wall: ahead)
        #expect(try housekeeping.perform(on: &store, now: wrong) == .doubted(expected: later(.seconds(60)).wall))
        #expect(try count(&store) == 365)
        // Corrected, everything goes on.
        #expect(try housekeeping.perform(on: &store, now: later(.seconds(120))) == .done)
        #expect(try count(&store) == 365)
        // After a restart with the wrong clock too: the records know when it was last believed.
        let believed = try store.lastBelieved()
        #expect(believed == later(.seconds(120)).wall)
        var restarted = Housekeeping(retention, lastBelieved: believed, now: wrong)
        guard case .doubted = try restarted.perform(on: &store, now: wrong) else { throw Failed("believed") }
        #expect(try count(&store) == 365)
        // A clock that keeps its time for a week is right after all.
        let week: Duration = .seconds(7 * 86_400)
        #expect(
            try restarted.perform(on: &store, now: later(.seconds(60) + week, wall: ahead + week)) == .done)
        #expect(try count(&store) == 0)
    }

    /// A clock that is years ahead does not log everybody out: refresh tokens are pruned by a time that is believed.
    @Test func aClockSetYearsAheadPrunesNoToken() throws {
        var store = try store()
        let tokens = (0..<3).map { _ in Tokens.newRefreshToken().hash }
        for (index, token) in tokens.enumerated() {
            try store.beginFamily(
                "F\(index)", account: account("K1"), refreshHash: token, address: "a", now: start.wall)
        }
        func count() throws -> Int64 {
            try store.read { database throws(DatabaseError) in
                try database.first("SELECT count(*) FROM refresh_token") { row throws(DatabaseError) in
                    try row.integer(0)
                } ?? 0
            }
        }
        // Nothing else expires: tokens alone are reason enough for doubt.
        let retention = RetentionPeriods(sessions: nil, crewEvents: nil, audit: nil)
        var housekeeping = Housekeeping(retention, lastBelieved: nil, now: start)
        #expect(try housekeeping.perform(on: &store, now: start) == .done)
        let wrong = later(.seconds(60), wall: .seconds(3 * 365 * 86_400))
        #expect(try housekeeping.perform(on: &store, now: wrong) == .doubted(expected: later(.seconds(60)).wall))
        #expect(try count() == 3)
        // Nor does it end a log-in whose client comes meanwhile.
        let believed = try housekeeping.time(&store, now: wrong)
        #expect(believed == later(.seconds(60)).wall)
        guard
            case .renewed(_, family: "F1") = try store.refresh(
                hash: tokens[1], nextHash: Tokens.newRefreshToken().hash, now: believed)
        else { throw Failed("refused") }
        // The clock is right again, and so is the token.
        #expect(try housekeeping.perform(on: &store, now: later(.seconds(120))) == .done)
        let next = Tokens.newRefreshToken().hash
        guard
            case .renewed(_, family: "F2") = try store.refresh(
                hash: tokens[2], nextHash: next, now: later(.seconds(120)).wall)
        else { throw Failed("refused") }
        // Time that passes takes what has expired.
        let month = later(Tokens.refreshLifetime + .seconds(60))
        #expect(try housekeeping.perform(on: &store, now: month) == .done)
        #expect(try count() == 2, "what was made last")
        #expect(try store.refresh(hash: tokens[0], nextHash: [9], now: month.wall) == .unknown)
    }

    @Test func timeThatPassesIsBelieved() throws {
        var store = try yearOfEvents()
        var retention = defaultRetention
        retention.crewEvents = .seconds(365 * 86_400)
        var housekeeping = Housekeeping(retention, lastBelieved: nil, now: start)
        // Running all the time, and off for ten days.
        #expect(try housekeeping.perform(on: &store, now: later(.seconds(100 * 86_400))) == .done)
        #expect(try count(&store) == 266)
        var restarted = Housekeeping(
            retention, lastBelieved: try store.lastBelieved(), now: later(.seconds(110 * 86_400)))
        #expect(try restarted.perform(on: &store, now: later(.seconds(110 * 86_400))) == .done)
        #expect(try count(&store) == 256)
    }

    @Test func whatExpiredGoesInSlicesAndTheAuditStaysWhole() throws {
        var store = try Store(.memory, now: start.wall)
        try store.write { database throws(DatabaseError) in
            for index in 0..<1200 {
                try AuditTable.append(
                    AuditEntry(at: start.wall, kind: .login, organization: "west", principal: "K\(index)"),
                    in: &database)
            }
        }
        var retention = defaultRetention
        retention.audit = .seconds(86_400)
        var housekeeping = Housekeeping(retention, lastBelieved: nil, now: start)
        let end = later(.seconds(2 * 86_400))
        #expect(try housekeeping.perform(on: &store, now: end) == .more)
        #expect(try store.verifyAudit() == .whole(rows: 701), "700 lines, and the one about the deletion")
        #expect(try housekeeping.perform(on: &store, now: end) == .more)
        #expect(try store.verifyAudit() == .whole(rows: 201))
        #expect(try housekeeping.perform(on: &store, now: end) == .done)
        #expect(try store.verifyAudit() == .whole(rows: 1))
    }

    @Test func whenKiosksWereSeenByAClockThatWasAheadIsForgotten() throws {
        var store = try store()
        try store.seen([("K1", start.wall + .seconds(365 * 86_400)), ("K2", start.wall)])
        try store.believe(start.wall)
        #expect(try store.account("K1")?.lastSeenAt == nil)
        #expect(try store.account("K2")?.lastSeenAt == start.wall)
    }

    // MARK: The file

    @Test(arguments: ["-wal", ".key", ".2026-01-31"])
    func anEmptyFileBesideALeftoverIsNoNewInstallation(suffix: String) throws {
        for isThere in [true, false] {
            let file = TemporaryFile()
            let relic = file.path + suffix
            if isThere { try Data().write(to: URL(filePath: file.path)) }
            try Data("something".utf8).write(to: URL(filePath: relic))
            defer { try? FileManager.default.removeItem(atPath: relic) }
            do {
                _ = try Store(.file(file.path), now: start.wall)
                Issue.record("begun anew beside \(suffix)")
            } catch { #expect(error.description.contains(relic)) }
        }
    }

    @Test func aPowerCutInTheFirstStartDoesNotBlockTheSecond() throws {
        let file = TemporaryFile()
        for suffix in ["", "-wal", "-shm", ".lock"] { try Data().write(to: URL(filePath: file.path + suffix)) }
        var store = try Store(.file(file.path), now: start.wall)
        #expect(try store.accounts().isEmpty)
    }

    @Test func whatEverybodyMayReadIsRefused() throws {
        let file = TemporaryFile()
        do { _ = try Store(.file(file.path), now: start.wall) }
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: file.path)
        #expect(throws: DatabaseError.self) { _ = try Store(.file(file.path), now: start.wall) }
        try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: file.path)
        _ = try Store(.file(file.path), now: start.wall)
    }

    @Test func relicsAreTold() {
        for name in ["s.db-wal", "s.db.key", "s.db~", "s-copy.db", "s.2026.db", "s.db.bak"] {
            #expect(RecordsFile.isRelic(name, of: "s.db"), "\(name)")
        }
        for name in ["s.db", "s.db-shm", "s.db-journal", "s.db.lock", "s.yaml", "s.log", "sx.db", "other.db", "s.db2"] {
            #expect(!RecordsFile.isRelic(name, of: "s.db"), "\(name)")
        }
    }

    @Test func aLogOutBringsItsDirectoryAlong() throws {
        var store = try store()
        try store.beginFamily("F", account: account("K1"), refreshHash: [1], address: "a", now: start.wall)
        let answer = try store.answer(
            to: .logOut(account("K1"), family: "F", RecordTicket(rawValue: 7)), now: after(.seconds(1)).wall)
        guard case .loggedOut(let directory, RecordTicket(rawValue: 7))? = answer else { throw Failed("no directory") }
        #expect(directory.revokedFamilies == ["F"])
    }

    @Test func expiredLinesGoAndTheChainStaysVerifiable() throws {
        var store = try Store(.memory, now: start.wall)
        for index in 0..<10 {
            try store.append(
                AuditEntry(at: after(.seconds(index)).wall, kind: .login, organization: "west", principal: "K\(index)"))
        }
        #expect(try store.pruneAudit(before: after(.seconds(4)).wall, now: after(.seconds(20)).wall) == 4)
        // What stays: six of the ten, and the line about the deletion.
        #expect(try store.verifyAudit() == .whole(rows: 7))
        #expect(try store.pruneAudit(before: after(.seconds(4)).wall, now: after(.seconds(21)).wall) == 0)
        #expect(try store.pruneAudit(before: after(.seconds(9)).wall, now: after(.seconds(22)).wall) == 5)
        #expect(try store.verifyAudit() == .whole(rows: 3))
        #expect(try store.audit(organization: "west", before: nil, limit: 10).map(\.actor) == ["K9"])
    }
}

struct Failed: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
