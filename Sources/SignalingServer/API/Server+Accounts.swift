internal import Database
internal import HTTP
internal import HTTPTransport
internal import JSON
internal import Primitives
internal import Reactor
internal import SessionRules
internal import Signaling

extension Server {
    // MARK: Accounts of the administrator's organization

    func listAccounts(_ request: HTTPRequest, now: Moment) throws(APIFailure) {
        let (admin, _) = try identify(request, .admin, now: now)
        list(request, admin, ListReader(.accounts, organization: admin.organization))
    }

    func showAccount(_ name: String, _ request: HTTPRequest, now: Moment) throws(APIFailure) {
        let (admin, _) = try identify(request, .admin, now: now)
        respond(to: request.id, .json(200, try account(name, of: admin).json))
    }

    func addAccount(_ request: HTTPRequest, now: Moment) throws(APIFailure) {
        let (admin, _) = try identify(request, .admin, now: now)
        let body = try AccountBody(request)
        let name = try body.text("id", AccountRule.id)
        guard let name else { throw APIFailure(.badRequest, "id: missing") }
        guard let role = try body.role() else { throw APIFailure(.badRequest, "role: missing") }
        guard let password = try body.text("password", AccountRule.password) else {
            throw APIFailure(.badRequest, "password: missing")
        }
        let displayName = try body.text("displayName", AccountRule.displayName)
        let account = Account(
            id: name, role: role, organization: admin.organization, displayName: displayName ?? name,
            createdAt: now.wall, tokensValidFrom: now.wall, generation: Account.newGeneration())
        let (id, records) = (request.id, records)
        try hash(Redacted(password)) { hash in
            records.change(id) { store throws(RecordError) in
                try store.add(account, password: hash, actor: admin.id)
                return .json(201, account.json, headers: [HTTPHeader("Location", "/api/accounts/\(name)")])
            }
        }
    }

    func changeAccount(_ name: String, _ request: HTTPRequest, now: Moment) throws(APIFailure) {
        let (admin, _) = try identify(request, .admin, now: now)
        _ = try account(name, of: admin)
        let body = try AccountBody(request)
        let displayName = try body.text("displayName", AccountRule.displayName)
        let isDisabled = try body.bool("disabled")
        guard isDisabled != true || name != admin.id else {
            throw APIFailure(.conflict, "an administrator does not lock itself out")
        }
        let password = try body.text("password", AccountRule.password)
        // Members that nobody knows are passed over; a body of nothing else is a misspelling.
        guard displayName != nil || isDisabled != nil || password != nil else {
            throw APIFailure(.badRequest, "nothing to change: give displayName, disabled or password")
        }
        let (id, records) = (request.id, records)
        let apply: @Sendable (PasswordHash?) -> Void = { hash in
            records.change(id) { store throws(RecordError) in
                let now = SystemWallClock.now()
                if let displayName { try store.setDisplayName(name, displayName, actor: admin.id, now: now) }
                if let hash { try store.setPassword(name, hash, actor: admin.id, now: now) }
                if let isDisabled { try store.setDisabled(name, isDisabled, actor: admin.id, now: now) }
                guard let changed = try store.changedAccount(name) else { throw .noSuchAccount(name) }
                return .json(200, changed.json)
            }
        }
        guard let password else { return apply(nil) }
        try hash(Redacted(password), apply)
    }

    func removeAccount(_ name: String, _ request: HTTPRequest, now: Moment) throws(APIFailure) {
        let (admin, _) = try identify(request, .admin, now: now)
        _ = try account(name, of: admin)
        guard name != admin.id else { throw APIFailure(.conflict, "an administrator does not remove itself") }
        records.change(request.id) { store throws(RecordError) in
            try store.remove(name, actor: admin.id, now: SystemWallClock.now())
            return HTTPResponse(status: 204)
        }
    }

    private func account(_ name: String, of admin: Account) throws(APIFailure) -> Account {
        guard let account = hub.directory[name], account.organization == admin.organization else {
            throw APIFailure(.notFound, "no such account")
        }
        return account
    }

    private func hash(
        _ password: Redacted<String>, _ then: @escaping @Sendable (PasswordHash) -> Void
    ) throws(APIFailure) {
        guard !passwords.isBusy else { throw APIFailure.busy("too many passwords are being hashed") }
        passwords.submit { then(PasswordHash(of: password)) }
    }
}

extension StoreWorker {
    /// Changes an account; the directory follows at once and not at the next look.
    func change(
        _ id: RequestID, _ body: @escaping @Sendable (inout Store) throws(RecordError) -> HTTPResponse
    ) {
        submit(onFailure: .recordsUnavailable(id)) { store throws(DatabaseError) in
            let response: HTTPResponse
            do throws(RecordError) {
                response = try body(&store)
            } catch {
                switch error {
                case .accountExists: return .respond(id, .error(409, SignalingError(.conflict, error.description)))
                case .noSuchAccount: return .respond(id, .error(404, SignalingError(.notFound, error.description)))
                case .database(let error): throw error
                }
            }
            return .changed(try store.directory(now: SystemWallClock.now()), id, response)
        }
    }
}

extension Store {
    mutating func changedAccount(_ id: String) throws(RecordError) -> Account? {
        do throws(DatabaseError) { return try account(id) } catch { throw .database(error) }
    }
}

/// The body of a request about an account: an object. Members that this server does not know are passed over.
private struct AccountBody {
    let object: JSONObject

    init(_ request: HTTPRequest) throws(APIFailure) {
        guard case .object(let object) = try api({ () throws(SignalingError) in try request.json() }) else {
            throw APIFailure(.badRequest, "the body must be an object")
        }
        self.object = object
    }

    func text(_ name: String, _ rule: (String) -> String?) throws(APIFailure) -> String? {
        guard let value = object[name] else { return nil }
        guard case .string(let text) = value else { throw APIFailure(.badRequest, "\(name): must be a string") }
        if let broken = rule(text) { throw APIFailure(.badRequest, "\(name): \(broken)") }
        return text
    }

    func bool(_ name: String) throws(APIFailure) -> Bool? {
        guard let value = object[name] else { return nil }
        guard case .bool(let bool) = value else { throw APIFailure(.badRequest, "\(name): must be true or false") }
        return bool
    }

    func role() throws(APIFailure) -> Role? {
        guard let value = object["role"] else { return nil }
        guard case .string(let text) = value, let role = Role(rawValue: text) else {
            let roles = Role.allCases.map(\.rawValue).joined(separator: ", ")
            throw APIFailure(.badRequest, "role: must be one of \(roles)")
        }
        return role
    }
}
