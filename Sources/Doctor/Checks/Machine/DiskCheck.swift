import AgentSettings
import JSON
import Primitives
import Reactor

/// Room for crew events.
enum DiskCheck: Check {
    struct Observation: Sendable {
        var path: String
        var outcome: Outcome
    }

    enum Outcome: Sendable {
        case free(bytes: Int64)
        /// The system's error.
        case unreadable(Int32)
    }

    static func gather(_ context: CheckContext) -> Gathered<Observation> {
        guard let configuration = context.configuration else { return .noConfiguration }
        // Before the first start only the directory above is there.
        var path = configuration.stateDirectoryPath
        while !FileSystem.allows(.existence, to: path), path != "/" { path = StateDirectory.parent(of: path) }
        do throws(SystemError) {
            let volume = try FileSystem.volume(of: path)
            return .seen(Observation(path: path, outcome: .free(bytes: volume.freeBytes)))
        } catch {
            return .seen(Observation(path: path, outcome: .unreadable(error.code)))
        }
    }

    static func judge(_ observation: Observation) -> Finding {
        let path = observation.path
        switch observation.outcome {
        case .unreadable(let code):
            return .unanswered(
                "\(path): \(SystemError.text(code))", why: "crew events are kept there",
                remedy: "journalctl -k; findmnt -T \(path)")
        case .free(let free):
            var facts = JSONObject()
            facts["freeBytes"] = .integer(free)
            facts["path"] = .string(path)
            let seen = "\(free >> 20) MiB free at \(path)"
            if free < 20 << 20 {
                return Finding(
                    .failed, seen, why: "crew events cannot be stored on a full disk", remedy: "make room",
                    facts: facts)
            }
            if free < 200 << 20 {
                return Finding(.warning, seen, why: "crew events need room", remedy: "make room soon", facts: facts)
            }
            return .ok(seen, facts: facts)
        }
    }
}
