import AgentSettings
import Capture
import JSON
import Media
import Primitives
import Reactor

/// A call from this machine to itself, as a monitor would make it.
enum SelfCallCheck: Check {
    struct Observation: Sendable {
        var outcome: Result<SelfCall.Outcome, SelfCall.Failure>
        /// Frames per second, as configured.
        var wantedRate: Double
    }

    static func gather(_ context: CheckContext) -> Gathered<Observation> {
        guard let configuration = context.configuration, let source = CameraSource(configuration.camera.device) else {
            return .noConfiguration
        }
        if context.agentIsLive {
            return .skipped("the agent streams from the camera now: \(context.agent?.liveFigures ?? "")")
        }
        let outcome: Result<SelfCall.Outcome, SelfCall.Failure>
        do throws(SelfCall.Failure) {
            let call: SelfCall
            do throws(SystemError) {
                call = try SelfCall(configuration, source)
            } catch {
                throw .system("\(error)")
            }
            outcome = .success(try call.run(deadline: context.deadline))
        } catch {
            outcome = .failure(error)
        }
        return .seen(Observation(outcome: outcome, wantedRate: Double(configuration.camera.frameRate)))
    }

    private static let showFirewall = ToolCommand.available(
        "nft list ruleset", "iptables -S", "see its firewall's rules")
    private static let why = "what fails here fails for every monitor"

    static func judge(_ observation: Observation) -> Finding {
        switch observation.outcome {
        case .success(let outcome): judge(outcome, wantedRate: observation.wantedRate)
        case .failure(.camera(let reason)):
            Finding(.failed, "no picture: \(reason)", why: why, remedy: "see camera-picture")
        case .failure(.peer(let reason)):
            Finding(
                .failed, "no call: \(reason)", why: why,
                remedy: "let UDP through on this machine itself: \(showFirewall); see network-interfaces")
        case .failure(.system(let reason)):
            .unanswered(reason, why: why, remedy: "see the checks of memory and network")
        }
    }

    private static func judge(_ outcome: SelfCall.Outcome, wantedRate: Double) -> Finding {
        var facts = JSONObject()
        facts["frames"] = .integer(outcome.frames)
        facts["framesPerSecond"] = .double((outcome.framesPerSecond * 10).rounded() / 10)
        facts["damaged"] = .integer(outcome.damaged)
        facts["connectedMilliseconds"] = outcome.connected.map { .integer(Int($0.milliseconds)) } ?? .null
        facts["firstFrameMilliseconds"] = outcome.firstFrame.map { .integer(Int($0.milliseconds)) } ?? .null
        facts["size"] = .string("\(outcome.width)x\(outcome.height)")
        facts["cipher"] = outcome.cipher.map(JSONValue.string)
        guard let first = outcome.firstFrame else {
            return Finding(
                .failed,
                outcome.connected == nil
                    ? "the call does not come about" : "the call comes about, and no picture arrives", why: why,
                remedy: outcome.connected == nil
                    ? "let UDP through on this machine itself: \(showFirewall)"
                    : "see camera-picture and encoder",
                facts: facts)
        }
        let rate = (outcome.framesPerSecond * 10).rounded() / 10
        let seen =
            "\(outcome.width)x\(outcome.height) at \(rate) frames/s, the first after \(Int(first.milliseconds)) ms"
        if outcome.damaged > 0 {
            return Finding(
                .failed, "\(seen), \(outcome.damaged) damaged", why: why, remedy: "keep a support archive: --bundle",
                facts: facts)
        }
        if outcome.framesPerSecond < wantedRate * 0.7 {
            return Finding(
                .warning, "\(seen); \(Int(wantedRate)) are configured", why: "monitors see less motion",
                remedy: "see camera-picture and encoder for which of them is slow", facts: facts)
        }
        if first > .seconds(2) {
            return Finding(
                .warning, seen, why: "monitors wait for the picture",
                remedy: "see camera-picture: some cameras take long to begin", facts: facts)
        }
        return .ok(seen, facts: facts)
    }
}
