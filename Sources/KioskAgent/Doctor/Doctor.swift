import Configuration
import Primitives
import Reactor
import SocketIO

/// Looks for what is wrong with a kiosk, and says it with cause and remedy. Runs while the agent runs or not, works
/// offline, and ends within half a minute: a check that finds no time left says so.
struct Doctor {
    struct Options: Sendable {
        var file: String
        var socket: String?
        /// Nil for all.
        var only: Set<CheckID>?
        /// Where a picture of the camera is written, as PPM.
        var snapshot: String?
    }

    struct Entry: Sendable {
        var id: CheckID
        var finding: Finding
        var duration: Duration
    }

    static let timeLimit = Duration.seconds(30)

    let options: Options
    let deadline: Instant
    /// What earlier checks found out for later ones.
    var configuration: AgentConfiguration?
    var configurationError: ConfigurationError?
    /// The running agent's status; nil when none runs.
    var status: JSONValue?
    var serverIsReachable: Bool
    var serverDate: WallClock?

    init(_ options: Options, now: Instant) {
        self.options = options
        deadline = now + Doctor.timeLimit
        serverIsReachable = false
        do {
            configuration = try AgentConfiguration.load(options.file)
        } catch {
            configurationError = error
        }
        let socket = options.socket ?? configuration?.controlSocket ?? AgentConfiguration.defaultControlSocket
        status = try? ControlClient.ask(["command": "status"], at: socket, timeout: .seconds(3))["status"]
    }

    /// Runs the checks in order. `began` hears of each before it runs, `ended` afterwards.
    mutating func run(began: (CheckID) -> Void, ended: (Entry) -> Void) -> [Entry] {
        var entries: [Entry] = []
        for id in CheckID.allCases where options.only?.contains(id) ?? true {
            began(id)
            let start = MonotonicClock.now()
            let finding =
                start < deadline ? check(id) : Finding(.unknown, "no time left", remedy: "run --only \(id.rawValue)")
            let entry = Entry(id: id, finding: finding, duration: MonotonicClock.now() - start)
            ended(entry)
            entries.append(entry)
        }
        return entries
    }

    private mutating func check(_ id: CheckID) -> Finding {
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
        case .login: checkLogin()
        case .socketIO: checkSocketIO()
        case .clock: checkClock()
        case .cameraDevices: checkCameraDevices()
        case .cameraPicture: checkCameraPicture()
        case .microphone: checkMicrophone()
        case .encoder: checkEncoder()
        }
    }

    /// Whether the agent has the devices open right now.
    var agentIsLive: Bool {
        status?["session"].map { !$0.isNull && $0["phase"]?.string != "failed" } ?? false
    }
}

/// The exit status of `kiosk-agent doctor`: the worst of what was found.
extension [Doctor.Entry] {
    var exitStatus: ExitStatus {
        if contains(where: { $0.finding.status == .failed }) { return .failed }
        return contains { $0.finding.status == .warning } ? .warnings : .success
    }
}
