import JSON
import Peer
import Primitives
import Reactor

/// What STUN servers see of this kiosk.
enum STUNCheck: Check {
    static func gather(_ context: CheckContext) -> Gathered<[STUNProbe]> { context.stunProbes() }

    static func judge(_ trials: [STUNProbe]) -> Finding {
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
