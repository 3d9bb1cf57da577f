internal import HTTP
internal import HTTPTransport
internal import JSON
internal import Signaling

/// What a request of the HTTP API asks for, by its path and method alone.
enum APIRoute: Equatable {
    enum Session: Equatable {
        case me
        case iceServers
        case kiosks
        case show(String)
        case end(String)
    }

    enum List: Equatable {
        case sessions
        case crewEvents
        case audit
        case accounts
    }

    enum Account: Equatable {
        case show(String)
        case add
        case change(String)
        case remove(String)
    }

    /// What the caller keeps for the pages that it uses.
    enum Preferences: Equatable {
        case show
        case keep
    }

    case logIn
    case refresh
    case logOut
    case document
    case session(Session)
    case list(List)
    case account(Account)
    case preferences(Preferences)

    /// Bytes of a request to `/api/`: nothing here is larger than somebody's preferences.
    static let maximumBody = 64 * 1024

    init(_ request: HTTPRequest) throws(APIFailure) {
        guard request.body.count <= APIRoute.maximumBody else {
            throw APIFailure(.tooLarge, "the body is larger than 64 KiB")
        }
        let path = request.path.split(separator: "/", omittingEmptySubsequences: false).dropFirst(2).map(String.init)
        let (name, rest) = (path.first ?? "", Array(path.dropFirst()))
        try APIQuery(request).check(resource: name, isList: rest.isEmpty)
        switch (name, rest.count) {
        case ("auth", 1): self = try .authentication(rest[0], request)
        case ("openapi.json", 0): self = try .read(.document, request)
        case ("me", 0): self = try .read(.session(.me), request)
        case ("me", 1) where rest[0] == "preferences":
            try request.allow(.get, .head, .put)
            self = .preferences(request.method == .put ? .keep : .show)
        case ("ice-servers", 0): self = try .read(.session(.iceServers), request)
        case ("kiosks", 0): self = try .read(.session(.kiosks), request)
        case ("sessions", 0): self = try .read(.list(.sessions), request)
        case ("sessions", 1):
            try request.allow(.get, .head, .delete)
            self = .session(request.method == .delete ? .end(rest[0]) : .show(rest[0]))
        case ("crew-events", 0): self = try .read(.list(.crewEvents), request)
        case ("audit", 0): self = try .read(.list(.audit), request)
        case ("accounts", 0):
            try request.allow(.get, .head, .post)
            self = request.method == .post ? .account(.add) : .list(.accounts)
        case ("accounts", 1):
            try request.allow(.get, .head, .patch, .delete)
            switch request.method {
            case .patch: self = .account(.change(rest[0]))
            case .delete: self = .account(.remove(rest[0]))
            case .get, .head, .post, .put, .options: self = .account(.show(rest[0]))
            }
        default: throw APIFailure.noSuchResource
        }
    }

    private static func authentication(_ name: String, _ request: HTTPRequest) throws(APIFailure) -> APIRoute {
        let routes: [String: APIRoute] = ["login": .logIn, "refresh": .refresh, "logout": .logOut]
        guard let route = routes[name] else { throw APIFailure.noSuchResource }
        try request.allow(.post)
        return route
    }

    private static func read(_ route: APIRoute, _ request: HTTPRequest) throws(APIFailure) -> APIRoute {
        try request.allow(.get, .head)
        return route
    }

    /// Who may ask for it; nil where nobody's name is asked first.
    var roles: [Role]? {
        switch self {
        case .logIn, .refresh, .logOut, .document: nil
        case .session(.me), .session(.iceServers): Role.allCases
        case .session(.kiosks), .session(.show), .session(.end), .list(.sessions), .list(.crewEvents), .preferences:
            [.monitor, .admin]
        case .list(.audit), .list(.accounts), .account: [.admin]
        }
    }
}

extension APIFailure {
    fileprivate static var noSuchResource: APIFailure { APIFailure(.notFound, "no such resource") }
}

extension HTTPRequest {
    func allow(_ methods: HTTPMethod...) throws(APIFailure) {
        guard methods.contains(method) else { throw APIFailure.methodNotAllowed(methods) }
    }

    /// The body, which must be JSON.
    func json() throws(SignalingError) -> JSONValue {
        if let type = headers["content-type"], !type.lowercased().hasPrefix("application/json") {
            throw SignalingError(.badRequest, "Content-Type must be application/json")
        }
        do throws(JSONError) {
            return try JSONValue(parsing: body, maximumDepth: 16)
        } catch {
            throw SignalingError(.badRequest, "the body is not JSON")
        }
    }
}
