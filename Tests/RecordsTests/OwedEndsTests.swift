import Primitives
import Records
import SessionRules
import Signaling
import SocketIO
import Testing

@Suite struct OwedEndsTests {
    private let lost = RecordError.unavailable("the disk is full")

    private func end(_ id: String) -> RecordRequest {
        .keep(.sessionEnded(id: id, .stoppedByMonitor, principal: nil, at: start))
    }

    private func begin() throws -> RecordRequest {
        var machine = MonitoringSessions(MonitoringSessions.Rules())
        let now = Moment(instant: .zero, wall: start)
        _ = try machine.startRequested(
            by: Party(id: "M1", organization: "west", address: .here(SocketID(rawValue: 1))),
            kiosk: MonitoringSessions.Kiosk(
                id: "K1", organization: "west", address: .here(SocketID(rawValue: 2))), newId: "S", now: now)
        return .keep(.sessionBegan(try #require(machine["S"])))
    }

    private func names(_ requests: [RecordRequest]) -> [String] {
        requests.map { request in
            switch request {
            case .keep(.sessionEnded(let id, _, _, _)): "end \(id)"
            case .keep(.sessionBegan(let session)): "begin \(session.id)"
            default: "other"
            }
        }
    }

    @Test func anEndThatFailedGoesAheadOfTheNextBeginning() throws {
        var owed = OwedEnds()
        owed.answered(.failed(end("A"), lost))
        owed.answered(.failed(end("B"), lost))
        owed.answered(.failed(end("A"), lost))
        let other = RecordRequest.readCredentials(name: "K1", RecordTicket(rawValue: 1))
        #expect(names(owed.ahead(of: [other])) == ["other"], "nothing begins")
        #expect(!owed.isEmpty)
        #expect(names(owed.ahead(of: [other, try begin()])) == ["end A", "end B", "other", "begin S"])
        #expect(owed.isEmpty)
        #expect(names(owed.ahead(of: [try begin()])) == ["begin S"])
    }

    @Test func onlyEndsThatTheRecordsCouldNotTakeAreOwed() throws {
        var owed = OwedEnds()
        owed.answered(.sessionStored(id: "S"))
        owed.answered(.failed(try begin(), lost))
        owed.answered(.failed(.keep(.lastSeen([])), lost))
        #expect(owed.isEmpty)
        owed.answered(.failed(end("A"), lost))
        #expect(names(owed.take()) == ["end A"] && owed.isEmpty)
        owed.answered(.failed(end("A"), lost))
        #expect(names(owed.take()) == ["end A"], "one that fails again is owed again")
    }

    @Test func theyAreBounded() {
        var owed = OwedEnds()
        for index in 0..<OwedEnds.limit + 5 { owed.answered(.failed(end("\(index)"), lost)) }
        #expect(owed.take().count == OwedEnds.limit)
    }
}
