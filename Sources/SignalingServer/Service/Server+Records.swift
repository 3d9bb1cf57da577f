internal import HTTP
internal import HTTPTransport
internal import Identity
internal import Primitives
internal import Records
internal import RecordsSQLite
internal import SessionRules
internal import Signaling

extension Server {
    // MARK: What the records say

    func handle(_ answer: RecordAnswer, now: Moment) {
        switch answer {
        case .directory(let directory): use(directory, now: now)
        case .health(let health): recordsHealth = health
        case .crewStored(let record, let isNew, let reply): hub.crewStored(record, isNew: isNew, reply)
        case .sessionStored(let id): hub.sessionStored(id)
        case .sessionRefused(let id, _): hub.sessionNotStored(id, now: now)
        case .credentials(let found, let ticket): logIns.credentialsRead(found, ticket)
        case .loggedIn(let verdict, let ticket): logIns.judged(verdict, ticket, now: now)
        case .refreshed(let outcome, let ticket): finishRefresh(ticket, outcome, now: now)
        case .loggedOut(let directory, let ticket):
            // The directory is up to date before the answer is out.
            use(directory, now: now)
            respond(to: ticket.request, HTTPResponse(status: 204))
        case .accountChanged(let outcome, let directory, let ticket):
            use(directory, now: now)
            respond(to: ticket.request, HTTPResponse.changed(outcome))
        case .failed(let request, let error): failed(request, error, now: now)
        case .piece(let reader, let piece, let ticket): listRead(ticket.request, reader, piece)
        case .session(let session, let ticket): showSession(session, ticket.request)
        case .listFailed(.piece(_, let ticket), _): listFailed(ticket.request)
        case .listFailed(.session(_, _, let ticket), _): failUnavailable(ticket.request)
        }
    }

    private func use(_ directory: DirectoryRecord, now: Moment) {
        tokens.use(directory.keys)
        hub.directoryChanged(directory.directory, now: now)
    }

    private func failed(_ request: RecordRequest, _ error: RecordError, now: Moment) {
        switch request {
        case .keep(.crew(_, let reply)): hub.crewFailed(reply)
        case .keep(.sessionBegan(let session)): hub.sessionNotStored(session.id, now: now)
        // Nobody waits for these.
        case .keep(.sessionNegotiated), .keep(.sessionMoved), .keep(.sessionReported), .keep(.sessionEnded),
            .keep(.audit), .keep(.lastSeen), .keep(.kioskRegistered):
            break
        case .readCredentials(_, let ticket), .logIn(_, let ticket): logIns.recordsFailed(ticket, now: now.instant)
        case .refresh(_, _, let ticket):
            newTokens[ticket] = nil
            failUnavailable(ticket.request)
        case .logOut(_, _, let ticket): failUnavailable(ticket.request)
        case .changeAccount(_, _, let ticket):
            switch error {
            case .accountExists: fail(ticket.request, SignalingError(.conflict, error.description))
            case .noSuchAccount: fail(ticket.request, SignalingError(.notFound, error.description))
            case .unavailable: failUnavailable(ticket.request)
            }
        }
    }

    private func failUnavailable(_ id: RequestID) {
        fail(id, SignalingError(.internalError, "the records cannot be read or written"))
    }
}

extension HTTPResponse {
    fileprivate static func changed(_ outcome: AccountOutcome) -> HTTPResponse {
        switch outcome {
        case .added(let account):
            .json(201, account.json, headers: [HTTPHeader("Location", "/api/accounts/\(account.id)")])
        case .changed(let account): .json(200, account.json)
        case .removed: HTTPResponse(status: 204)
        }
    }
}
