import AgentSettings
import Glibc
import HTTP
import HTTPTransport
import JSON
import Primitives
import Reactor
import ServerLink
import Signaling
import SocketIO
import Synchronization

/// The way to the server, step by step.
extension Doctor {
    func checkInterfaces() -> Finding {
        let all: [InterfaceAddress]
        do {
            all = try NetworkInterfaces.addresses()
        } catch {
            return .unanswered("\(error)", why: "without an address there is no network", remedy: Doctor.showAddresses)
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
                remedy: "check the cable or the modem, then: \(Doctor.showAddresses)", facts: facts)
        }
        let names = usable.map { "\($0.name) \($0.address)" }.joined(separator: ", ")
        guard !routes.isEmpty else {
            return Finding(
                .warning, "\(names), no default route", why: "only machines on the same network can be reached",
                remedy: ToolCommand.available("ip route", "cat /proc/net/route") + "; check the router or the modem",
                facts: facts)
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

    private static let showAddresses = ToolCommand.available("ip address", "cat /proc/net/dev")
    private static let showNameServers = ToolCommand.available("resolvectl status", "cat /etc/resolv.conf")

    func checkNameResolution() -> Finding {
        guard let host = configuration?.server.host else { return .notChecked("no configuration") }
        guard IPAddress(host) == nil, !host.hasPrefix("[") else { return .skipped("\(host) is an address") }
        switch NameLookup.addresses(of: host, deadline: limit(.seconds(6))) {
        case .found(let addresses):
            var facts = JSONObject()
            facts["addresses"] = .array(addresses.map(JSONValue.string))
            return .ok("\(host) is \(addresses.joined(separator: ", "))", facts: facts)
        case .failed(let reason):
            return Finding(
                .failed, "\(host) not found: \(reason)", why: "the server cannot be reached without its address",
                remedy: "check the name in the configuration, and the name server: \(Doctor.showNameServers)")
        case .noAnswer:
            return Finding(
                .failed, "no answer from the name server", why: "the server cannot be reached without its address",
                remedy: "check the network, and the name server: \(Doctor.showNameServers)")
        }
    }

    /// Whether our server is there, or something else that answers in its place.
    func checkServer() -> Finding {
        guard let configuration else { return .notChecked("no configuration") }
        let exchange = serverExchange()
        let milliseconds = Int(exchange.duration.milliseconds)
        var facts = JSONObject()
        facts["milliseconds"] = .integer(milliseconds)
        facts["tls"] = .bool(configuration.server.isSecure)
        let trouble: LinkTrouble
        switch exchange.outcome {
        case .success(let response):
            facts["status"] = .integer(response.status)
            if response.isOfOurServer {
                return .ok("\(configuration.server) answers after \(milliseconds) ms", facts: facts)
            }
            trouble = LinkTrouble(unexpected: response, server: configuration.server)
        case .failure(let failure):
            trouble = LinkTrouble(failure, server: configuration.server)
        }
        facts["trouble"] = .string(trouble.kind.rawValue)
        return Finding(
            .failed, trouble.message, why: "nobody can watch this kiosk, crew events wait here",
            remedy: trouble.remedy ?? "check that the server runs and no firewall is in between", facts: facts)
    }

    /// The chain as the server shows it, also when it is refused.
    func checkCertificate() -> Finding {
        guard let configuration else { return .notChecked("no configuration") }
        guard configuration.server.isSecure else {
            if configuration.server.isLoopback {
                return .ok("\(configuration.server) is this machine: no TLS is needed")
            }
            return Finding(
                .warning, "\(configuration.server) is reached without TLS",
                why: "whoever is on the way reads the password and every crew event",
                remedy: "let the server speak TLS, and write https:// in the configuration"
                    + (configuration.allowInsecure ? "" : "; allowInsecure: true if it has to stay so"))
        }
        let exchange = serverExchange()
        let failure: TLSFailure? = if case .failure(.tls(let failure)) = exchange.outcome { failure } else { nil }
        guard let own = exchange.certificates.first else {
            if let failure {
                let trouble = LinkTrouble(.tls(failure), server: configuration.server)
                return Finding(
                    .failed, trouble.message, why: "without TLS no password and no crew event leaves the kiosk",
                    remedy: trouble.remedy ?? "see what the server says: \(configuration.server.openSSLCommand)")
            }
            return .notChecked("the server is not reachable")
        }
        return Doctor.certificateFinding(
            own, chain: exchange.certificates, failure: failure, server: configuration.server,
            now: SystemWallClock.now())
    }

    static func certificateFinding(
        _ own: ServerCertificate, chain: [ServerCertificate], failure: TLSFailure?, server: ServerAddress,
        now: WallClock
    ) -> Finding {
        let why = "without TLS no password and no crew event leaves the kiosk"
        var facts = JSONObject()
        facts["chain"] = .array(
            chain.map { certificate in
                JSONValue.object(
                    JSONObject([
                        ("subject", .string(certificate.subject)), ("issuer", .string(certificate.issuer)),
                        ("validFrom", .string(certificate.validFrom.text)),
                        ("validTo", .string(certificate.validTo.text)),
                    ]))
            })
        // The chain is valid only until the first of its certificates expires.
        let first = chain.min { $0.validTo < $1.validTo } ?? own
        let days = Int(((first.validTo - now).seconds / 86_400).rounded(.down))
        facts["daysLeft"] = .integer(days)
        let whose = first == own ? "" : " (of \(first.subject))"
        let seen = "\(own.subject), issued by \(own.issuer)"
        switch failure {
        case .expired:
            return Finding(
                .failed,
                "\(seen): expired on \(first.validTo.date)\(whose), or this machine's clock is ahead (\(now.text))",
                why: why, remedy: "check the clock first, then renew the certificate on the server", facts: facts)
        case .notYetValid:
            return Finding(
                .failed, "\(seen): valid from \(own.validFrom.date) on, and here it is \(now.text)", why: why,
                remedy: "set this machine's clock: timedatectl", facts: facts)
        case .notTrusted, .selfSigned, .hostNameMismatch, .other:
            let trouble = LinkTrouble(.tls(failure!), server: server)
            return Finding(
                .failed, "\(seen): \(trouble.message)", why: why,
                remedy: trouble.remedy ?? "see what the server says: \(server.openSSLCommand)", facts: facts)
        case nil: break
        }
        if days < 21 {
            return Finding(
                .warning, "\(seen), \(max(days, 0)) days left\(whose)",
                why: "on \(first.validTo.date) every kiosk loses the server", remedy: "renew it on the server",
                facts: facts)
        }
        return .ok("\(seen), \(days) days left\(whose)", facts: facts)
    }

    func checkLogin() -> Finding {
        switch login() {
        case .done(let answer): return .ok("as \(answer.user.id) of \(answer.user.organization)")
        case .skipped(let reason): return .notChecked(reason)
        case .unanswered(let reason):
            return .unanswered(
                reason, why: "without a login the kiosk cannot register",
                remedy: "kiosk-agent doctor --only server,login")
        case .unknown(let reason, let remedy):
            return Finding(.unknown, reason, why: "without a login the kiosk cannot register", remedy: remedy)
        case .refused(let trouble):
            var facts = JSONObject()
            facts["trouble"] = .string(trouble.kind.rawValue)
            return Finding(
                .failed, trouble.message, why: "the kiosk cannot register",
                remedy: trouble.remedy ?? "see the server's log", facts: facts)
        }
    }

    /// The WebSocket, its handshake, and the token: everything but the registration, which would take the running
    /// agent's place.
    func checkSocketIO() -> Finding {
        guard let configuration else { return .notChecked("no configuration") }
        guard case .done(let answer) = login() else { return .notChecked("needs a login") }
        let why = "the kiosk registers over it"
        let began = MonotonicClock.now()
        switch handshake(configuration, token: answer.token) {
        case .connected:
            return .ok("the server lets the kiosk in after \(Int((MonotonicClock.now() - began).milliseconds)) ms")
        case .refused(let reason):
            return Finding(
                .failed, "the server refuses the token it just gave (\(reason))", why: why,
                remedy: "see the server's log; are the clocks of all its nodes right?")
        case .failed(let trouble):
            return Finding(
                .failed, trouble.message, why: why,
                remedy: trouble.remedy ?? "check what stands in front of the server")
        case .silent:
            return Finding(
                .failed, "the WebSocket opens, and no Socket.IO answers", why: why,
                remedy: "check that no proxy in between holds WebSockets back")
        }
    }

    private enum Handshake {
        case connected
        case refused(String)
        case failed(LinkTrouble)
        case silent
    }

    private func handshake(_ configuration: AgentConfiguration, token: Redacted<String>) -> Handshake {
        var settings = HTTPClientConfiguration()
        settings.caFile = configuration.tls.caFile
        let client: HTTPClient
        do {
            client = try HTTPClient(settings)
        } catch {
            return .failed(LinkTrouble(.tlsRefused, "\(error)"))
        }
        let end = limit(.seconds(6))
        let connection = client.openWebSocket(
            url: configuration.server.webSocketURL("/socket.io/?\(SocketIOClient.query)"), timeout: timeLeft(5))
        var socket = SocketIOClient(
            SocketIOClientConfiguration(), auth: ["token": .string(token.unredacted)], now: MonotonicClock.now())
        var outcome: Handshake?
        while outcome == nil, MonotonicClock.now() < end {
            client.service(for: .milliseconds(200))
            let now = MonotonicClock.now()
            while let event = client.nextEvent() {
                switch event {
                case .webSocketOpened: socket.webSocketOpened(now: now)
                case .message(_, let message): socket.webSocketReceived(message, now: now)
                case .webSocketClosed: socket.webSocketClosed(now: now)
                case .webSocketFailed(_, let failure):
                    return .failed(LinkTrouble(failure, server: configuration.server))
                case .response, .requestFailed, .woken: break
                }
            }
            while let event = socket.nextEvent() {
                switch event {
                case .connected: outcome = .connected
                case .refused(let error): outcome = .refused(error.message)
                case .disconnected(let reason): outcome = outcome ?? .failed(LinkTrouble(reason))
                case .event, .acknowledged: break
                }
            }
            if outcome != nil { socket.disconnect(now: now) }
            while let action = socket.nextAction() {
                switch action {
                case .send(let message): client.send(message, on: connection)
                case .close: client.close(connection, code: .normal)
                }
            }
        }
        // The goodbye leaves with the next turns.
        for _ in 0..<3 where outcome != nil { client.service(for: .milliseconds(20)) }
        return outcome ?? .silent
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
    /// The day, `2026-11-21`.
    var date: String { String(text.prefix(10)) }

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
