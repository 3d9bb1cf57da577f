import Capture
import JSON
import Reactor

/// Which other programs have a camera open. Only a user who may inspect every process sees all of them.
enum CameraUsersCheck: Check {
    struct Observation: Sendable {
        var found: DeviceHolders
        /// Of all cameras.
        var nodes: [String]
        /// Whether it says that a session is live, or that it takes a snapshot.
        var agentIsLive: Bool
    }

    static func gather(_ context: CheckContext) -> Gathered<Observation> {
        let nodes = CameraFacts.enumerate().filter { $0.canCapture || $0.failure != nil }.map(\.node)
        guard !nodes.isEmpty else { return .notChecked("there is no camera") }
        return .seen(
            Observation(
                found: DeviceHolders.of(nodes: nodes), nodes: nodes,
                agentIsLive: context.agentIsLive || context.agentTakesSnapshot))
    }

    static func judge(_ observation: Observation) -> Finding {
        let (found, nodes) = (observation.found, observation.nodes)
        var facts = JSONObject()
        facts["nodes"] = .array(nodes.map(JSONValue.string))
        facts["holders"] = .array(
            found.holders.map { .object(JSONObject([("pid", .integer($0.pid)), ("name", .string($0.name))])) })
        facts["hiddenProcesses"] = .integer(found.hidden)
        let others = found.holders.filter { $0.name != "kiosk-agent" }
        if !others.isEmpty {
            let names = others.map { "\($0.name) (\($0.pid))" }.joined(separator: ", ")
            return Finding(
                .warning, "in use by \(names)", why: "only one program can take pictures from a camera",
                remedy: "end it, or keep it from the camera", facts: facts)
        }
        if !found.holders.isEmpty {
            return observation.agentIsLive
                ? .ok("the agent, for a live session or a snapshot", facts: facts)
                : Finding(
                    .failed, "the agent has the camera open, and nobody watches",
                    why: "the camera must be closed whenever no session is live",
                    remedy: "systemctl restart kiosk-agent, and a support archive", facts: facts)
        }
        if found.hidden > 0 {
            return Finding(
                .unknown, "nobody that may be seen; \(found.hidden) processes of other users hide what they have open",
                remedy: "run as root", facts: facts)
        }
        return .ok("nobody", facts: facts)
    }
}
