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

/// Over what a relay is reached.
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

/// The way of media: what several checks ask of STUN and TURN servers.
extension CheckContext {
    func stunProbes() -> Gathered<[STUNProbe]> {
        switch iceServers() {
        case .unavailable(let reason): .notChecked(reason)
        case .known(let servers): .seen(facts.probes.get { probes(servers) })
        }
    }

    /// Nil where the server's list is not known.
    func relayTrials(_ kind: RelayKind) -> [RelayTrial]? {
        guard case .known(let servers) = iceServers() else { return nil }
        return kind == .udp ? facts.turnUDP.get { relayTrials(.udp, servers) } : relayTrials(kind, servers)
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
