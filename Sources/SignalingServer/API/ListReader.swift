internal import Database
internal import HTTP
internal import JSON
internal import Primitives
internal import SessionRules

/// Reads a list out of the records page by page, newest first (accounts by id), and writes each page as the next piece of an answer. One
/// page is read for each piece that the client has taken, so that neither the records nor the memory wait for a client.
struct ListReader: Sendable {
    enum Source: Sendable {
        case sessions(kioskId: String?, isOpen: Bool?)
        case crewEvents(Store.CrewFilter)
        case crewEventsAsCSV(Store.CrewFilter)
        case audit
        case accounts
    }

    struct Piece: Sendable {
        var bytes: [UInt8]
        /// Fields of the answer's head that the first piece brings.
        var headers: [HTTPHeader] = []
        var isLast: Bool
    }

    /// Rows read at a time.
    static let pageSize = 100

    let organization: String
    let source: Source
    /// Rows that are asked for.
    private let limit: Int
    private var cursor: Int64?
    /// The account that was read last; accounts have no sequence number.
    private var lastAccount: String?
    private var count: Int

    /// - Parameters:
    ///   - cursor: the sequence number that the page before ended with.
    ///   - limit: rows at most; `Int.max` for all there are.
    init(_ source: Source, organization: String, before cursor: Int64? = nil, limit: Int = .max) {
        self.source = source
        self.organization = organization
        self.limit = limit
        self.cursor = cursor
        count = 0
    }

    var contentType: String {
        switch source {
        case .sessions, .crewEvents, .audit, .accounts: "application/json; charset=utf-8"
        case .crewEventsAsCSV: "text/csv; charset=utf-8"
        }
    }

    mutating func read(_ store: inout Store) throws(DatabaseError) -> Piece {
        let size = min(ListReader.pageSize, limit - count)
        switch source {
        case .sessions(let kioskId, let isOpen):
            let rows = try store.sessions(
                organization: organization, kioskId: kioskId, isOpen: isOpen, before: cursor, limit: size)
            return json(rows.map { ($0.sequence, $0.json) }, asked: size)
        case .crewEvents(let filter):
            let rows = try store.crewEvents(organization: organization, filter, before: cursor, limit: size)
            return json(rows.map { ($0.sequence, $0.json) }, asked: size)
        case .audit:
            let rows = try store.audit(organization: organization, before: cursor, limit: size)
            return json(rows.map { ($0.sequence, $0.json) }, asked: size)
        case .accounts:
            let rows = try store.accounts(of: organization, after: lastAccount, limit: size)
            lastAccount = rows.last?.id ?? lastAccount
            return json(rows.map { (nil, $0.json) }, asked: size)
        case .crewEventsAsCSV(let filter):
            var headers: [HTTPHeader] = []
            if count == 0 {
                headers.append(HTTPHeader("Content-Disposition", "attachment; filename=\"crew-events.csv\""))
                // Where the next page begins stands in the head, which leaves before the rows.
                let last = try store.crewEventSequence(
                    organization: organization, filter, before: cursor, at: limit)
                if let last { headers.append(HTTPHeader("X-Next-Cursor", String(last))) }
            }
            let rows = try store.crewEvents(organization: organization, filter, before: cursor, limit: size)
            let text = (count == 0 ? CrewCSV.header : "") + CrewCSV.lines(rows)
            let isLast = advance(rows.last?.sequence, rows.count, asked: size)
            return Piece(bytes: Array(text.utf8), headers: headers, isLast: isLast)
        }
    }

    /// `{"items":[…],"next":cursor or null}`, a page of it.
    private mutating func json(_ rows: [(sequence: Int64?, json: JSONValue)], asked: Int) -> Piece {
        var bytes = count == 0 ? Array("{\"items\":[".utf8) : []
        for (index, row) in rows.enumerated() {
            if count + index > 0 { bytes.append(UInt8(ascii: ",")) }
            bytes += row.json.jsonText
        }
        let isLast = advance(rows.last?.sequence ?? nil, rows.count, asked: asked)
        if isLast {
            let next = count == limit ? cursor.map { JSONValue.string(String($0)) } ?? .null : .null
            bytes += Array("],\"next\":".utf8) + next.jsonText + [UInt8(ascii: "}")]
        }
        return Piece(bytes: bytes, isLast: isLast)
    }

    /// - Returns: whether there is nothing more to read.
    private mutating func advance(_ last: Int64?, _ rows: Int, asked: Int) -> Bool {
        count += rows
        if let last { cursor = last }
        return rows < asked || count == limit
    }
}
