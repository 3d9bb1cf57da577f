internal import HTTP
internal import HTTPTransport
internal import JSON
internal import Primitives
internal import Records
internal import RecordsSQLite
internal import SessionRules
internal import Signaling

/// Answers what accounts keep for the pages that they use. Two windows of one person do not overwrite each other unknowingly: each answer
/// has an entity tag, and a change may name the one that it was made from (`If-Match`, RFC 9110 section 13.1.1).
struct PreferencesAPI {
    private let records: RecordsThread
    private let lists: ListsThread
    private let responses: Responses

    init(_ workers: Workers, _ responses: Responses) {
        records = workers.records
        lists = workers.lists
        self.responses = responses
    }

    func handle(_ route: APIRoute.Preferences, _ request: HTTPRequest, by account: Account) throws(APIFailure) {
        switch route {
        case .show: lists.submit(.preferences(account: account.id, request.id.ticket))
        case .keep:
            let change = try PreferencesChange(request, of: account)
            records.submit(.keepPreferences(change, request.id.ticket))
        }
    }

    // MARK: What the records say

    func found(_ preferences: StoredPreferences, _ ticket: RecordTicket) {
        var response = HTTPResponse.typed(200, "application/json; charset=utf-8", preferences.document)
        response.headers.append(.entityTag(of: preferences.revision))
        responses.respond(to: ticket.request, response)
    }

    func kept(_ outcome: PreferencesOutcome, _ ticket: RecordTicket) {
        switch outcome {
        case .kept(let revision):
            responses.respond(
                to: ticket.request, HTTPResponse(status: 204, headers: [.entityTag(of: revision)]))
        case .changedMeanwhile(let revision):
            responses.fail(
                ticket.request,
                .preconditionFailed(
                    "the preferences have changed since they were read: read them again", .entityTag(of: revision)))
        case .noSuchAccount: responses.fail(ticket.request, APIFailure(.notFound, "the account was removed"))
        }
    }

    func failed(_ ticket: RecordTicket) { responses.fail(ticket.request, .recordsUnavailable) }
}

extension PreferencesChange {
    /// What a request wants kept, as it came.
    init(_ request: HTTPRequest, of account: Account) throws(APIFailure) {
        _ = try RequestBody(request)
        self.init(account: account.id, document: request.body, expected: try Self.expected(request.headers))
    }

    /// The revisions that `If-Match` names; nil for any. A tag that this server has not made, or a weak one, names none
    /// (RFC 9110 section 8.8.3.2).
    private static func expected(_ headers: [HTTPHeader]) throws(APIFailure) -> Set<Int64>? {
        guard headers["if-match"] != nil else { return nil }
        let tags = headers.tokens(of: "if-match")
        if tags == ["*"] { return nil }
        var revisions: Set<Int64> = []
        for tag in tags {
            guard tag.count >= 2, tag.hasPrefix("\"") || tag.hasPrefix("w/\""), tag.hasSuffix("\"") else {
                throw APIFailure(.badRequest, "If-Match: must be the entity tags of answers, or *")
            }
            if let revision = Int64(tag.dropFirst().dropLast()) { revisions.insert(revision) }
        }
        return revisions
    }
}

extension HTTPHeader {
    fileprivate static func entityTag(of revision: Int64) -> HTTPHeader { HTTPHeader("ETag", "\"\(revision)\"") }
}

extension APIFailure {
    /// The resource is not what the request was made for (RFC 9110 section 15.5.13).
    fileprivate static func preconditionFailed(_ message: String, _ entityTag: HTTPHeader) -> APIFailure {
        var failure = APIFailure(.conflict, message)
        failure.status = 412
        failure.headers = [entityTag]
        return failure
    }
}
