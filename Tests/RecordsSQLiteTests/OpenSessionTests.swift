import Database
import JSON
import Primitives
import SessionRules
import Signaling
import Testing

@testable import Records
@testable import RecordsSQLite

/// A kiosk has one open session: the records' own constraint.
@Suite struct OpenSessionTests {
    private func openIds(_ store: inout Store) throws -> [String] { try store.openSessions().map(\.id) }

    @Test func aSecondOpenSessionOfAKioskIsRefusedAndNamesTheFirst() throws {
        var store = try Store(.memory, now: start.wall)
        guard case .sessionStored("S1")? = try store.keep(.sessionBegan(try session("S1"))) else {
            throw Failed("not stored")
        }
        let lines = try store.verifyAudit()
        guard case .sessionRefused("S2", let open)? = try store.keep(.sessionBegan(try session("S2"))) else {
            throw Failed("not refused")
        }
        #expect(open.id == "S1" && open.kioskId == "K1" && open.endedAt == nil)
        #expect(try store.verifyAudit() == lines, "a beginning that is refused is not audited")
        guard case .sessionStored("S3")? = try store.keep(.sessionBegan(try session("S3", kiosk: "K2"))) else {
            throw Failed("another kiosk's is another one's")
        }
        try store.sessionEnded("S1", .stoppedByMonitor, by: nil, at: start.wall)
        guard case .sessionStored("S2")? = try store.keep(.sessionBegan(try session("S2"))) else {
            throw Failed("the first one is over")
        }
        #expect(try openIds(&store) == ["S3", "S2"])
    }

    @Test func aRefusalUndoesNothingOfItsBatch() throws {
        var store = try Store(.memory, now: start.wall)
        try store.sessionBegan(try session("S1"))
        let requests: [RecordRequest] = [
            .keep(.sessionBegan(try session("S2"))), .keep(.sessionBegan(try session("S3", kiosk: "K2"))),
        ]
        let answers = try store.answersAtOnce(to: requests, now: start.wall).map { answer in
            switch answer {
            case .sessionStored(let id): "stored \(id)"
            case .sessionRefused(let id, let open): "refused \(id) for \(open.id)"
            default: "\(answer)"
            }
        }
        #expect(answers == ["refused S2 for S1", "stored S3"])
        #expect(try openIds(&store) == ["S1", "S3"])
    }

    /// A name that is there twice is a mistake of the one who names it, whether that session is open or over.
    @Test(arguments: [false, true]) func aNameThatIsThereIsAnErrorAndNoRefusal(isOver: Bool) throws {
        var store = try Store(.memory, now: start.wall)
        try store.sessionBegan(try session("S1"))
        if isOver { try store.sessionEnded("S1", .stoppedByMonitor, by: nil, at: start.wall) }
        #expect(throws: RecordError.self) { try store.sessionBegan(try session("S1")) }
    }

    // MARK: Records of before

    /// Sessions by id, kiosk, start and end in seconds, in the schema of before the constraint.
    private func before(
        _ sessions: [(id: String, kiosk: String, started: Int64, ended: Int64?)]
    ) throws -> TemporaryFile {
        let file = TemporaryFile()
        var old = try Database(.file(file.path))
        try old.migrate(Array(Schema.migrations.prefix(6)), applicationID: Schema.applicationID)
        for session in sessions {
            try old.execute(
                """
                INSERT INTO session (id, organization, kiosk, monitor, started_at, ended_at, end_reason)
                VALUES (?, 'west', ?, 'M1', ?, ?, ?)
                """, session.id, session.kiosk, session.started * 1000, session.ended.map { $0 * 1000 },
                session.ended.map { _ in "stopped-by-monitor" })
        }
        return file
    }

    @Test func ofSeveralOpenSessionsTheLatestStaysAndTheEndsOfTheOthersAreAudited() throws {
        let file = try before([
            ("A", "K1", 100, nil), ("B", "K2", 150, nil), ("C", "K1", 200, 250), ("D", "K1", 300, nil),
            // The clock was set back before the last one began.
            ("E", "K1", 120, nil),
        ])
        var store = try Store(.file(file.path), now: start.wall)
        #expect(store.schemaVersion == Schema.migrations.count)
        #expect(try openIds(&store) == ["B", "E"])
        let (a, c, d) = (try store.session("A"), try store.session("C"), try store.session("D"))
        #expect(a?.endReason == .serverShutdown && a?.endedAt == WallClock(secondsSince1970: 200))
        #expect(c?.endReason == .stoppedByMonitor && c?.endedAt == WallClock(secondsSince1970: 250))
        #expect(d?.endReason == .serverShutdown && d?.endedAt == WallClock(secondsSince1970: 300))
        #expect(try store.verifyAudit() == .whole(rows: 2))
        let lines = try store.audit(organization: "west", before: nil, limit: 5)
        #expect(lines.allSatisfy { $0.kind == "monitoring-stopped" && $0.actor == "server" && $0.subject == "K1" })
        #expect(lines.last?.details == #"{"sessionId":"A","monitorId":"M1","reason":"server-shutdown","seconds":100}"#)
        guard case .sessionRefused(_, let open)? = try store.keep(.sessionBegan(try session("S1"))) else {
            throw Failed("not refused")
        }
        #expect(open.id == "E")
    }

    @Test func whereAKioskHasOneNothingIsWritten() throws {
        let file = try before([("A", "K1", 100, 200), ("B", "K1", 300, nil), ("C", "K2", 300, nil)])
        var store = try Store(.file(file.path), now: start.wall)
        #expect(try openIds(&store) == ["B", "C"])
        #expect(try store.verifyAudit() == .whole(rows: 0))
    }
}
