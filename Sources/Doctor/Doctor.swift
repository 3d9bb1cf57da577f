public import AgentSettings
public import Configuration
internal import Crew
internal import Glibc
internal import JSON
public import Primitives
internal import Reactor

/// Looks for what is wrong with a kiosk, and says it with cause and remedy. Runs while the agent runs or not, works
/// offline, and ends within half a minute: a check that gives no answer in time is `unknown`.
///
/// Each check stands for itself and asks `facts` for what it shares with others, so any of them can be run alone.
/// `DoctorRun` runs them beside each other.
public struct Doctor: Sendable {
    /// What the command line asks for.
    public struct Options: Sendable {
        var file: String
        var socket: String?
        /// Nil for all.
        var only: Set<CheckID>?
        /// Where a picture of the camera is written, as PPM.
        var snapshot: String?

        /// - Parameters:
        ///   - file: The configuration file; it may be missing or wrong, which is then a finding.
        ///   - socket: The agent's control socket; nil takes the configured one, or the default.
        public init(file: String, socket: String?, only: Set<CheckID>?, snapshot: String?) {
            self.file = file
            self.socket = socket
            self.only = only
            self.snapshot = snapshot
        }
    }

    /// One finding with its check and how long that took.
    public struct Entry: Sendable {
        var id: CheckID
        var finding: Finding
        var duration: Duration
    }

    /// Of the half minute, what the checks have; the rest is for a support archive.
    static let timeLimit = Duration.seconds(26)

    let options: Options
    let deadline: Instant
    /// Nil when the file cannot be read or breaks a rule. Where only a file that it names cannot be used, the configuration
    /// is kept.
    public let configuration: AgentConfiguration?
    /// What is wrong with the file, or with the files that it names; the latter leaves the rest to be checked.
    let configurationError: ConfigurationError?
    /// The file and its drop-ins, as far as they are there.
    let configurationFiles: [String]
    /// The running agent's status; nil when none runs.
    let status: JSONValue?
    let facts: DoctorFacts
    /// Whether an agent listens that this user may not ask.
    let mayNotAsk: Bool

    /// Reads the configuration and asks the running agent for its status, for at most 2 s. The checks have to be done 26 s
    /// after `now`.
    public init(_ options: Options, now: Instant) {
        self.options = options
        deadline = now + Doctor.timeLimit
        facts = DoctorFacts()
        (configuration, configurationError, configurationFiles) = Doctor.load(options.file)
        let socket = options.socket ?? configuration?.controlSocket ?? AgentConfiguration.defaultControlSocket
        status = try? ControlClient.ask(["command": "status"], at: socket, timeout: .seconds(2))["status"]
        mayNotAsk = Doctor.isRefused(socket)
    }

    private static func isRefused(_ socket: String) -> Bool {
        access(socket, W_OK) != 0 && (errno == EACCES || errno == EPERM)
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

    func check(_ id: CheckID) -> Finding {
        switch id {
        case .configuration: checkConfiguration()
        case .stateDirectory: checkStateDirectory()
        case .service: checkService()
        case .outbox: checkOutbox()
        case .disk: checkDisk()
        case .memory: checkMemory()
        case .temperature: checkTemperature()
        case .networkInterfaces: checkInterfaces()
        case .nameResolution: checkNameResolution()
        case .server: checkServer()
        case .certificate: checkCertificate()
        case .login: checkLogin()
        case .socketIO: checkSocketIO()
        case .clock: checkClock()
        case .stun: checkSTUN()
        case .nat: checkNAT()
        case .turnUDP: checkTURN(.udp)
        case .turnTCP: checkTURN(.tcp)
        case .turnTLS: checkTURN(.tls)
        case .udp: checkUDP()
        case .cameraDevices: checkCameraDevices()
        case .cameraUsers: checkCameraUsers()
        case .cameraPicture: checkCameraPicture()
        case .microphone: checkMicrophone()
        case .encoder: checkEncoder()
        case .selfCall: checkSelfCall()
        }
    }

    /// Whether the agent has the devices open right now.
    var agentIsLive: Bool { StatusSheet.isWatched(status) }

    /// When a step that may take so long has to be done.
    func limit(_ duration: Duration) -> Instant { min(deadline, MonotonicClock.now() + duration) }
}

/// The exit status of `kiosk-agent doctor`: the worst of what was found. An answer that was due and did not come is
/// something to look at.
extension [Doctor.Entry] {
    /// `failed` when a check failed; `warnings` when one warned, or gave no answer that was due; `success` otherwise.
    public var exitStatus: ExitStatus {
        if contains(where: { $0.finding.status == .failed }) { return .failed }
        return contains { $0.finding.status == .warning || $0.finding.wasDue } ? .warnings : .success
    }
}
