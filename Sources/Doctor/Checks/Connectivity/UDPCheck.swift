import Peer
import Primitives
import Reactor

/// Whether UDP gets anywhere at all, of all that was tried.
enum UDPCheck: Check {
    struct Observation: Sendable {
        var trials: [STUNProbe]
        var relays: [RelayTrial]
    }

    static func gather(_ context: CheckContext) -> Gathered<Observation> {
        switch context.stunProbes() {
        case .notChecked(let reason): .notChecked(reason)
        case .skipped(let reason): .skipped(reason)
        case .seen(let trials):
            .seen(Observation(trials: trials, relays: context.relayTrials(.udp) ?? []))
        }
    }

    static func judge(_ observation: Observation) -> Finding {
        let (trials, relays) = (observation.trials, observation.relays)
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
}
