import AgentSettings
import HTTP
import HTTPTransport
import JSON
import Primitives
import ServerLink

/// Whether our server is there, or something else that answers in its place.
enum ServerCheck: Check {
    struct Observation: Sendable {
        var server: ServerAddress
        var outcome: Result<HTTPResponse, HTTPFailure>
        var duration: Duration
    }

    static func gather(_ context: CheckContext) -> Gathered<Observation> {
        guard let configuration = context.configuration else { return .noConfiguration }
        let exchange = context.serverExchange()
        return .seen(
            Observation(server: configuration.server, outcome: exchange.outcome, duration: exchange.duration))
    }

    static func judge(_ observation: Observation) -> Finding {
        let milliseconds = Int(observation.duration.milliseconds)
        var facts = JSONObject()
        facts["milliseconds"] = .integer(milliseconds)
        facts["tls"] = .bool(observation.server.isSecure)
        let trouble: LinkTrouble
        switch observation.outcome {
        case .success(let response):
            facts["status"] = .integer(response.status)
            if response.isOfOurServer {
                return .ok("\(observation.server) answers after \(milliseconds) ms", facts: facts)
            }
            trouble = LinkTrouble(unexpected: response, server: observation.server)
        case .failure(let failure):
            trouble = LinkTrouble(failure, server: observation.server)
        }
        facts["trouble"] = .string(trouble.kind.rawValue)
        return Finding(
            .failed, trouble.message, why: "nobody can watch this kiosk, crew events wait here",
            remedy: trouble.remedy ?? "check that the server runs and no firewall is in between", facts: facts)
    }
}
