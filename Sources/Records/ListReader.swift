internal import JSON
public import SessionRules

/// Reads a list out of the records page by page, newest first (accounts by id), and writes each page as the next piece of an answer. One
/// page is read for each piece that the client has taken, so that neither the records nor the memory wait for a client.
public struct ListReader: Sendable {
    /// What is listed.
    public enum Source: Sendable {
        case sessions(kioskId: String?, isOpen: Bool?)
        case crewEvents(CrewFilter)
        case crewEventsAsCSV(CrewFilter)
        case audit(AuditFilter)
        case auditAsCSV(AuditFilter)
        case accounts
    }

    /// A part of the answer.
    public struct Piece: Sendable {
        /// As the answer has them.
        public var bytes: [UInt8]
        /// The first piece of an export that does not reach the end: where the next page begins.
        public var nextCursor: Int64?
        /// Whether nothing follows.
        public var isLast: Bool
    }

    /// Rows read at a time.
    public static let pageSize = 100

    /// Of the one who asks; only its rows are listed.
    public let organization: String
    /// What is listed.
    public let source: Source
    /// Rows that are asked for.
    private let limit: Int
    private var cursor: Int64?
    /// The account that was read last; accounts have no sequence number.
    private var lastAccount: String?
    private var count: Int

    /// - Parameters:
    ///   - cursor: the sequence number that the page before ended with.
    ///   - limit: rows at most; `Int.max` for all there are.
    public init(_ source: Source, organization: String, before cursor: Int64? = nil, limit: Int = .max) {
        self.source = source
        self.organization = organization
        self.limit = limit
        self.cursor = cursor
        count = 0
    }

    /// Of the whole answer.
    public var contentType: String {
        switch source {
        case .sessions, .crewEvents, .audit, .accounts: "application/json; charset=utf-8"
        case .crewEventsAsCSV, .auditAsCSV: "text/csv; charset=utf-8"
        }
    }

    /// What an export is called where it is kept as a file; nil for what is no export.
    public var fileName: String? {
        switch source {
        case .sessions, .crewEvents, .audit, .accounts: nil
        case .crewEventsAsCSV: "crew-events.csv"
        case .auditAsCSV: "audit.csv"
        }
    }

    /// What the next piece is made of.
    public struct Query: Sendable {
        /// What is listed.
        public var source: Source
        /// Only its rows.
        public var organization: String
        /// The sequence number before which the page begins; nil for the newest.
        public var cursor: Int64?
        /// The account behind which the page begins.
        public var lastAccount: String?
        /// Rows at most.
        public var size: Int
        /// Of the row of that number, counted from 1 and from the page's beginning, the sequence number is wanted as well: it stands in
        /// the answer's head, which leaves before the rows.
        public var endsAt: Int?
    }

    /// What the records have for a query.
    public enum Rows: Sendable {
        case sessions([SessionRecord])
        case crewEvents([CrewRecord], end: Int64?)
        case audit([AuditRow], end: Int64?)
        case accounts([Account])
    }

    /// For the next piece.
    public var query: Query {
        let endsAt = fileName != nil && count == 0 ? limit : nil
        return Query(
            source: source, organization: organization, cursor: cursor, lastAccount: lastAccount,
            size: min(ListReader.pageSize, limit - count), endsAt: endsAt)
    }

    /// The next piece, from what its query brought.
    public mutating func piece(of rows: Rows) -> Piece {
        let size = query.size
        switch rows {
        case .sessions(let rows): return json(rows.map { ($0.sequence, $0.json) }, asked: size)
        case .audit(let rows, let end):
            guard case .auditAsCSV = source else { return json(rows.map { ($0.sequence, $0.json) }, asked: size) }
            let text = (count == 0 ? AuditCSV.header : "") + AuditCSV.lines(rows)
            return export(text, last: rows.last?.sequence, rows.count, asked: size, end: end)
        case .accounts(let rows):
            lastAccount = rows.last?.id ?? lastAccount
            return json(rows.map { (nil, $0.json) }, asked: size)
        case .crewEvents(let rows, let end):
            guard case .crewEventsAsCSV = source else {
                return json(rows.map { ($0.sequence, $0.json) }, asked: size)
            }
            let text = (count == 0 ? CrewCSV.header : "") + CrewCSV.lines(rows)
            return export(text, last: rows.last?.sequence, rows.count, asked: size, end: end)
        }
    }

    private mutating func export(_ text: String, last: Int64?, _ rows: Int, asked: Int, end: Int64?) -> Piece {
        let isLast = advance(last, rows, asked: asked)
        return Piece(bytes: Array(text.utf8), nextCursor: end, isLast: isLast)
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
