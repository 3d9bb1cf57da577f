internal import Crypto
internal import HTTP
internal import HTTPTransport
internal import JSON
internal import Primitives
internal import Reactor
internal import Service
internal import Signaling
internal import SocketIO

extension Server {
    // MARK: Requests

    func handle(_ request: HTTPRequest, now: Moment) {
        let path = request.path
        warnOfProxy(request)
        if let origin = request.headers["origin"], path.hasPrefix("/socket.io") || path.hasPrefix("/api/") {
            if allows(origin) { origins[request.id] = origin }
        }
        if path == "/socket.io" || path == "/socket.io/" { return handleEngine(request, now: now) }
        let address = clientAddress(request.peer, request.headers).address.prefix64
        guard requestBudgets.take(address, now: now.instant) else {
            return fail(
                request.id, 429, SignalingError(.throttled, "too many requests from your address"),
                headers: [HTTPHeader("Retry-After", "1")])
        }
        if request.method == .options, path.hasPrefix("/api/") {
            return respond(to: request.id, HTTPResponse(status: 204))
        }
        if path.hasPrefix("/api/") { return handleAPI(request, now: now) }
        guard request.method == .get || request.method == .head else {
            return fail(request.id, 405, SignalingError(.badRequest, "method not allowed"))
        }
        switch path {
        case "/healthz": respond(to: request.id, .text(200, "ok\n"))
        case "/readyz":
            let reason: String? =
                switch recordsHealth {
                case _ where drainDeadline != nil: "the server is stopping"
                case .well: nil
                case .unwritable: "the records cannot be written"
                case .littleSpace: "little space is left for the records"
                }
            respond(to: request.id, reason.map { .text(503, "not ready: \($0)\n") } ?? .text(200, "ready\n"))
        case "/metrics":
            guard !isForwardedByStranger(request), let reader = originAddress(request.peer, request.headers),
                configuration.metrics.allow.contains(reader)
            else {
                return fail(request.id, 404, SignalingError(.notFound, "nothing here"))
            }
            respond(to: request.id, .text(200, metricsText(), type: "text/plain; version=0.0.4; charset=utf-8"))
        default:
            if let file = ConsoleFiles.response(to: path, request.headers) {
                respond(to: request.id, file, isShared: true)
            } else {
                fail(request.id, 404, SignalingError(.notFound, "nothing here"))
            }
        }
    }

    func announce(_ request: HTTPRequest, now: Moment) {
        guard request.path == "/socket.io" || request.path == "/socket.io/" else { return }
        let details = engineRequest(request)
        attribute(request, details.handshake)
        socketIO.requestAnnounced(request.id, details, now: now.instant)
        transport.limitBody(to: socketIO.bodyLimit(details), of: request.id)
    }

    private func handleEngine(_ request: HTTPRequest, now: Moment) {
        if request.method == .options { return respond(to: request.id, HTTPResponse(status: 204)) }
        let details = engineRequest(request)
        attribute(request, details.handshake)
        socketIO.requestReceived(request.id, details, now: now.instant)
    }

    private func engineRequest(_ request: HTTPRequest) -> EngineIORequest {
        let peer = clientAddress(request.peer, request.headers)
        let method: EngineIORequest.Method =
            switch request.method {
            case .get: .get
            case .post: .post
            case .options: .options
            case .head, .put, .patch, .delete: .other
            }
        return EngineIORequest(
            method: method, handshake: engineHandshake(request.query, request.headers, peer),
            contentType: request.headers["content-type"], body: request.body)
    }

    func engineHandshake(_ query: [QueryItem], _ headers: [HTTPHeader], _ peer: SocketAddress) -> EngineIOHandshake {
        EngineIOHandshake(
            query: query, authorization: headers["authorization"].map(Redacted.init), origin: headers["origin"],
            peer: peer)
    }

    /// The client's own address; a trusted proxy's where that names none.
    func clientAddress(_ peer: SocketAddress, _ headers: [HTTPHeader]) -> SocketAddress {
        guard let origin = originAddress(peer, headers), origin != peer.address else { return peer }
        return SocketAddress(address: origin, port: 0)
    }

    /// Where a request comes from: behind a proxy that is trusted, the last address that no trusted proxy has. Nil where
    /// such a proxy names none, so that nobody passes for the proxy's machine.
    private func originAddress(_ peer: SocketAddress, _ headers: [HTTPHeader]) -> IPAddress? {
        let trusted = configuration.proxy.trusted
        guard trusted.contains(peer.address.unmapped) else { return peer.address.unmapped }
        // A proxy may add a line of its own behind the client's, so that all lines are one list.
        for text in headers.tokens(of: "x-forwarded-for").reversed() {
            guard let address = IPAddress(written: text) else { return nil }
            if !trusted.contains(address) { return address }
        }
        return nil
    }

