import JSON
import Peer
import Primitives
import Reactor

/// Whether addresses are translated on the way, and how (RFC 5780).
enum NATCheck: Check {
    struct Observation: Sendable {
        /// Of the server that could find out most.
        var result: NATProbe.Result
        var isTranslated: Bool
    }

    static func gather(_ context: CheckContext) -> Gathered<Observation> {
        switch context.stunProbes() {
        case .notChecked(let reason): return .notChecked(reason)
        case .skipped(let reason): return .skipped(reason)
        case .seen(let trials):
            let results = trials.compactMap { try? $0.outcome.get() }.filter { $0.mapped != nil }
            guard let best = results.first(where: { $0.other != nil }) ?? results.first, let mapped = best.mapped
            else { return .notChecked("no STUN server answers") }
            let own = (try? NetworkInterfaces.addresses())?.map(\.address) ?? []
            // Two servers that see different ports of the same socket would tell, but each probe has sockets of its own.
            return .seen(Observation(result: best, isTranslated: !own.contains(mapped.address)))
        }
    }

    static func judge(_ observation: Observation) -> Finding {
        let (result, isTranslated) = (observation.result, observation.isTranslated)
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
}
