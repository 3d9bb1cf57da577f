import JSON
import Peer
import PeerIO
import Primitives
import Signaling

/// Which relays a check tries.
protocol RelayTransport {
    static var kind: RelayKind { get }
}

enum OverUDP: RelayTransport { static let kind = RelayKind.udp }
enum OverTCP: RelayTransport { static let kind = RelayKind.tcp }
enum OverTLS: RelayTransport { static let kind = RelayKind.tls }

/// Allocation, permission and an echo through the relay, as a session would need them.
enum TURNCheck<Transport: RelayTransport>: Check {
    static func gather(_ context: CheckContext) -> Gathered<[RelayTrial]> {
        let kind = Transport.kind
        switch context.iceServers() {
        case .unavailable(let reason): return .notChecked(reason)
        case .known(let servers):
            guard servers.contains(where: { $0.urls.contains { ICEServerURL($0).map(kind.matches) ?? false } }) else {
                return .skipped("the server names no relay over \(kind.rawValue)")
            }
            return .seen(context.relayTrials(kind) ?? [])
        }
    }

    /// What the trials of all relays of one kind mean together.
    static func judge(_ trials: [RelayTrial]) -> Finding {
        let kind = Transport.kind
        var facts = JSONObject()
        facts["relays"] = .array(trials.map(\.json))
        let judged = trials.map { ($0, $0.problem) }
        guard let (worst, problem) = judged.first(where: { $0.1 != nil }), let problem else {
            guard let first = trials.first else { return .skipped("the server names no relay over \(kind.rawValue)") }
            return .ok(first.success, facts: facts)
        }
        let works = judged.contains { $0.1 == nil }
        let why =
            works
            ? "a relay that does not work makes sessions slower to begin"
            : kind == .udp
                ? "behind strict NATs and firewalls there is no other way for the picture"
                : "where UDP is blocked there is no other way for the picture"
        return Finding(
            works || problem.isMinor ? .warning : .failed, "\(worst.url): \(problem.seen)", why: why,
            remedy: problem.remedy, facts: facts)
    }
}

extension RelayTrial {
    struct Problem: Sendable {
        var seen: String
        var remedy: String
        /// It may work all the same.
        var isMinor = false
    }

    fileprivate var success: String {
        guard let result = try? outcome.get(), case .returned(let time)? = result.echo else { return url }
        let allocated = result.allocated.map { ", granted after \(Int($0.milliseconds)) ms" } ?? ""
        return "\(url): relayed and back in \(Int(time.milliseconds)) ms\(allocated)"
    }

    /// Nil when the relay does its work.
    fileprivate var problem: Problem? {
        switch outcome {
        case .failure(.nameNotFound(let host)):
            return Problem(seen: "\(host) not found", remedy: "check the server's ice.turn, and the name server")
        case .failure(.noConnection(let reason)):
            let isOfTLS = ["certificate", "tls", "ssl", "host name"].contains { reason.lowercased().contains($0) }
            return Problem(
                seen: "no connection (\(reason))",
                remedy: isOfTLS
                    ? "it answers, and its certificate or its TLS is not accepted: renew it for this name, or put its authority into tls.caFile"
                    : "check that it runs, and let it through the firewall")
        case .failure(.system(let reason)):
            return Problem(seen: reason, remedy: "see the network checks above")
        case .success(let result):
            if let failure = result.failure { return problem(failure) }
            switch result.echo {
            case .returned: return nil
            case .notPermitted:
                return Problem(
                    seen: "grants \(result.relayed.map { "\($0)" } ?? "relays"), but no way to its own addresses",
                    remedy: "allowed-peer-ip in the relay's configuration, if two kiosks ever are to talk over it",
                    isMinor: true)
            case .lost:
                return Problem(
                    seen: "grants relays, but what is sent through them is lost",
                    remedy: "open the relay's port range (min-port to max-port) in its firewall")
            case nil:
                return Problem(
                    seen: "no answer", remedy: "check that it runs, and let it through the firewall")
            }
        }
    }

    private func problem(_ failure: RelayProbe.Failure) -> Problem {
        switch failure {
        case .silent: Problem(seen: "no answer", remedy: "check that it runs, and let it through the firewall")
        case .unauthenticated:
            Problem(
                seen: "does not take the credentials",
                remedy:
                    "the same secret in the server's ice.sharedSecret and the relay's static-auth-secret; right clocks on both"
            )
        case .refused(486): Problem(seen: "has no room for this user (486)", remedy: "raise user-quota in the relay")
        case .refused(508): Problem(seen: "has no free port (508)", remedy: "widen the relay's port range")
        case .refused(let code): Problem(seen: "refuses with \(code)", remedy: "see the relay's log")
        case .redirected(let next):
            Problem(
                seen: "sends its clients on to \(next)",
                remedy: "name that server in the server's ice.turn, or end the relay's alternate-server")
        case .malformed: Problem(seen: "answers unlike TURN", remedy: "check the server's ice.turn")
        }
    }

    fileprivate var json: JSONValue {
        var object = JSONObject([("url", .string(url))])
        object["address"] = server.map { .string("\($0)") }
        switch outcome {
        case .success(let result):
            object["relayed"] = result.relayed.map { .string("\($0)") } ?? .null
            object["mapped"] = result.mapped.map { .string("\($0)") }
            object["allocateMilliseconds"] = result.allocated.map { .integer(Int($0.milliseconds)) }
            switch result.echo {
            case .returned(let time): object["echoMilliseconds"] = .double((time.milliseconds * 10).rounded() / 10)
            case .notPermitted: object["echo"] = "not-permitted"
            case .lost: object["echo"] = "lost"
            case nil: break
            }
            object["failure"] = result.failure.map { .string("\($0)") }
        case .failure(let failure): object["failure"] = .string("\(failure)")
        }
        return .object(object)
    }
}
