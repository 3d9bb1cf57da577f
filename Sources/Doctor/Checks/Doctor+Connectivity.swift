import AgentSettings
import JSON
import Peer
import PeerIO
import Primitives
import Reactor
import Signaling

/// What a STUN server saw.
struct STUNProbe: Sendable {
    var url: String
    /// Nil when the name was not found.
    var server: SocketAddress?
    var outcome: Result<NATProbe.Result, SystemError>
}

/// What became of a relay.
struct RelayTrial: Sendable {
    var url: String
    var server: SocketAddress?
    var outcome: Result<RelayProbe.Result, TrialFailure>

    enum TrialFailure: Error, Sendable, Hashable {
        case nameNotFound(String)
        case noConnection(String)
        case system(String)
    }
}

/// The way of media: STUN, NAT, relays, and whether UDP gets anywhere.
extension Doctor {
    enum RelayKind: String, Sendable {
        case udp = "UDP"
        case tcp = "TCP"
        case tls = "TLS"

        func matches(_ url: ICEServerURL) -> Bool {
            guard url.scheme != .stun else { return false }
            return switch self {
            case .udp: url.transport == .udp
            case .tcp: url.transport == .tcp
            case .tls: url.transport == .tls
            }
        }
    }

    func checkSTUN() -> Finding {
        let trials: [STUNProbe]
        switch stunProbes() {
        case .known(let found): trials = found
        case .unavailable(let reason): return .notChecked(reason)
        }
        guard !trials.isEmpty else {
            return Finding(
                .warning, "the server names no STUN or TURN server over UDP",
                why: "behind a NAT nobody can find the way to this kiosk",
                remedy: "set ice.stun and ice.turn in the server's configuration")
        }
        var facts = JSONObject()
        facts["servers"] = .array(trials.map(\.json))
        let answered = trials.compactMap { trial in (try? trial.outcome.get())?.mapped.map { (trial.url, $0) } }
        let silent = trials.filter { ((try? $0.outcome.get())?.mapped) == nil }.map(\.url)
        guard let (url, mapped) = answered.first else {
            return Finding(
                .failed, "no answer from \(silent.joined(separator: ", "))",
                why: "the kiosk does not learn its public address: only relays and the own network are left",
                remedy: "let UDP out to these servers; check that they run", facts: facts)
        }
        let seen = "seen as \(mapped) by \(url)"
        guard silent.isEmpty else {
            return Finding(
                .warning, "\(seen); no answer from \(silent.joined(separator: ", "))",
                why: "a server that does not answer makes every session slower to begin",
                remedy: "let UDP out to it, or remove it from the server's configuration", facts: facts)
        }
        return .ok(seen, facts: facts)
    }

    func checkNAT() -> Finding {
        let trials: [STUNProbe]
        switch stunProbes() {
        case .known(let found): trials = found
        case .unavailable(let reason): return .notChecked(reason)
        }
        let results = trials.compactMap { try? $0.outcome.get() }.filter { $0.mapped != nil }
        guard let best = results.first(where: { $0.other != nil }) ?? results.first, let mapped = best.mapped else {
            return .notChecked("no STUN server answers")
        }
        let own = (try? NetworkInterfaces.addresses())?.map(\.address) ?? []
        let isTranslated = !own.contains(mapped.address)
        // Two servers that see different ports of the same socket would tell, but each probe has sockets of its own.
        return Doctor.natFinding(best, isTranslated: isTranslated)
    }

    static func natFinding(_ result: NATProbe.Result, isTranslated: Bool) -> Finding {
        var facts = JSONObject()
        facts["translated"] = .bool(isTranslated)
        facts["mapped"] = result.mapped.map { .string("\($0)") } ?? .null
        facts["mapping"] = result.mapping.map { .string($0.rawValue) } ?? .null
        facts["filtering"] = result.filtering.map { .string($0.rawValue) } ?? .null
        let filtering = result.filtering.map { ", filters \($0.rawValue)" } ?? ""
        guard isTranslated else { return .ok("no address translation\(filtering)", facts: facts) }
        guard let mapping = result.mapping else {
            return Finding(
                .ok, "behind a NAT; its kind is unknown, as no server has a second address (RFC 5780)",
                remedy: "give the STUN server a second address to find out", facts: facts)
        }
        let seen = "behind a NAT that maps \(mapping.rawValue)\(filtering)"
        guard mapping == .endpointIndependent else {
            return Finding(
                .warning, seen, why: "monitors behind another such NAT reach this kiosk over a relay only",
                remedy: "have a TURN server, or let the router map endpoint-independently (RFC 4787)", facts: facts)
        }
        return .ok(seen, facts: facts)
    }

    /// Allocation, permission and an echo through the relay, as a session would need them.
    func checkTURN(_ kind: RelayKind) -> Finding {
        let servers: [ICEServer]
        switch iceServers() {
        case .known(let list): servers = list
        case .unavailable(let reason): return .notChecked(reason)
        }
        guard servers.contains(where: { $0.urls.contains { ICEServerURL($0).map(kind.matches) ?? false } }) else {
            return .skipped("the server names no relay over \(kind.rawValue)")
        }
        let trials = kind == .udp ? facts.turnUDP.get { relayTrials(.udp, servers) } : relayTrials(kind, servers)
        return Doctor.relayFinding(trials, kind)
    }

