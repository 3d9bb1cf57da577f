import Glibc
import HTTPTransport
import Primitives
import Reactor
import Signaling
import SocketIO

/// The way to the server, step by step: each one is only worth asking when the one before it works.
extension Doctor {
    func checkInterfaces() -> Finding {
        let all: [InterfaceAddress]
        do {
            all = try NetworkInterfaces.addresses()
        } catch {
            return Finding(.unknown, "\(error)")
        }
        let usable = all.filter { $0.isUp && $0.isRunning && !$0.isLoopback && !$0.isLinkLocal }
        let routes = DefaultRoutes.interfaces()
        var facts = JSONObject()
        facts["addresses"] = .array(
            usable.map { address in
                var object = JSONObject()
                object["interface"] = .string(address.name)
                object["address"] = .string("\(address.address)/\(address.prefixLength)")
                object["mtu"] = SystemFile.integer("/sys/class/net/\(address.name)/mtu").map { .integer($0) } ?? .null
                return .object(object)
            })
        facts["defaultRoutes"] = .array(routes.map(JSONValue.string))
        guard !usable.isEmpty else {
            return Finding(
                .failed, "no address on any network", why: "without a network nothing leaves the kiosk",
                remedy: "check the cable or the modem, then: ip address", facts: facts)
        }
        let names = usable.map { "\($0.name) \($0.address)" }.joined(separator: ", ")
        guard !routes.isEmpty else {
            return Finding(
                .warning, "\(names), no default route", why: "only machines on the same network can be reached",
                remedy: "ip route; check the router or the modem", facts: facts)
        }
        let small = usable.compactMap { SystemFile.integer("/sys/class/net/\($0.name)/mtu") }.min() ?? 1500
        guard small >= 1280 else {
            return Finding(
                .warning, "\(names), packets of \(small) bytes at most",
                why: "media packets are up to 1200 bytes and are cut to pieces",
                remedy: "raise the MTU to 1280 or more",
                facts: facts)
        }
        return .ok("\(names), default route over \(routes.joined(separator: ", "))", facts: facts)
    }

    func checkNameResolution() -> Finding {
        guard let host = configuration?.server.host else { return .skipped("no configuration") }
        guard IPAddress(host) == nil, !host.hasPrefix("[") else { return .skipped("\(host) is an address") }
        let limit = min(deadline, MonotonicClock.now() + .seconds(6))
        switch NameLookup.addresses(of: host, deadline: limit) {
        case .found(let addresses):
            var facts = JSONObject()
            facts["addresses"] = .array(addresses.map(JSONValue.string))
            return .ok("\(host) is \(addresses.joined(separator: ", "))", facts: facts)
        case .failed(let reason):
            return Finding(
                .failed, "\(host) not found: \(reason)", why: "the server cannot be reached without its address",
                remedy: "check the name in the configuration, and the name server: resolvectl status")
        case .noAnswer:
            return Finding(
                .failed, "no answer from the name server", why: "the server cannot be reached without its address",
                remedy: "check the network, and the name server: resolvectl status")
        }
    }

    mutating func checkServer() -> Finding {
        guard let configuration else { return .skipped("no configuration") }
        let began = MonotonicClock.now()
        switch fetch(HTTPClientRequest(.get, url: configuration.server.url("/"), timeout: timeLimit(8))) {
        case .success(let response):
            serverIsReachable = true
            serverDate = response.headers["Date"].flatMap(WallClock.init(httpDate:))
            var facts = JSONObject()
            facts["status"] = .integer(response.status)
            facts["milliseconds"] = .integer(Int((MonotonicClock.now() - began).milliseconds))
            facts["tls"] = .bool(configuration.server.isSecure)
            return .ok(
                "\(configuration.server) answers after \(Int((MonotonicClock.now() - began).milliseconds)) ms",
                facts: facts)
        case .failure(let failure):
            let trouble = LinkTrouble(failure, server: configuration.server)
            var facts = JSONObject()
            facts["trouble"] = .string(trouble.kind.rawValue)
            return Finding(
                .failed, trouble.message, why: "nobody can watch this kiosk, crew events wait here",
                remedy: trouble.remedy ?? "check that the server runs and no firewall is in between", facts: facts)
        }
    }

