internal import HTTP
internal import HTTPTransport
internal import Identity
internal import JSON
internal import Primitives
internal import Records
internal import RecordsSQLite
internal import SessionRules
internal import Signaling

/// Performs what administrators ask of accounts: passwords are hashed, then the records change.
struct AccountsAPI {
    private let records: RecordsThread
    private let passwords: PasswordWorker
    private let responses: Responses

    init(_ records: RecordsThread, _ passwords: PasswordWorker, _ responses: Responses) {
        self.records = records
        self.passwords = passwords
        self.responses = responses
    }

    func perform(
        _ operation: AccountOperation, _ id: RequestID, by admin: Account, now: Moment
    ) throws(APIFailure) {
        let (ticket, records) = (id.ticket, records)
        switch operation {
        case .show(let account): responses.respond(to: id, .json(200, account.json))
        case .add(let name, let role, let displayName, let password):
            let account = Account(
                id: name, role: role, organization: admin.organization, displayName: displayName,
                createdAt: now.wall, tokensValidFrom: now.wall, generation: Account.newGeneration())
            try hash(password) { hash in
                records.submit(.changeAccount(.add(account, password: hash), by: admin.id, ticket))
            }
        case .change(let name, let displayName, let password, let isDisabled):
            let apply: @Sendable (PasswordHash?) -> Void = { hash in
                records.submit(
                    .changeAccount(
                        .change(id: name, displayName: displayName, password: hash, isDisabled: isDisabled),
                        by: admin.id, ticket))
            }
            guard let password else { return apply(nil) }
            try hash(password, apply)
        case .remove(let name): records.submit(.changeAccount(.remove(id: name), by: admin.id, ticket))
        }
    }

    private func hash(
        _ password: Redacted<String>, _ then: @escaping @Sendable (PasswordHash) -> Void
    ) throws(APIFailure) {
        guard !passwords.isBusy else {
            throw APIFailure.throttled("too many passwords are being hashed", retryAfter: 2)
        }
        passwords.submit { then(PasswordHash(of: password)) }
    }

    // MARK: What the records say

    func changed(_ outcome: AccountOutcome, _ ticket: RecordTicket) {
        let response: HTTPResponse =
            switch outcome {
            case .added(let account):
                .json(201, account.json, headers: [HTTPHeader("Location", "/api/accounts/\(account.id)")])
            case .changed(let account): .json(200, account.json)
            case .removed: HTTPResponse(status: 204)
            }
        responses.respond(to: ticket.request, response)
    }

    func failed(_ error: RecordError, _ ticket: RecordTicket) {
        let failure: APIFailure =
            switch error {
            case .accountExists: APIFailure(.conflict, error.description)
            case .noSuchAccount: APIFailure(.notFound, error.description)
            case .unavailable: .recordsUnavailable
            }
        responses.fail(ticket.request, failure)
    }
}
