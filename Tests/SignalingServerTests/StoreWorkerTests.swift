import Database
import Foundation
import HTTP
import HTTPTransport
import Primitives
import Reactor
import SessionRules
import Synchronization
import Testing

@testable import SignalingServer

/// The thread of the records, with a test in place of the serving thread.
@Suite struct StoreWorkerTests {
    private let file = TemporaryFile()
    private let transport: HTTPServer
    private let inbox: Inbox
    private let worker: StoreWorker

    init() throws {
        transport = try HTTPServer(HTTPServerConfiguration(listen: [SocketAddress("127.0.0.1:0")!]))
        inbox = Inbox(waker: transport.waker)
        var store = try Store(.file(file.path), Database.Options(busyTimeout: .zero), now: start.wall)
        try store.add(account("K1"), password: cheapHash, actor: "cli")
        worker = try StoreWorker(store, ServerConfiguration(), inbox: inbox, wallClock: { start.wall })
    }

    /// The first message of which `body` makes something; nil when that takes longer than anything here may.
    private func first<Value>(_ body: (ServerMessage) -> Value?) -> Value? {
        let end = MonotonicClock.now() + .seconds(20)
        repeat {
            while let message = inbox.next() {
                if let value = body(message) { return value }
            }
            transport.service(for: .milliseconds(5))
            _ = transport.nextEvent()
        } while MonotonicClock.now() < end
        return nil
    }

    private func wellness() -> Bool? {
        first { if case .recordsChecked(let health) = $0 { health == .well } else { nil } }
    }

    @Test func whetherTheRecordsCanBeWrittenIsSaidWhenItChanges() throws {
        defer { worker.stop() }
        var other = try Database(.file(file.path))
        _ = try other.begin()
        #expect(wellness() == false)
        other.rollBack()
        #expect(wellness() == true)
    }

    @Test func aJobOfAFailingBatchAnswersOnce() throws {
        let (begun, gate) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        let runs = Atomic<Int>(0)
        worker.submit { _ throws(DatabaseError) in
            begun.signal()
            gate.wait()
            return nil
        }
        // What comes from here on is a batch of its own.
        begun.wait()
        let attempt = LoginAttempt(
            request: RequestID(rawValue: 1), name: "K1", password: Redacted("secret"),
            address: IPAddress("192.0.2.1")!)
        attempt.begin(worker)
        worker.submit(onFailure: .sessionNotStored("S")) { _ throws(DatabaseError) in
            runs.add(1, ordering: .relaxed)
            throw DatabaseError(.full, "test", "no space left")
        }
        gate.signal()
        worker.stop()
        var answers: [String] = []
        while let message = inbox.next() {
            switch message {
            case .credentialsRead(_, let found): answers.append("read \(found?.account.id ?? "-")")
            case .sessionNotStored(let id): answers.append("not stored \(id)")
            case .directory, .recordsChecked: break
            default: answers.append("\(message)")
            }
        }
        #expect(answers == ["read K1", "not stored S"])
        #expect(runs.load(ordering: .relaxed) == 2, "together, and then by itself")
    }

    /// A job that begins itself anew until it is told to end.
    private final class Endless: Sendable {
        let isOver = Atomic<Bool>(false)
        func run(on worker: StoreWorker) {
            worker.submit { [self] _ throws(DatabaseError) in
                if !isOver.load(ordering: .relaxed) { run(on: worker) }
                return nil
            }
        }
    }

    @Test func theLookComesAlsoWhenJobsNeverEnd() throws {
        let endless = Endless()
        defer { worker.stop() }
        defer { endless.isOver.store(true, ordering: .relaxed) }
        endless.run(on: worker)
        var other = try Store(.file(file.path), now: start.wall)
        try other.add(account("K2"), password: cheapHash, actor: "cli")
        let seen = first { message -> Bool? in
            guard case .directory(let directory) = message else { return nil }
            return directory.accounts.contains { $0.id == "K2" } ? true : nil
        }
        #expect(seen == true)
    }
}
