internal import HTTP
internal import HTTPTransport
internal import JSON
internal import Primitives
internal import Records
internal import RecordsSQLite
internal import SessionRules
internal import Signaling

/// Answers what accounts ask about themselves, kiosks and single sessions.
struct SessionsAPI {
    private let records: ListsThread
    private let sockets: SocketService
    private let responses: Responses

    init(_ records: ListsThread, _ sockets: SocketService, _ responses: Responses) {
        self.records = records
        self.sockets = sockets
        self.responses = responses
    }

    func handle(
        _ route: APIRoute.Session, _ request: HTTPRequest, by account: Account, now: Moment
    ) throws(APIFailure) {
        let id = request.id
        switch route {
        case .me: responses.respond(to: id, .json(200, account.ownJSON))
        case .iceServers:
            let servers = sockets.iceServers(for: account.id, now: now)
            responses.respond(to: id, .json(200, ICEServerList(servers).json))
        case .kiosks:
            let kiosks = sockets.kioskList(of: account.organization)
            let list = ServerEvent.kioskList(kiosks).arguments.first?["kiosks"] ?? []
            responses.respond(to: id, .json(200, ["items": list, "next": .null]))
        case .show(let session):
            records.submit(.session(id: session, organization: account.organization, id.ticket))
        case .end(let session):
            let reason = try Self.reason(request, of: account)
            guard sockets.endSession(session, by: account, reason: reason, now: now) else {
                throw APIFailure.noSuchSession
            }
            responses.respond(to: id, HTTPResponse(status: 204))
        }
    }

    /// Why an administrator ends a session; nil where the request does not say.
    private static func reason(_ request: HTTPRequest, of account: Account) throws(APIFailure) -> String? {
        guard !request.body.isEmpty else { return nil }
        let reason = try RequestBody(request).text("reason", BodyText.reason)
        guard reason == nil || account.role == .admin else {
            throw APIFailure(.forbidden, "reason: only an administrator gives one")
        }
        return reason
    }

    // MARK: What the records say

    func found(_ session: SessionRecord?, _ ticket: RecordTicket) {
        guard let session else { return responses.fail(ticket.request, .noSuchSession) }
        responses.respond(to: ticket.request, .json(200, session.json))
    }

    func failed(_ ticket: RecordTicket) { responses.fail(ticket.request, .recordsUnavailable) }
}

extension APIFailure {
    fileprivate static var noSuchSession: APIFailure { APIFailure(.notFound, "no such session") }
}