    /// Whether UDP gets anywhere at all, of all that was tried.
    func checkUDP() -> Finding {
        let trials: [STUNProbe]
        switch stunProbes() {
        case .known(let found): trials = found
        case .unavailable(let reason): return .notChecked(reason)
        }
        var relays: [RelayTrial] = []
        if case .known(let servers) = iceServers() { relays = facts.turnUDP.get { relayTrials(.udp, servers) } }
        guard !trials.isEmpty || !relays.isEmpty else { return .skipped("the server names nobody to ask over UDP") }
        if let answered = trials.first(where: { ((try? $0.outcome.get())?.mapped) != nil }) {
            let time = (try? answered.outcome.get())?.roundTrip.map { " in \(Int($0.milliseconds)) ms" } ?? ""
            return .ok("\(answered.url) answers\(time)")
        }
        if let answered = relays.first(where: { ((try? $0.outcome.get())?.relayed) != nil }) {
            return .ok("\(answered.url) answers")
        }
        return Finding(
            .failed, "nobody answers over UDP",
            why:
                "pictures go over UDP; without it they take the detour of a relay over TCP, late and with less quality",
            remedy: "let UDP out in the firewall, at least to the STUN and TURN servers and ports 1024 to 65535")
    }

    private enum Probes {
        case known([STUNProbe])
        case unavailable(String)
    }

    private func stunProbes() -> Probes {
        switch iceServers() {
        case .unavailable(let reason): .unavailable(reason)
        case .known(let servers): .known(facts.probes.get { probes(servers) })
        }
    }

    /// TURN servers answer plain STUN too.
    private func probes(_ servers: [ICEServer]) -> [STUNProbe] {
        var asked: [(text: String, url: ICEServerURL)] = []
        for text in servers.flatMap(\.urls) {
            guard let url = ICEServerURL(text), url.transport == .udp,
                !asked.contains(where: { $0.url.host == url.host && $0.url.port == url.port })
            else { continue }
            asked.append((text, url))
        }
        let end = limit(.seconds(9))
        return Parallel.map(Array(asked.prefix(6))) { text, url in
            guard let address = address(of: url.host, by: end) else {
                return STUNProbe(url: text, server: nil, outcome: .success(NATProbe.Result()))
            }
            let server = SocketAddress(address: address, port: url.port)
            return STUNProbe(url: text, server: server, outcome: ProbeDriver.nat(server: server, deadline: end))
        }
    }

    private func relayTrials(_ kind: RelayKind, _ servers: [ICEServer]) -> [RelayTrial] {
        var wanted: [(text: String, url: ICEServerURL, server: ICEServer)] = []
        for server in servers {
            for text in server.urls {
                if let url = ICEServerURL(text), kind.matches(url) { wanted.append((text, url, server)) }
            }
        }
        let end = limit(.seconds(9))
        return Parallel.map(Array(wanted.prefix(4))) { text, url, server in
            guard let address = address(of: url.host, by: end) else {
                return RelayTrial(url: text, server: nil, outcome: .failure(.nameNotFound(url.host)))
            }
            guard let username = server.username, let password = server.credential else {
                var result = RelayProbe.Result()
                result.failure = .unauthenticated
                return RelayTrial(url: text, server: nil, outcome: .success(result))
            }
            let target = SocketAddress(address: address, port: url.port)
            let account = ProbeDriver.Account(username: username, password: Redacted(password))
            let outcome =
                switch kind {
                case .udp: ProbeDriver.relayOverUDP(target, account, deadline: end)
                case .tcp: ProbeDriver.relayOverStream(target, account, encryption: nil, deadline: end)
                case .tls: encryptedTrial(target, account, host: url.host, deadline: end)
                }
            return RelayTrial(url: text, server: target, outcome: outcome)
        }
    }

    private func encryptedTrial(
        _ server: SocketAddress, _ account: ProbeDriver.Account, host: String, deadline: Instant
    ) -> Result<RelayProbe.Result, RelayTrial.TrialFailure> {
        do throws(PeerError) {
            let trust = try RelayTrust(authorities: configuration?.tls.caFile)
            return ProbeDriver.relayOverStream(server, account, encryption: (trust, host), deadline: deadline)
        } catch {
            return .failure(.system("\(error)"))
        }
    }

    /// IPv4 first: that is where NATs and relays matter.
    private func address(of host: String, by deadline: Instant) -> IPAddress? {
        if let literal = IPAddress(host) { return literal }
        guard case .found(let texts) = NameLookup.addresses(of: host, deadline: min(deadline, limit(.seconds(4))))
        else {
            return nil
        }
        let found = texts.compactMap { IPAddress($0) }
        return found.first(where: \.isIPv4) ?? found.first
    }
}

extension STUNProbe {
    fileprivate var json: JSONValue {
        var object = JSONObject([("url", .string(url))])
        object["address"] = server.map { .string("\($0)") }
        switch outcome {
        case .success(let result):
            object["mapped"] = result.mapped.map { .string("\($0)") } ?? .null
            object["milliseconds"] = result.roundTrip.map { .double(($0.milliseconds * 10).rounded() / 10) }
            object["otherAddress"] = result.other.map { .string("\($0)") }
            object["software"] = result.software.map(JSONValue.string)
        case .failure(let error): object["error"] = .string("\(error)")
        }
        return .object(object)
    }
}
