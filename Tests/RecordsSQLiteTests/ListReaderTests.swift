import Database
import JSON
import Primitives
import Records
import SessionRules
import Signaling
import Testing

@testable import RecordsSQLite

@Suite struct ListReaderTests {
    /// Texts of all pieces, what came with the first, and how many there were.
    private func read(
        _ reader: ListReader, _ store: inout Store
    ) throws -> (text: String, nextCursor: Int64?, pieces: Int) {
        var reader = reader
        let first = reader.piece(of: try store.rows(reader.query))
        var (bytes, pieces, isLast) = (first.bytes, 1, first.isLast)
        while !isLast {
            let piece = reader.piece(of: try store.rows(reader.query))
            #expect(piece.nextCursor == nil)
            bytes += piece.bytes
            isLast = piece.isLast
            pieces += 1
        }
        return (String(decoding: bytes, as: UTF8.self), first.nextCursor, pieces)
    }

    private func store(events count: Int) throws -> Store {
        var store = try Store(.memory, now: start.wall)
        try store.write { database throws(DatabaseError) in
            for number in 0..<count {
                let event = CrewEvent(
                    kind: .signOn, eventId: "e\(number)", crewId: "c\(number % 2)", name: nil, role: nil, train: nil,
                    occurredAt: "2026-01-01T00:00:00Z")
                _ = try CrewTable.insert(
                    CrewRecord(organization: "west", kioskId: "K1", event: event, receivedAt: start.wall),
                    in: &database)
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
        let reader = ListReader(.crewEvents(CrewFilter()), organization: "west", before: nil, limit: limit)
        let list = try read(reader, &store)
        let count = min(events, limit)
        #expect(try ids(list.text) == (0..<count).map { "e\(events - 1 - $0)" })
        #expect(try JSONValue(parsing: Array(list.text.utf8))["next"]?.string == next)
        #expect(list.pieces == pieces)
    }

    @Test func theAuditIsExportedWithItsFilterAndSaysWhereItGoesOn() throws {
        var store = try Store(.memory, now: start.wall)
        for number in 0..<5 {
            try store.append(
                AuditEntry(
                    at: start.wall, kind: .login, organization: "west", principal: number % 2 == 0 ? "=M" : "A1",
                    details: ["address": "192.0.2.1"]))
        }
        let export = try read(
            ListReader(.auditAsCSV(AuditFilter(actor: "=M")), organization: "west", limit: 2), &store)
        let line = #"2026-01-01T00:00:00.000Z,login,'=M,,"{""address"":""192.0.2.1""}""# + "\r\n"
        #expect(export.text == "sequence,at,kind,actor,subject,details\r\n5,\(line)3,\(line)")
        #expect(export.nextCursor == 3)
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
            ListReader(.crewEventsAsCSV(CrewFilter()), organization: "west", before: nil, limit: 10_000), &store)
        #expect(whole.text.split(separator: "\r\n").count == 501 && whole.pieces == 6)
        #expect(whole.nextCursor == nil)
        // Every second event, so that the page's end is not at the row of that number.
        let filter = CrewFilter(crewId: "c1")
        let part = try read(
            ListReader(.crewEventsAsCSV(filter), organization: "west", before: nil, limit: 240), &store)
        #expect(part.text.split(separator: "\r\n").count == 241)
        let cursor = try #require(part.nextCursor)
        let rest = try read(
            ListReader(.crewEventsAsCSV(filter), organization: "west", before: cursor, limit: 240), &store)
        #expect(rest.text.split(separator: "\r\n").count == 11 && rest.nextCursor == nil)
    }

    /// What comes while a client takes its list stands before the first page.
    @Test func whatComesMeanwhileIsNotListedTwice() throws {
        var store = try store(events: 150)
        var reader = ListReader(.crewEvents(CrewFilter()), organization: "west", before: nil, limit: 1000)
        var bytes = reader.piece(of: try store.rows(reader.query)).bytes
        let event = CrewEvent(
            kind: .signOff, eventId: "late", crewId: "c", name: nil, role: nil, train: nil,
            occurredAt: "2026-01-01T00:00:00Z")
        _ = try store.log(CrewRecord(organization: "west", kioskId: "K1", event: event, receivedAt: start.wall))
        bytes += reader.piece(of: try store.rows(reader.query)).bytes
        #expect(try ids(String(decoding: bytes, as: UTF8.self)) == (0..<150).map { "e\(149 - $0)" })
    }
}
