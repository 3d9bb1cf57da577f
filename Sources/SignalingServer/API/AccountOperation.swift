internal import HTTPTransport
internal import JSON
internal import Primitives
internal import SessionRules
internal import Signaling

/// What an administrator asks of an account of its organization, checked.
enum AccountOperation: Equatable {
    case show(Account)
    case add(id: String, Role, displayName: String, password: Redacted<String>)
    /// Nil leaves a field as it is.
    case change(id: String, displayName: String?, password: Redacted<String>?, isDisabled: Bool?)
    case remove(id: String)

    init(
        _ route: APIRoute.Account, _ request: HTTPRequest, by admin: Account, in directory: Directory
    ) throws(APIFailure) {
        func account(_ name: String) throws(APIFailure) -> Account {
            guard let account = directory[name], account.organization == admin.organization else {
                throw APIFailure(.notFound, "no such account")
            }
            return account
        }
        switch route {
        case .show(let name): self = .show(try account(name))
        case .add: self = try .add(RequestBody(request))
        case .change(let name):
            _ = try account(name)
            self = try .change(name, RequestBody(request), by: admin)
        case .remove(let name):
            _ = try account(name)
            guard name != admin.id else { throw APIFailure(.conflict, "an administrator does not remove itself") }
            self = .remove(id: name)
        }
    }

    private static func add(_ body: RequestBody) throws(APIFailure) -> AccountOperation {
        guard let name = try body.text("id", AccountRule.id) else { throw APIFailure(.badRequest, "id: missing") }
        guard let role = try body.word("role", Role.self) else { throw APIFailure(.badRequest, "role: missing") }
        guard let password = try body.text("password", AccountRule.password) else {
            throw APIFailure(.badRequest, "password: missing")
        }
        let displayName = try body.text("displayName", AccountRule.displayName)
        return .add(id: name, role, displayName: displayName ?? name, password: Redacted(password))
    }

    private static func change(
        _ name: String, _ body: RequestBody, by admin: Account
    ) throws(APIFailure) -> AccountOperation {
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
        return .change(
            id: name, displayName: displayName, password: password.map { Redacted($0) }, isDisabled: isDisabled)
    }
}
