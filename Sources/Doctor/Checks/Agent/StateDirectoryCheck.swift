import AgentSettings
import Glibc
import JSON
import Reactor

/// Whether crew events can be kept, and only the agent reads them.
enum StateDirectoryCheck: Check {
    struct Observation: Sendable {
        var path: String
        var outcome: Outcome
    }

    enum Outcome: Sendable {
        case found(mode: mode_t, isReadOnly: Bool)
        /// The system's error.
        case unreadable(Int32)
    }

    static func gather(_ context: CheckContext) -> Gathered<Observation> {
        guard let configuration = context.configuration else { return .noConfiguration }
        let path = configuration.stateDirectoryPath
        var status = stat()
        guard stat(path, &status) == 0 else {
            return .seen(Observation(path: path, outcome: .unreadable(errno)))
        }
        var volume = statvfs()
        let isReadOnly = statvfs(path, &volume) == 0 && volume.f_flag & UInt(ST_RDONLY) != 0
        return .seen(
            Observation(path: path, outcome: .found(mode: status.st_mode & 0o777, isReadOnly: isReadOnly)))
    }

    static func judge(_ observation: Observation) -> Finding {
        let path = observation.path
        switch observation.outcome {
        case .unreadable(EACCES):
            return Finding(
                .unknown, "\(path): \(SystemError.text(EACCES))", remedy: "run as root or as the agent's user")
        case .unreadable(let code):
            return Finding(
                .warning, "\(path): \(SystemError.text(code))", why: "crew events are kept there",
                remedy: "the service makes it at its start; otherwise make it and give it to the agent's user")
        case .found(let mode, let isReadOnly): return judge(path, mode: mode, isReadOnly: isReadOnly)
        }
    }

    private static func judge(_ path: String, mode: mode_t, isReadOnly: Bool) -> Finding {
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
