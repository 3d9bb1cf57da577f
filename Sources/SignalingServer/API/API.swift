internal import HTTP
internal import HTTPTransport
internal import Primitives
internal import Reactor
internal import Records
internal import SessionRules
internal import Signaling

/// The HTTP API: finds out what is asked for and by whom, and gives it to the part that answers it.
final class API {
    private let transport: HTTPServer
    private let responses: Responses
    private let tokens: AccessTokens
    private let sockets: SocketService
    private let logIns: LogInAPI
    private let accounts: AccountsAPI
    private let sessions: SessionsAPI
    private let lists: ListsAPI
    private let preferences: PreferencesAPI

    init(
        _ transport: HTTPServer, _ responses: Responses, _ tokens: AccessTokens, _ sockets: SocketService,
        _ logIns: LogInAPI, _ accounts: AccountsAPI, _ sessions: SessionsAPI, _ lists: ListsAPI,
        _ preferences: PreferencesAPI
    ) {
        self.transport = transport
        self.responses = responses
        self.tokens = tokens
        self.sockets = sockets
        self.logIns = logIns
        self.accounts = accounts
        self.sessions = sessions
        self.lists = lists
        self.preferences = preferences
    }

    /// - Parameter client: its own address, behind a proxy too.
    func handle(_ request: HTTPRequest, from client: IPAddress, now: Moment) {
        do throws(APIFailure) {
            try serve(request, from: client, now: now)
        } catch {
            responses.fail(request.id, error)
        }
    }

    private func serve(_ request: HTTPRequest, from client: IPAddress, now: Moment) throws(APIFailure) {
        let route = try APIRoute(request)
        switch route {
        case .logIn: try logIns.logIn(request, from: client, now: now)
        case .refresh: try logIns.refresh(request, now: now)
        case .logOut: try logIns.logOut(request, now: now)
        case .document: responses.respond(to: request.id, OpenAPIDocument.response)
        case .session(let session):
            try sessions.handle(session, request, by: try identify(request, route, now: now), now: now)
        case .list(let list):
            let account = try identify(request, route, now: now)
            lists.asked(request.id, by: account, try ListReader(list, request, for: account))
        case .preferences(let preferences):
            let account = try identify(request, route, now: now)
            try self.preferences.handle(preferences, request, by: account)
        case .account(let route):
            let admin = try identify(request, .account(route), now: now)
            let operation = try AccountOperation(route, request, by: admin, in: sockets.directory)
            try accounts.perform(operation, request.id, by: admin, now: now)
        }
    }

    /// Whose request it is, if its role may ask for that.
    private func identify(_ request: HTTPRequest, _ route: APIRoute, now: Moment) throws(APIFailure) -> Account {
        let caller = try api { () throws(SignalingError) in
            try tokens.caller(of: request, in: sockets.directory, now: now)
        }
        guard route.roles?.contains(caller.account.role) != false else {
            throw APIFailure(.forbidden, "not for a \(caller.account.role.rawValue)")
        }
        transport.attribute(request.id, to: caller.account.id)
        return caller.account
    }
}
