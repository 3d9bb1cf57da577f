import AgentSettings
import JSON
import Primitives
import Reactor

/// Whether the server's name is found.
enum NameResolutionCheck: Check {
    struct Observation: Sendable {
        var host: String
        var answer: NameLookup.Answer
    }

    static func gather(_ context: CheckContext) -> Gathered<Observation> {
        guard let host = context.configuration?.server.host else { return .noConfiguration }
        guard IPAddress(host) == nil, !host.hasPrefix("[") else { return .skipped("\(host) is an address") }
        return .seen(
            Observation(
                host: host, answer: NameLookup.addresses(of: host, deadline: context.limit(.seconds(6)))))
    }

    private static let showNameServers = ToolCommand.available("resolvectl status", "cat /etc/resolv.conf")

    static func judge(_ observation: Observation) -> Finding {
        let host = observation.host
        switch observation.answer {
        case .found(let addresses):
            var facts = JSONObject()
            facts["addresses"] = .array(addresses.map(JSONValue.string))
            return .ok("\(host) is \(addresses.joined(separator: ", "))", facts: facts)
        case .failed(let reason):
            return Finding(
                .failed, "\(host) not found: \(reason)", why: "the server cannot be reached without its address",
                remedy: "check the name in the configuration, and the name server: \(showNameServers)")
        case .noAnswer:
            return Finding(
                .failed, "no answer from the name server", why: "the server cannot be reached without its address",
                remedy: "check the network, and the name server: \(showNameServers)")
        }
    }
}