    /// Whether a proxy sent it whose word is not taken: whose request it is nobody knows.
    private func isForwardedByStranger(_ request: HTTPRequest) -> Bool {
        !configuration.proxy.trusted.contains(request.peer.address.unmapped)
            && ["x-forwarded-for", "forwarded", "x-real-ip"].contains { request.headers[$0] != nil }
    }

    private func warnOfProxy(_ request: HTTPRequest) {
        guard !hasWarnedOfProxy, isForwardedByStranger(request) else { return }
        hasWarnedOfProxy = true
        log.warning(
            "requests come through a proxy at \(request.peer.address.unmapped) that proxy.trusted does not name: "
                + "all its clients count as one address")
    }

    private func allows(_ origin: String) -> Bool {
        configuration.cors.origins.contains { $0 == "*" || $0 == origin }
    }

    // MARK: Answers

    /// Answers a request, with CORS headers where its origin is allowed.
    /// - Parameter isShared: the body is one that many answers have in common.
    func respond(to id: RequestID, _ response: HTTPResponse, isShared: Bool = false) {
        transport.respond(to: id, counted(id, response), isShared: isShared)
    }

    /// Begins an answer whose body comes in pieces. False where none is to follow.
    func beginAnswer(to id: RequestID, _ response: HTTPResponse) -> Bool {
        let response = counted(id, response)
        return transport.beginAnswer(to: id, status: response.status, headers: response.headers)
    }

    private func counted(_ id: RequestID, _ response: HTTPResponse) -> HTTPResponse {
        var response = response
        if let origin = origins.removeValue(forKey: id) {
            response.headers += [
                HTTPHeader("Access-Control-Allow-Origin", origin), HTTPHeader("Vary", "Origin"),
                HTTPHeader("Access-Control-Allow-Credentials", "true"),
                HTTPHeader("Access-Control-Allow-Methods", "GET, POST, PATCH, DELETE, OPTIONS"),
                HTTPHeader("Access-Control-Allow-Headers", "authorization, content-type"),
                HTTPHeader("Access-Control-Max-Age", "600"),
            ]
        }
        metrics.responses[response.status, default: 0] += 1
        return response
    }

    func fail(_ id: RequestID, _ status: Int, _ error: SignalingError, headers: [HTTPHeader] = []) {
        respond(to: id, .error(status, error, headers: headers))
    }

    func fail(_ id: RequestID, _ error: SignalingError) { fail(id, error.code.httpStatus, error) }
}

extension SignalingErrorCode {
    /// The contract's mapping; codes that only sockets know are the client's fault here too.
    var httpStatus: Int {
        switch self {
        case .badRequest, .notRegistered, .unknownEvent, .noSession, .notYourSession: 400
        case .invalidCredentials, .tokenMissing, .tokenExpired, .tokenInvalid, .accountDisabled: 401
        case .forbidden: 403
        case .notFound, .unknownKiosk: 404
        case .conflict, .kioskOffline, .kioskBusy: 409
        case .tooLarge: 413
        case .throttled: 429
        case .internalError: 500
        }
    }
}

extension HTTPResponse {
    static func json(_ status: Int, _ value: JSONValue, headers: [HTTPHeader] = []) -> HTTPResponse {
        var response = typed(status, "application/json; charset=utf-8", value.jsonText)
        response.headers += headers
        return response
    }

    static func text(_ status: Int, _ text: String, type: String = "text/plain; charset=utf-8") -> HTTPResponse {
        typed(status, type, Array(text.utf8))
    }

    static func typed(_ status: Int, _ type: String, _ body: [UInt8]) -> HTTPResponse {
        HTTPResponse(
            status: status,
            headers: [
                HTTPHeader("Content-Type", type), HTTPHeader("Cache-Control", "no-store"),
                HTTPHeader("X-Content-Type-Options", "nosniff"),
            ], body: body)
    }

    static func error(_ status: Int, _ error: SignalingError, headers: [HTTPHeader] = []) -> HTTPResponse {
        // RFC 9110 section 15.5.2: a 401 says how to authenticate.
        let challenge = status == 401 ? [HTTPHeader("WWW-Authenticate", "Bearer")] : []
        return json(status, error.httpBody, headers: challenge + headers)
    }
}
