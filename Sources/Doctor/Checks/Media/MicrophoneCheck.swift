import AgentSettings
import Capture
import JSON
import Primitives
import Reactor

/// The microphone, listened to for a second.
enum MicrophoneCheck: Check {
    struct Sound: Sendable {
        /// The device's own name.
        var name: String
        var level: SoundLevel
        var overruns: Int
    }

    typealias Observation = Result<Sound, CaptureError>

    static func gather(_ context: CheckContext) -> Gathered<Observation> {
        guard let configuration = context.configuration,
            let source = MicrophoneSource(configuration.microphone.device)
        else { return .noConfiguration }
        if context.agentIsLive { return .skipped("the agent listens to it now") }
        do throws(CaptureError) {
            guard var microphone = try Microphone.open(source) else { return .skipped("none is configured") }
            var samples = AudioFrame()
            var level = SoundLevel()
            for _ in 0..<50 {
                _ = try microphone.read(into: &samples, timeout: .seconds(2), interruptedBy: nil)
                level.add(samples.samples)
            }
            return .seen(
                .success(
                    Sound(name: microphone.name, level: level, overruns: Int(microphone.events[.overrun]))))
        } catch {
            return .seen(.failure(error))
        }
    }

    static func judge(_ observation: Observation) -> Finding {
        switch observation {
        case .success(let sound):
            var facts = sound.level.facts
            facts["overruns"] = .integer(sound.overruns)
            return sound.level.finding(sound.name, overruns: sound.overruns, facts: facts)
        case .failure(let error):
            var found = Finding(error, facts: JSONObject())
            found.why = "monitors hear nothing"
            if case .missing = error {
                found.remedy =
                    ToolCommand.available("arecord -L", "cat /proc/asound/cards")
                    + " lists the names for microphone.device"
            }
            return found
        }
    }
}
