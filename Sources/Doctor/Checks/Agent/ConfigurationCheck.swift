import AgentSettings
import Configuration
import JSON
import Reactor
import Service

/// Whether the configuration can be used.
enum ConfigurationCheck: Check {
    struct Observation: Sendable {
        /// As the command line names it.
        var file: String
        var outcome: Outcome
    }

    enum Outcome: Sendable {
        /// Kiosk and server that it names, and the files that it was read from.
        case correct(kiosk: String, server: String, files: [String])
        /// Right but for the password, which another user may read.
        case passwordIsHidden(kiosk: String, server: String)
        case wrong(String)
        case missing
    }

    static func gather(_ context: CheckContext) -> Gathered<Observation> {
        .seen(Observation(file: context.options.file, outcome: outcome(context)))
    }

    private static func outcome(_ context: CheckContext) -> Outcome {
        let configuration = context.configuration
        let kiosk = configuration?.kiosk.id ?? ""
        let server = configuration.map { "\($0.server)" } ?? ""
        if let configuration, context.configurationError != nil, Credentials.path("password") == nil,
            FileSystem.allows(.existence, to: configuration.kiosk.passwordFile),
            !FileSystem.allows(.reading, to: configuration.kiosk.passwordFile)
        {
            return .passwordIsHidden(kiosk: kiosk, server: server)
        }
        if let error = context.configurationError { return .wrong(error.description) }
        guard configuration != nil else { return .missing }
        return .correct(kiosk: kiosk, server: server, files: context.configurationFiles)
    }

    static func judge(_ observation: Observation) -> Finding {
        switch observation.outcome {
        case .passwordIsHidden(let kiosk, let server):
            // As it should be: the service manager hands the password to the agent. Only a user who may read it can try the
            // login.
            return Finding(
                .unknown,
                "\(observation.file): kiosk \(kiosk), server \(server); the password is not this user's to read",
                remedy: "run it as root to have the login checked, too")
        case .wrong(let reason):
            return Finding(
                .failed, reason, why: "the agent does not start with a wrong configuration",
                remedy: "correct the file; `kiosk-agent config check` tells when it is right")
        case .missing: return Finding(.unknown, "no configuration")
        case .correct(let kiosk, let server, let files):
            var facts = JSONObject()
            facts["files"] = .array(files.map(JSONValue.string))
            let dropIns = files.count > 1 ? " and \(files.count - 1) drop-ins" : ""
            return .ok("\(observation.file)\(dropIns): correct, kiosk \(kiosk), server \(server)", facts: facts)
        }
    }
}