    func checkLogin() -> Finding {
        guard let configuration else { return .skipped("no configuration") }
        guard serverIsReachable else { return .skipped("the server is not reachable") }
        let password: Redacted<String>
        do {
            password = try configuration.readPassword()
        } catch {
            return Finding(.unknown, "the password \(error)", remedy: "run as root or as the agent's user")
        }
        let body = LoginRequest(username: configuration.kiosk.id, password: password).json
        let request = HTTPClientRequest(
            .post, url: configuration.server.url("/api/auth/login"),
            headers: [HTTPHeader("Content-Type", "application/json")], body: body.jsonText, timeout: timeLimit(8))
        switch fetch(request) {
        case .success(let response) where response.status == 200:
            guard let answer = (try? JSONValue(parsing: response.body)).flatMap({ try? LoginAnswer(json: $0) }) else {
                return Finding(
                    .failed, "\(configuration.server) answers unlike kiosk-signaling", remedy: "check server")
            }
            guard answer.user.role == .kiosk else {
                return Finding(
                    .failed, "account \(configuration.kiosk.id) is a \(answer.user.role.rawValue)",
                    why: "only a kiosk's account may register", remedy: "check kiosk.id")
            }
            return .ok("as \(answer.user.id) of \(answer.user.organization)")
        case .success(let response):
            let error = (try? JSONValue(parsing: response.body)).flatMap { try? SignalingError(httpBody: $0) }
            let trouble = LinkTrouble(
                status: response.status, error: error, kioskId: configuration.kiosk.id, server: configuration.server)
            var facts = JSONObject()
            facts["trouble"] = .string(trouble.kind.rawValue)
            return Finding(
                .failed, trouble.message, why: "the kiosk cannot register", remedy: trouble.remedy, facts: facts)
        case .failure(let failure):
            return Finding(.unknown, "\(failure)")
        }
    }

    /// The handshake of Engine.IO over HTTP: harmless beside a running agent.
    func checkSocketIO() -> Finding {
        guard let configuration else { return .skipped("no configuration") }
        guard serverIsReachable else { return .skipped("the server is not reachable") }
        let url = configuration.server.url("/socket.io/?EIO=4&transport=polling")
        switch fetch(HTTPClientRequest(.get, url: url, timeout: timeLimit(6))) {
        case .success(let response) where response.status == 200 && response.body.first == UInt8(ascii: "0"):
            return .ok("the server speaks Socket.IO")
        case .success(let response):
            return Finding(
                .failed, "no Socket.IO at \(configuration.server) (status \(response.status))",
                why: "the kiosk registers over it", remedy: "check server, and what stands in front of it")
        case .failure(let failure):
            return Finding(.unknown, "\(failure)")
        }
    }

    private func timeLimit(_ seconds: Int) -> Duration {
        max(.seconds(1), min(.seconds(seconds), deadline - MonotonicClock.now()))
    }

    private func fetch(_ request: HTTPClientRequest) -> Result<HTTPResponse, HTTPFailure> {
        var settings = HTTPClientConfiguration()
        settings.caFile = configuration?.tls.caFile
        settings.userAgent = "kiosk-agent/\(AgentVersion.text) doctor"
        let client: HTTPClient
        do {
            client = try HTTPClient(settings)
        } catch {
            return .failure(.cannotConnect(reason: "\(error)"))
        }
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

/// The interfaces that packets to anywhere leave by.
enum DefaultRoutes {
    static func interfaces() -> [String] {
        var names: [String] = []
        for line in (SystemFile.text("/proc/net/route") ?? "").split(separator: "\n").dropFirst() {
            let fields = line.split(separator: "\t")
            if fields.count > 7, fields[1] == "00000000", fields[7] == "00000000" { names.append(String(fields[0])) }
        }
        for line in (SystemFile.text("/proc/net/ipv6_route") ?? "").split(separator: "\n") {
            let fields = line.split(separator: " ")
            // The kernel's own rejecting route is one over lo.
            if fields.count > 9, fields[0].allSatisfy({ $0 == "0" }), fields[1] == "00", fields[9] != "lo" {
                names.append(String(fields[9]))
            }
        }
        return names.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    }
}

extension WallClock {
    /// IMF-fixdate (RFC 9110 section 5.6.7), `Sun, 06 Nov 1994 08:49:37 GMT`.
    init?(httpDate text: String) {
        let parts = text.split(separator: " ")
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        guard parts.count == 6, parts[5] == "GMT", let month = months.firstIndex(of: String(parts[2])) else {
            return nil
        }
        self.init(text: "\(parts[3])-\(month < 9 ? "0" : "")\(month + 1)-\(parts[1])T\(parts[4])Z")
    }
}
