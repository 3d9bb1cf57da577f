import Database
import Foundation
import HTTP
import HTTPTransport
import Primitives
import Signaling
import Testing

@testable import SignalingServer

/// A path in the temporary directory; the file and SQLite's companions go with it.
final class TemporaryFile: Sendable {
    let path = FileManager.default.temporaryDirectory.appending(path: "records-\(UUID().uuidString)").path()
    deinit {
        for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + suffix) }
    }
}

func account(_ id: String, _ role: Role = .kiosk, _ organization: String = "west") -> Account {
    Account(
        id: id, role: role, organization: organization, displayName: "The \(id)", createdAt: start.wall,
        tokensValidFrom: start.wall)
}

func crewEvent(_ id: String, _ kind: CrewEvent.Kind = .signOn, crew: String = "4711") -> CrewEvent {
    CrewEvent(kind: kind, eventId: id, crewId: crew, name: "A. Name", train: "IC 7", occurredAt: startText)
}

/// A hash nobody waits for: verifying it is not what these tests are about.
let cheapHash = PasswordHash(
    encoded: "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4")

@Suite struct StoreTests {
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
        let all = try store.crewEvents(organization: "west", Store.CrewFilter(), before: nil, limit: 10)
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
            let page = try store.crewEvents(organization: "west", Store.CrewFilter(), before: cursor, limit: 10)
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
        func ids(_ filter: Store.CrewFilter, _ organization: String = "west") throws -> [String] {
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

    // MARK: Sessions

    private func session(_ id: String) throws -> MonitoringSession {
        var machine = MonitoringSessions(MonitoringSessions.Rules())
        _ = try machine.startRequested(by: m1, kiosk: kiosk, newId: id, now: start)
        return try #require(machine[id])
    }

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
        try store.sessionEnded("S1", .endedByAdmin, by: "A1", at: after(.seconds(10)).wall)
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
        #expect(audit[0].details.contains(#""monitorId":"M1","reason":"ended-by-admin","seconds":10"#))
    }

    @Test func sessionsAreListedNewestFirst() throws {
        var store = try store()
        for index in 0..<3 { try store.sessionBegan(try session("S\(index)")) }
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

    private let attempt = LoginAttempt(
        request: RequestID(rawValue: 1), name: "K1", password: Redacted("secret"), address: IPAddress("192.0.2.1")!)

    @Test func aLogInIsJudgedByWhatTheRecordsSayThen() throws {
        var store = try store()
        let found = try store.credentials("K1")
        guard
            case .succeeded(account("K1"), _, _) = try attempt.judge(
                found, isRight: true, in: &store, now: start.wall)
        else { throw Failed("not let in") }
        let other = PasswordHash(encoded: cheapHash.encoded.replacing("c29tZXNhbHQ", with: "b3RoZXJzYWx0"))
        try store.setPassword("K1", other, actor: "cli", now: start.wall)
        guard case .refused = try attempt.judge(found, isRight: true, in: &store, now: start.wall) else {
            throw Failed("the old password let somebody in")
        }
        let changed = try store.credentials("K1")
        try store.setDisabled("K1", true, actor: "cli", now: start.wall)
        guard case .disabled = try attempt.judge(changed, isRight: true, in: &store, now: start.wall) else {
            throw Failed("a disabled account was let in")
        }
        try store.remove("K1", actor: "cli", now: start.wall)
        guard case .refused = try attempt.judge(changed, isRight: true, in: &store, now: start.wall) else {
            throw Failed("a removed account was let in")
        }
        #expect(
            try store.audit(organization: "west", before: nil, limit: 2).map(\.kind) == [
                "login-refused", "account-removed",
            ])
    }

    @Test func aLogOutBringsItsDirectoryAlong() throws {
        var store = try store()
        try store.beginFamily("F", account: account("K1"), refreshHash: [1], address: "a", now: start.wall)
        let message = try store.loggedOut(
            account("K1"), family: "F", request: RequestID(rawValue: 7), now: after(.seconds(1)).wall)
        guard case .changed(let directory, RequestID(rawValue: 7), let response) = message else {
            throw Failed("no directory")
        }
        #expect(directory.revokedFamilies == ["F"])
        #expect(response.status == 204)
    }

    @Test func expiredLinesGoAndTheChainStaysVerifiable() throws {
        var store = try Store(.memory, now: start.wall)
        for index in 0..<10 {
            try store.append(
                AuditEntry(at: after(.seconds(index)).wall, kind: .login, organization: "west", actor: "K\(index)"))
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
