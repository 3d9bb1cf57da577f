import AgentSettings
import HTTP
import HTTPTransport
import JSON
import Peer
import Primitives
import Reactor
import ServerLink
import Signaling

/// What several checks need to know, found out once.
final class DoctorFacts: Sendable {
    /// One exchange with the server, and whom it was with.
    struct Exchange: Sendable {
        var outcome: Result<HTTPResponse, HTTPFailure>
        /// The server's certificates, its own first; empty without TLS.
        var certificates: [ServerCertificate]
        var duration: Duration
        /// This machine's clock in the middle of it.
        var at: WallClock
    }

    enum Login: Sendable {
        case done(LoginAnswer)
        /// No question was asked, for this reason.
        case skipped(String)
        case refused(LinkTrouble)
        /// This user may not ask.
        case unknown(String, remedy: String?)
        case unanswered(String)
    }

    enum ICEServers: Sendable {
        case known([ICEServer])
        case unavailable(String)
    }

    let server = Once<Exchange>()
    let login = Once<Login>()
    let iceServers = Once<ICEServers>()
    let probes = Once<[STUNProbe]>()
    let turnUDP = Once<[RelayTrial]>()
}

extension CheckContext {
    /// An answer that only our server gives: a request without a token is refused, in a shape that is known.
    func serverExchange() -> DoctorFacts.Exchange {
        facts.server.get {
            guard let configuration else { return DoctorFacts.Exchange.none }
            return exchange(HTTPClientRequest(.get, url: configuration.server.url("/api/me"), timeout: timeLeft(6)))
        }
    }

    var serverIsReachable: Bool {
        if case .success(let response) = serverExchange().outcome { response.isOfOurServer } else { false }
    }

    func login() -> DoctorFacts.Login { facts.login.get(logIn) }

    private func logIn() -> DoctorFacts.Login {
        guard let configuration else { return .skipped("no configuration") }
        guard serverIsReachable else { return .skipped("the server is not reachable") }
        let password: Redacted<String>
        do {
            password = try configuration.readPassword()
        } catch {
            return .unknown("the password \(error)", remedy: "run as root or as the agent's user")
        }
        let body = LoginRequest(username: configuration.kiosk.id, password: password).json
        let request = HTTPClientRequest(
            .post, url: configuration.server.url("/api/auth/login"),
            headers: [HTTPHeader("Content-Type", "application/json")], body: body.jsonText, timeout: timeLeft(6))
        switch exchange(request).outcome {
        case .success(let response) where response.status == 200:
            guard let answer = (try? JSONValue(parsing: response.body)).flatMap({ try? LoginAnswer(json: $0) }) else {
                return .refused(LinkTrouble(unexpected: response, server: configuration.server))
            }
            guard answer.user.role == .kiosk else {
                return .refused(
                    LinkTrouble(
                        .wrongRole, "account \(configuration.kiosk.id) is a \(answer.user.role.rawValue), not a kiosk",
                        remedy: "check kiosk.id, or add the account with --role kiosk"))
            }
            return .done(answer)
        case .success(let response):
            let error = (try? JSONValue(parsing: response.body)).flatMap { try? SignalingError(httpBody: $0) }
            return .refused(
                LinkTrouble(response, error: error, kioskId: configuration.kiosk.id, server: configuration.server))
        case .failure(let failure):
            return .unanswered("\(failure)")
        }
    }

    /// The servers a session of this kiosk would get, with its credentials.
    func iceServers() -> DoctorFacts.ICEServers {
        facts.iceServers.get {
            guard let configuration else { return .unavailable("no configuration") }
            guard case .done(let answer) = login() else { return .unavailable("needs a login") }
            let request = HTTPClientRequest(
                .get, url: configuration.server.url("/api/ice-servers"),
                headers: [HTTPHeader("Authorization", "Bearer \(answer.token.unredacted)")], timeout: timeLeft(6))
            switch exchange(request).outcome {
            case .success(let response) where response.status == 200:
                guard let json = try? JSONValue(parsing: response.body),
                    let list = try? ICEServerList(json: json)
                else { return .unavailable("the server's list cannot be understood") }
                return .known(list.servers)
            case .success(let response):
                return .unavailable("the server does not tell them (status \(response.status))")
            case .failure(let failure): return .unavailable("\(failure)")
            }
        }
    }

    func timeLeft(_ seconds: Int) -> Duration {
        max(.milliseconds(100), min(.seconds(seconds), deadline - MonotonicClock.now()))
    }

    func exchange(_ request: HTTPClientRequest) -> DoctorFacts.Exchange {
        let began = MonotonicClock.now()
        var settings = HTTPClientConfiguration()
        settings.caFile = configuration?.tls.caFile
        settings.userAgent = "kiosk-agent/\(ProductVersion.text) doctor"
        let client: HTTPClient
        do {
            client = try HTTPClient(settings)
        } catch {
            return DoctorFacts.Exchange(
                outcome: .failure(.cannotConnect(reason: "\(error)")), certificates: [], duration: .zero,
                at: SystemWallClock.now())
        }
        let outcome = CheckContext.answer(to: request, from: client)
        let duration = MonotonicClock.now() - began
        return DoctorFacts.Exchange(
            outcome: outcome, certificates: client.lastCertificates, duration: duration,
            at: SystemWallClock.now() + .nanoseconds(-duration.nanoseconds / 2))
    }

    private static func answer(
        to request: HTTPClientRequest, from client: HTTPClient
    ) -> Result<HTTPResponse, HTTPFailure> {
        _ = client.start(request)
        let limit = MonotonicClock.now() + request.timeout + .seconds(1)
        while MonotonicClock.now() < limit {
            client.service(for: .milliseconds(200))
            while let event = client.nextEvent() {
                switch event {
                case .response(_, let response): return .success(response)
                case .requestFailed(_, let failure): return .failure(failure)
                case .webSocketOpened, .webSocketFailed, .message, .webSocketClosed, .woken: break
                }
            }
        }
        return .failure(.timedOut)
    }
}

extension HTTPResponse {
    /// Whether a refusal has the contract's shape.
    var isOfOurServer: Bool {
        status < 500 && (try? JSONValue(parsing: body)).flatMap { try? SignalingError(httpBody: $0) } != nil
    }
}

extension DoctorFacts.Exchange {
    static let none = DoctorFacts.Exchange(
        outcome: .failure(.cannotConnect(reason: "no configuration")), certificates: [], duration: .zero,
        at: WallClock(secondsSince1970: 0))
}
