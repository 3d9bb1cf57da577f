import Database
import Glibc
import Primitives
import Reactor
import Service
import SessionRules
import Signaling
import Synchronization
import Testing

@testable import Records
@testable import RecordsSQLite

/// The thread of the records, with a test in place of the serving thread.
@Suite struct RecordsThreadTests {
    /// Keeps the answers, and may ask for more whenever one comes.
    private final class TestInbox: RecordsInbox {
        private struct State: Sendable {
            var answers = RingBuffer<RecordAnswer>()
            var asks: RecordsThread?
        }
        private let state = Mutex(State())

        func post(_ answer: RecordAnswer) {
            let thread = state.withLock {
                $0.answers.append(answer)
                return $0.asks
            }
            if case .credentials = answer { thread?.submit(.readCredentials(name: "K1", RecordTicket(rawValue: 1))) }
        }

        /// With each answer a new request is under way before the last one's batch has ended.
        func askWithoutEnd(_ thread: RecordsThread?) { state.withLock { $0.asks = thread } }

        func next() -> RecordAnswer? { state.withLock { $0.answers.popFirst() } }
    }

    private let file = TemporaryFile()
    private let inbox = TestInbox()
    private let thread: RecordsThread

    init() throws {
        var store = try Store(.file(file.path), Database.Options(busyTimeout: .zero), now: start.wall)
        try store.add(account("K1"), password: cheapHash, actor: "cli")
        thread = try RecordsThread(
            SQLiteRecords(store),
            RecordsThread.Settings(
                file: file.path, retention: RetentionPeriods(sessions: nil, crewEvents: nil, audit: nil), leastSpace: 0),
            inbox: inbox, wallClock: { start.wall })
    }

    /// The first answer of which `body` makes something; nil when that takes longer than anything here may.
    private func first<Value>(_ body: (RecordAnswer) -> Value?) -> Value? {
        let end = MonotonicClock.now() + .seconds(20)
        repeat {
            while let answer = inbox.next() {
                if let value = body(answer) { return value }
            }
            usleep(5_000)
        } while MonotonicClock.now() < end
        return nil
    }

    private func wellness() -> Bool? {
        first { if case .health(let health) = $0 { health == .well } else { nil } }
    }

    @Test func whetherTheRecordsCanBeWrittenIsSaidWhenItChanges() throws {
        defer { thread.stop() }
        var other = try Database(.file(file.path))
        _ = try other.begin()
        #expect(wellness() == false)
        other.rollBack()
        #expect(wellness() == true)
    }

    @Test func aRequestOfAFailingBatchIsAnsweredOnce() throws {
        thread.stop()
        var store = try Store(.file(file.path), now: start.wall)
        let session = try RecordsSQLiteTests.session("S")
        try store.sessionBegan(session)
        let requests: [RecordRequest] = [
            .readCredentials(name: "K1", RecordTicket(rawValue: 1)),
            .keep(.kioskRegistered(id: "K1", version: "9", hostname: nil)),
            // One of that name is there.
            .keep(.sessionBegan(session)),
        ]
        #expect(throws: RecordError.self) { _ = try store.answersAtOnce(to: requests, now: start.wall) }
        #expect(try store.account("K1")?.version == nil, "together or not at all")
        let answers = RecordsThread.answers(
            to: requests, &store, now: start.wall, Log("records"), RecordsThread.Beat()
        ).map { answer in
            switch answer {
            case .credentials(let found, _): "read \(found?.account.id ?? "-")"
            case .failed(.keep(.sessionBegan(let session)), .unavailable): "not stored \(session.id)"
            default: "\(answer)"
            }
        }
        #expect(answers == ["read K1", "not stored S"])
        #expect(try store.account("K1")?.version == "9", "the others do not fail with it")
    }

    /// Another process holds the records' lock while a session ends; its kiosk's next one is recorded all the same.
    @Test func anEndThatFailedKeepsNoBeginningOut() throws {
        defer { thread.stop() }
        thread.submit(.keep(.sessionBegan(try session("S1"))))
        #expect(stored() == "S1")
        var other = try Database(.file(file.path))
        _ = try other.begin()
        thread.submit(.keep(.sessionEnded(id: "S1", .stoppedByMonitor, principal: nil, at: after(.seconds(9)).wall)))
        let failed = first { answer -> Bool? in
            if case .failed(.keep(.sessionEnded), .unavailable) = answer { true } else { nil }
        }
        #expect(failed == true)
        other.rollBack()
        thread.submit(.keep(.sessionBegan(try session("S2"))))
        #expect(stored() == "S2")
        var store = try Store(.file(file.path), now: start.wall)
        #expect(try store.openSessions().map(\.id) == ["S2"])
        let ended = try #require(try store.session("S1"))
        #expect(ended.endReason == .stoppedByMonitor && ended.endedAt == after(.seconds(9)).wall)
    }

    /// The name of the next session that is stored, or `refused`.
    private func stored() -> String? {
        first { answer in
            switch answer {
            case .sessionStored(let id): id
            case .sessionRefused: "refused"
            default: nil
            }
        }
    }

    /// Where no session begins it is written as soon as the records are proved to be writable.
    @Test func anEndThatFailedIsWrittenLater() throws {
        defer { thread.stop() }
        thread.submit(.keep(.sessionBegan(try session("S1"))))
        #expect(stored() == "S1")
        var other = try Database(.file(file.path))
        _ = try other.begin()
        thread.submit(.keep(.sessionEnded(id: "S1", .mediaLost, principal: nil, at: start.wall)))
        #expect(first { if case .failed(.keep(.sessionEnded), _) = $0 { true } else { nil } } == true)
        other.rollBack()
        let end = MonotonicClock.now() + .seconds(20)
        while try other.first(
            "SELECT 1 FROM session WHERE ended_at IS NULL", row: { _ throws(DatabaseError) in true }) != nil
        {
            guard MonotonicClock.now() < end else { throw Failed("the end is not written") }
            usleep(20_000)
        }
    }

    @Test func theLookComesAlsoWhenRequestsNeverEnd() throws {
        inbox.askWithoutEnd(thread)
        defer { thread.stop() }
        defer { inbox.askWithoutEnd(nil) }
        for _ in 0..<100 { thread.submit(.readCredentials(name: "K1", RecordTicket(rawValue: 1))) }
        var other = try Store(.file(file.path), now: start.wall)
        try other.add(account("K2"), password: cheapHash, actor: "cli")
        let seen = first { answer -> Bool? in
            guard case .directory(let directory) = answer else { return nil }
            return directory.accounts.contains { $0.id == "K2" } ? true : nil
        }
        #expect(seen == true)
    }
}
