import Database
import HTTP
import JSON
import Primitives
import SessionRules
import Signaling
import Testing

@testable import SignalingServer

@Suite struct ListPlacesTests {
    private func request(_ number: UInt64) -> RequestID { RequestID(rawValue: number) }

    private func word(_ admission: ListPlaces<String>.Admission) -> String {
        switch admission {
        case .begins(let list): list
        case .waits: "waits"
        case .refused: "refused"
        }
    }

    @Test func aFewOfAnAccountGoOnSomeWaitTheRestIsRefused() {
        var places = ListPlaces<String>()
        for number in 1...4 as ClosedRange<UInt64> {
            #expect(word(places.admit(request(number), of: "a", "\(number)")) == "\(number)")
        }
        for number in 5...20 as ClosedRange<UInt64> {
            #expect(word(places.admit(request(number), of: "a", "\(number)")) == "waits")
        }
        #expect(word(places.admit(request(21), of: "a", "21")) == "refused")
        // Another account has places of its own.
        #expect(word(places.admit(request(30), of: "b", "30")) == "30")
        // In the order in which they came; one whose client has gone is left out, and gives its place to nobody.
        #expect(places.ended(request(5)) == nil)
        #expect(places.ended(request(2))?.list == "6")
        #expect(places.ended(request(2)) == nil)
        #expect(places.ended(request(21)) == nil)
        for number in [1, 3, 4] + Array(6...20) as [UInt64] { _ = places.ended(request(number)) }
        #expect(places.ended(request(30)) == nil)
        #expect(places.count == 0)
    }
}

@Suite struct ListReaderTests {
    /// Texts of all pieces, what came with the first, and how many there were.
    private func read(
        _ reader: ListReader, _ store: inout Store
    ) throws -> (text: String, headers: [HTTPHeader], pieces: Int) {
        var reader = reader
        let first = try reader.read(&store)
        var (bytes, pieces, isLast) = (first.bytes, 1, first.isLast)
        while !isLast {
            let piece = try reader.read(&store)
            #expect(piece.headers.isEmpty)
            bytes += piece.bytes
            isLast = piece.isLast
            pieces += 1
        }
        return (String(decoding: bytes, as: UTF8.self), first.headers, pieces)
    }

    private func store(events count: Int) throws -> Store {
        var store = try Store(.memory, now: start.wall)
        try store.recordTransaction { store throws(DatabaseError) in
            for number in 0..<count {
                let event = CrewEvent(
                    kind: .signOn, eventId: "e\(number)", crewId: "c\(number % 2)", name: nil, role: nil, train: nil,
                    occurredAt: "2026-01-01T00:00:00Z")
                _ = try store.log(
                    CrewRecord(organization: "west", kioskId: "K1", event: event, receivedAt: start.wall))
            }
        }
        return store
    }

    private func ids(_ text: String) throws -> [String] {
        try #require(try JSONValue(parsing: Array(text.utf8))["items"]?.array).compactMap { $0["eventId"]?.string }
    }

    @Test(arguments: [(0, 10, 1, nil), (99, 100, 1, nil), (100, 100, 1, "1"), (250, 1000, 3, nil), (250, 201, 3, "50")])
    func aListOfPagesIsOneDocument(events: Int, limit: Int, pieces: Int, next: String?) throws {
        var store = try store(events: events)
        let reader = ListReader(.crewEvents(Store.CrewFilter()), organization: "west", before: nil, limit: limit)
        let list = try read(reader, &store)
        let count = min(events, limit)
        #expect(try ids(list.text) == (0..<count).map { "e\(events - 1 - $0)" })
        #expect(try JSONValue(parsing: Array(list.text.utf8))["next"]?.string == next)
        #expect(list.pieces == pieces)
    }

    /// Those of the organization alone, by id, whatever their number.
    @Test func accountsAreListedInPieces() throws {
        var store = try Store(.memory, now: start.wall)
        let names = (0..<2 * ListReader.pageSize + 7).map { "X\(1000 + $0)" }
        for name in names { try store.add(account(name), password: cheapHash, actor: "cli") }
        try store.add(account("X1003.east", .kiosk, "east"), password: cheapHash, actor: "cli")
        let list = try read(ListReader(.accounts, organization: "west"), &store)
        let document = try JSONValue(parsing: Array(list.text.utf8))
        #expect(try #require(document["items"]?.array).compactMap { $0["id"]?.string } == names)
        #expect(document["next"] == .null && list.pieces == 3)
    }

    @Test func anExportNamesItsNextPageInTheHead() throws {
        var store = try store(events: 500)
        let whole = try read(
            ListReader(.crewEventsAsCSV(Store.CrewFilter()), organization: "west", before: nil, limit: 10_000), &store)
        #expect(whole.text.split(separator: "\r\n").count == 501 && whole.pieces == 6)
        #expect(whole.headers["x-next-cursor"] == nil && whole.headers["content-disposition"] != nil)
        // Every second event, so that the page's end is not at the row of that number.
        let filter = Store.CrewFilter(crewId: "c1")
        let part = try read(
            ListReader(.crewEventsAsCSV(filter), organization: "west", before: nil, limit: 240), &store)
        #expect(part.text.split(separator: "\r\n").count == 241)
        let cursor = try #require(part.headers["x-next-cursor"].flatMap { Int64($0) })
        let rest = try read(
            ListReader(.crewEventsAsCSV(filter), organization: "west", before: cursor, limit: 240), &store)
        #expect(rest.text.split(separator: "\r\n").count == 11 && rest.headers["x-next-cursor"] == nil)
    }

    /// What comes while a client takes its list stands before the first page.
    @Test func whatComesMeanwhileIsNotListedTwice() throws {
        var store = try store(events: 150)
        var reader = ListReader(.crewEvents(Store.CrewFilter()), organization: "west", before: nil, limit: 1000)
        var bytes = try reader.read(&store).bytes
        let event = CrewEvent(
            kind: .signOff, eventId: "late", crewId: "c", name: nil, role: nil, train: nil,
            occurredAt: "2026-01-01T00:00:00Z")
        _ = try store.log(CrewRecord(organization: "west", kioskId: "K1", event: event, receivedAt: start.wall))
        bytes += try reader.read(&store).bytes
        #expect(try ids(String(decoding: bytes, as: UTF8.self)) == (0..<150).map { "e\(149 - $0)" })
    }
}
