import AgentSettings
import Configuration
import Crew
import JSON
import Primitives
import Reactor

/// What checks gather from: the configuration, the running agent's answer, and what several of them ask the server.
struct CheckContext: Sendable {
    let options: Doctor.Options
    let deadline: Instant
    /// Nil when the file cannot be read or breaks a rule.
    let configuration: AgentConfiguration?
    /// What is wrong with the file, or with the files that it names; the latter leaves the rest to be checked.
    let configurationError: ConfigurationError?
    /// The file and its drop-ins, as far as they are there.
    let configurationFiles: [String]
    /// The running agent's status; nil when none runs.
    let status: JSONValue?
    /// Whether an agent listens that this user may not ask.
    let mayNotAsk: Bool
    let facts: DoctorFacts

    /// Reads the configuration and asks the running agent, for at most 2 s.
    init(_ options: Doctor.Options, deadline: Instant) {
        self.options = options
        self.deadline = deadline
        facts = DoctorFacts()
        (configuration, configurationError, configurationFiles) = CheckContext.load(options.file)
        let socket = options.socket ?? configuration?.controlSocket ?? AgentConfiguration.defaultControlSocket
        status = try? ControlClient.ask(["command": "status"], at: socket, timeout: .seconds(2))["status"]
        mayNotAsk = CheckContext.isRefused(socket)
    }

    private static func isRefused(_ socket: String) -> Bool {
        FileSystem.refusal(of: .writing, to: socket)?.isDenied == true
    }

    private static func load(_ path: String) -> (AgentConfiguration?, ConfigurationError?, files: [String]) {
        var loaded: AgentConfiguration?
        var files: [String] = []
        do throws(ConfigurationError) {
            let document = try ConfigurationDocument(contentsOf: path)
            files = document.files
            let configuration = try AgentConfiguration.decoded(from: document)
            loaded = configuration
            try configuration.checkFiles(in: document)
            return (configuration, nil, files)
        } catch {
            return (loaded, error, files)
        }
    }

    /// What the running agent says; nil when none runs.
    var agent: AgentReport? { status.map(AgentReport.init) }

    /// Whether the agent has the devices open right now.
    var agentIsLive: Bool { StatusSheet.isWatched(status) }

    /// Whether the agent has the camera open for a snapshot right now.
    var agentTakesSnapshot: Bool { status?["snapshot"]?.bool == true }

    /// When a step that may take so long has to be done.
    func limit(_ duration: Duration) -> Instant { min(deadline, MonotonicClock.now() + duration) }
}
