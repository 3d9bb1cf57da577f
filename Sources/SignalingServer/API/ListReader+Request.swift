internal import HTTPTransport
internal import Records
internal import SessionRules
internal import Signaling

extension ListReader {
    /// The list that a request asks for, of the account's organization.
    init(_ route: APIRoute.List, _ request: HTTPRequest, for account: Account) throws(APIFailure) {
        let query = APIQuery(request)
        switch route {
        case .accounts: self.init(.accounts, organization: account.organization)
        case .audit:
            let filter = AuditFilter(
                kioskId: try query.text("kiosk"), actor: try query.text("actor"),
                kind: try query.word("kind", AuditEntry.Kind.self), from: try query.time("from"),
                to: try query.time("to"))
            let isCSV = try query.word("format", of: ["json", "csv"]) == "csv"
            let (limit, cursor) = (try query.limit(most: isCSV ? 10_000 : 1000), try query.cursor())
            self.init(
                isCSV ? .auditAsCSV(filter) : .audit(filter), organization: account.organization, before: cursor,
                limit: limit)
        case .sessions:
            let (limit, cursor, kioskId) = (try query.limit(), try query.cursor(), try query.text("kioskId"))
            let isOpen = try query.word("state", of: ["open", "ended"]).map { $0 == "open" }
            self.init(
                .sessions(kioskId: kioskId, isOpen: isOpen), organization: account.organization, before: cursor,
                limit: limit)
        case .crewEvents:
            let filter = CrewFilter(
                kioskId: try query.text("kiosk", or: "kioskId"), crewId: try query.text("actor", or: "crewId"),
                kind: try query.word("kind", CrewEvent.Kind.self), from: try query.time("from"),
                to: try query.time("to"))
            let isCSV = try query.word("format", of: ["json", "csv"]) == "csv"
            let (limit, cursor) = (try query.limit(most: isCSV ? 10_000 : 1000), try query.cursor())
            self.init(
                isCSV ? .crewEventsAsCSV(filter) : .crewEvents(filter), organization: account.organization,
                before: cursor, limit: limit)
        }
    }
}
