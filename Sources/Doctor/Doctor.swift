public import AgentSettings
public import Configuration
public import Primitives

/// Looks for what is wrong with a kiosk, and says it with cause and remedy. Runs while the agent runs or not, works
/// offline, and ends within half a minute: a check that gives no answer in time is `unknown`.
///
/// An aggregate of checks: each is a type of its own that gathers an observation from `CheckContext` and judges it, so any of them can be
/// run alone, and each judge is tested without a machine. `DoctorRun` runs them beside each other.
public struct Doctor: Sendable {
    /// What the command line asks for.
    public struct Options: Sendable {
        var file: String
        var socket: String?
        /// Nil for all.
        var only: Set<CheckID>?

        /// - Parameters:
        ///   - file: The configuration file; it may be missing or wrong, which is then a finding.
        ///   - socket: The agent's control socket; nil takes the configured one, or the default.
        public init(file: String, socket: String?, only: Set<CheckID>?) {
            self.file = file
            self.socket = socket
            self.only = only
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

    /// What the checks ask.
    let context: CheckContext

    /// Nil when the file cannot be read or breaks a rule. Where only a file that it names cannot be used, the configuration
    /// is kept.
    public var configuration: AgentConfiguration? { context.configuration }

    /// Reads the configuration and asks the running agent for its status, for at most 2 s. The checks have to be done 26 s
    /// after `now`.
    public init(_ options: Options, now: Instant) {
        context = CheckContext(options, deadline: now + Doctor.timeLimit)
    }

    func check(_ id: CheckID) -> Finding {
        switch id {
        case .configuration: ConfigurationCheck.finding(context)
        case .stateDirectory: StateDirectoryCheck.finding(context)
        case .service: ServiceCheck.finding(context)
        case .outbox: OutboxCheck.finding(context)
        case .disk: DiskCheck.finding(context)
        case .memory: MemoryCheck.finding(context)
        case .temperature: TemperatureCheck.finding(context)
        case .networkInterfaces: InterfacesCheck.finding(context)
        case .nameResolution: NameResolutionCheck.finding(context)
        case .server: ServerCheck.finding(context)
        case .certificate: CertificateCheck.finding(context)
        case .login: LoginCheck.finding(context)
        case .socketIO: SocketIOCheck.finding(context)
        case .clock: ClockCheck.finding(context)
        case .stun: STUNCheck.finding(context)
        case .nat: NATCheck.finding(context)
        case .turnUDP: TURNCheck<OverUDP>.finding(context)
        case .turnTCP: TURNCheck<OverTCP>.finding(context)
        case .turnTLS: TURNCheck<OverTLS>.finding(context)
        case .udp: UDPCheck.finding(context)
        case .cameraDevices: CameraDevicesCheck.finding(context)
        case .cameraUsers: CameraUsersCheck.finding(context)
        case .cameraPicture: CameraPictureCheck.finding(context)
        case .microphone: MicrophoneCheck.finding(context)
        case .encoder: EncoderCheck.finding(context)
        case .selfCall: SelfCallCheck.finding(context)
        }
    }
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
