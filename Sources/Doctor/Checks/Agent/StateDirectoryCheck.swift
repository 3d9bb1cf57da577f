import AgentSettings
import JSON
import Reactor

/// Whether crew events can be kept, and only the agent reads them.
enum StateDirectoryCheck: Check {
    struct Observation: Sendable {
        var path: String
        var outcome: Outcome
    }

    enum Outcome: Sendable {
        case found(mode: UInt32, isReadOnly: Bool)
        case unreadable(SystemError)
    }

    static func gather(_ context: CheckContext) -> Gathered<Observation> {
        guard let configuration = context.configuration else { return .noConfiguration }
        let path = configuration.stateDirectoryPath
        do throws(SystemError) {
            let mode = try FileSystem.status(of: path).permissions
            let isReadOnly = (try? FileSystem.volume(of: path))?.isReadOnly ?? false
            return .seen(Observation(path: path, outcome: .found(mode: mode, isReadOnly: isReadOnly)))
        } catch {
            return .seen(Observation(path: path, outcome: .unreadable(error)))
        }
    }

    static func judge(_ observation: Observation) -> Finding {
        let path = observation.path
        switch observation.outcome {
        case .unreadable(let error) where error.isDenied:
            return Finding(.unknown, "\(path): \(error.reason)", remedy: "run as root or as the agent's user")
        case .unreadable(let error):
            return Finding(
                .warning, "\(path): \(error.reason)", why: "crew events are kept there",
                remedy: "the service makes it at its start; otherwise make it and give it to the agent's user")
        case .found(let mode, let isReadOnly): return judge(path, mode: mode, isReadOnly: isReadOnly)
        }
    }

    private static func judge(_ path: String, mode: UInt32, isReadOnly: Bool) -> Finding {
        let text = "0" + String(mode, radix: 8)
        var facts = JSONObject()
        facts["path"] = .string(path)
        facts["mode"] = .string(String(mode, radix: 8))
        if isReadOnly {
            facts["readOnly"] = true
            return Finding(
                .failed, "\(path) is on a file system that can only be read", why: "crew events cannot be stored",
                remedy: "journalctl -k: a disk with errors is mounted read-only; otherwise mount it writable",
                facts: facts)
        }
        guard mode & 0o007 == 0 else {
            return Finding(
                .warning, "\(path) is open to everybody (mode \(text))",
                why: "names of crew members are kept there", remedy: "chmod o-rwx \(path)", facts: facts)
        }
        return .ok("\(path), mode \(text)", facts: facts)
    }
}
