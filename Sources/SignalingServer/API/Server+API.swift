internal import HTTP
internal import HTTPTransport
internal import JSON
internal import Primitives
internal import SessionRules
internal import Signaling

extension Server {
    /// Bytes of a request to `/api/`.
    static let maximumAPIBody = 64 * 1024

    // MARK: The HTTP API

    func handleAPI(_ request: HTTPRequest, now: Moment) {
        do throws(APIFailure) {
            try route(request, now: now)
        } catch {
            fail(request.id, error.status, error.error, headers: error.headers)
        }
    }

    private func route(_ request: HTTPRequest, now: Moment) throws(APIFailure) {
        // Nothing here is larger than a password.
        guard request.body.count <= Server.maximumAPIBody else {
            throw APIFailure(.tooLarge, "the body is larger than 64 KiB")
        }
        let path = request.path.split(separator: "/", omittingEmptySubsequences: false).dropFirst(2).map(String.init)
        let (name, rest) = (path.first ?? "", Array(path.dropFirst()))
        try APIQuery(request).check(resource: name, isList: rest.isEmpty)
        switch (name, rest.count) {
        case ("auth", 1): try routeAuthentication(rest[0], request, now: now)
        case ("openapi.json", 0):
            try request.allow(.get, .head)
            respond(to: request.id, OpenAPIDocument.response)
        case ("me", 0):
            try request.allow(.get, .head)
            let (account, _) = try identify(request, now: now)
            respond(to: request.id, .json(200, account.ownJSON))
        case ("ice-servers", 0):
            try request.allow(.get, .head)
            let (account, _) = try identify(request, now: now)
            let servers = ice.servers(hub.iceCredentials(for: account.id, now: now))
            respond(to: request.id, .json(200, ICEServerList(servers).json))
        case ("kiosks", 0):
            try request.allow(.get, .head)
            try listKiosks(request, now: now)
        case ("sessions", 0):
            try request.allow(.get, .head)
            try listSessions(request, now: now)
        case ("sessions", 1):
            try request.allow(.get, .head, .delete)
            if request.method == .delete {
                try endSession(rest[0], request, now: now)
            } else {
                try showSession(rest[0], request, now: now)
            }
        case ("crew-events", 0):
            try request.allow(.get, .head)
            try listCrewEvents(request, now: now)
        case ("audit", 0):
            try request.allow(.get, .head)
            try listAudit(request, now: now)
        case ("accounts", 0):
            try request.allow(.get, .head, .post)
            if request.method == .post {
                try addAccount(request, now: now)
            } else {
                try listAccounts(request, now: now)
            }
        case ("accounts", 1):
            try request.allow(.get, .head, .patch, .delete)
            switch request.method {
            case .patch: try changeAccount(rest[0], request, now: now)
            case .delete: try removeAccount(rest[0], request, now: now)
            case .get, .head, .post, .put, .options: try showAccount(rest[0], request, now: now)
            }
        default: throw APIFailure(.notFound, "no such resource")
        }
    }

    private func routeAuthentication(_ name: String, _ request: HTTPRequest, now: Moment) throws(APIFailure) {
        guard ["login", "refresh", "logout"].contains(name) else {
            throw APIFailure(.notFound, "no such resource")
        }
        try request.allow(.post)
        try api { () throws(SignalingError) in
            switch name {
            case "login": try logIn(request, now: now)
            case "refresh": try refresh(request, now: now)
            default: try logOut(request, now: now)
            }
        }
    }

    /// Whose request it is; `roles` empty lets everybody in.
    func identify(
        _ request: HTTPRequest, _ roles: Role..., now: Moment
    ) throws(APIFailure) -> (account: Account, claims: TokenClaims) {
        let identity = try api { () throws(SignalingError) in try authenticate(request, now: now) }
        guard roles.isEmpty || roles.contains(identity.account.role) else {
            throw APIFailure(.forbidden, "not for a \(identity.account.role.rawValue)")
        }
        transport.attribute(request.id, to: identity.account.id)
        return identity
    }
}

extension HTTPRequest {
    func allow(_ methods: HTTPMethod...) throws(APIFailure) {
        guard methods.contains(method) else { throw APIFailure.methodNotAllowed(methods) }
    }
}
