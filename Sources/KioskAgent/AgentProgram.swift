internal import AgentSettings
public import Configuration
internal import Crew
internal import Doctor
internal import Glibc
internal import JSON
internal import Primitives
internal import Reactor
internal import Service
internal import Signaling

/// The program `kiosk-agent`: its commands, and what each does.
public enum AgentProgram {
    /// - Parameter arguments: what follows the program's name.
    /// - Returns: the exit status.
    public static func main(_ arguments: [String]) -> Int32 {
        outcome(arguments).rawValue
    }

    private static func outcome(_ arguments: [String]) -> ExitStatus {
        switch parser.parse(arguments) {
        case .help(let text):
            Terminal.print(text, terminator: "")
            return .success
        case .misuse(let text):
            Terminal.complain(text)
            return .usage
        case .run(let invocation):
            return perform(invocation)
        }
    }

    private static let socketFlag = Flag(
        "--socket", "PATH", help: "the agent's control socket (\(AgentConfiguration.defaultControlSocket))")
    private static let configFlag = Flag(
        "--config", "FILE", help: "the configuration (\(AgentConfiguration.defaultFile))")
    private static let formatFlag = Flag(
        "--format", choices: ["text", "json"], help: "text for people, json for machines")
    private static let refusedEvent = Argument("EVENT_ID", help: "the event's identifier, from crew list")
    private static let crewFlags = [
        Flag("--id", "ID", required: true, help: "who: the crew member's number"),
        Flag("--name", "NAME", help: "the crew member's name"),
        Flag("--role", "ROLE", help: "as what: driver, guard"),
        Flag("--train", "NO", help: "for which train"), socketFlag,
    ]

    public static let parser = CommandLineParser(
        program: "kiosk-agent", summary: "the kiosk's side of the monitoring system",
        commands: [
            Command(
                "run", summary: "Run the agent until a signal ends it.",
                flags: [configFlag],
                discussion: "SIGTERM and SIGINT end it cleanly. Run by systemd it notifies, and logs to the journal."),
            Command(
                "crew sign-on", summary: "Sign a crew member on. Returns when the event is stored.", flags: crewFlags),
            Command(
                "crew sign-off", summary: "Sign a crew member off. Returns when the event is stored.", flags: crewFlags),
            Command(
                "crew list", summary: "List the crew events that wait for the server.",
                flags: [formatFlag, socketFlag]),
            Command(
                "crew retry", summary: "Send a crew event that the server refused once more.",
                arguments: [refusedEvent], flags: [socketFlag],
                discussion: "For when the server has been put right."),
            Command(
                "crew discard", summary: "Forget a crew event that the server refused.", arguments: [refusedEvent],
                flags: [socketFlag], discussion: "It is gone then; the journal keeps its identifier."),
            Command(
                "status", summary: "Show what the running agent does.",
                flags: [
                    formatFlag, socketFlag,
                    Flag("--until-idle", "DURATION", help: "wait until nobody watches, at most so long: 60s"),
                ],
                discussion: "Exit status 1 when no agent is running, 3 when somebody still watches after the wait."),
            Command(
                "snapshot", summary: "Take one picture of the camera.",
                arguments: [Argument("FILE", help: "where it is written, for its owner only: .png, .jpg or .jpeg")],
                flags: [configFlag, socketFlag],
                discussion:
                    "The running agent takes it, of the live picture too; without an agent the camera is opened.\n"
                    + "The indicator is lit meanwhile."),
            Command(
                "config check", summary: "Check a configuration and the files it names.", flags: [configFlag],
                discussion: "Exit status 0 when it is right, 2 with one line that says what is wrong."),
            Command(
                "config show", summary: "Show the configuration as it takes effect, without secrets.",
                flags: [configFlag, formatFlag]),
            Command(
                "doctor", summary: "Look for what is wrong with this kiosk.",
                flags: [
                    configFlag, formatFlag,
                    Flag("--only", "ID,ID", help: "these checks only"),
                    Flag("--verbose", help: "show every fact"),
                    Flag("--bundle", "FILE", help: "write a support archive (tar) without secrets"), socketFlag,
                ],
                discussion: "Checks: \(CheckID.allCases.map(\.rawValue).joined(separator: ", ")).\n"
                    + "Exit status 0 when all is well, 1 when something failed, 3 when there are warnings or an answer that was due\n"
                    + "did not come."),
            Command("version", summary: "Print the version."),
        ])

    private static func perform(_ invocation: Invocation) -> ExitStatus {
        let socket = invocation["--socket"] ?? AgentConfiguration.defaultControlSocket
        switch invocation.command {
        case "run": return run(invocation["--config"] ?? AgentConfiguration.defaultFile)
        case "crew sign-on": return crew(.signOn, invocation, socket)
        case "crew sign-off": return crew(.signOff, invocation, socket)
        case "crew list": return ask("crew-list", socket) { StatusText.crewList($0, format: invocation["--format"]) }
        case "crew retry", "crew discard":
            let isRetry = invocation.command == "crew retry"
            let request: JSONValue = [
                "command": .string(isRetry ? "crew-retry" : "crew-discard"),
                "eventId": .string(invocation["EVENT_ID"] ?? ""),
            ]
            return answer(request, socket) { answer in
                (isRetry ? "goes once more: " : "discarded: ")
                    + StatusText.crewEvent(answer["event"] ?? .null)
            }
        case "status":
            if let limit = invocation["--until-idle"], let status = waitUntilIdle(limit, socket) { return status }
            return ask("status", socket) { StatusText.status($0, format: invocation["--format"]) }
        case "snapshot":
            return SnapshotCommand.run(
                invocation["FILE"] ?? "", configuration: invocation["--config"] ?? AgentConfiguration.defaultFile,
                socket: invocation["--socket"])
        case "config check", "config show":
            return config(invocation)
        case "doctor":
            return doctor(invocation)
        case "version":
            Terminal.print("kiosk-agent \(ProductVersion.text)")
            return .success
        default: preconditionFailure("a command without an implementation: \(invocation.command)")
        }
    }

    private static func run(_ file: String) -> ExitStatus {
        LogSink.start(identifier: "kiosk-agent")
        OpenFiles.raiseLimit()
        let agent: Agent
        do {
            let configuration = try AgentConfiguration.load(file)
            Log.level = configuration.log.serviceLevel
            if configuration.server.isInsecure, !configuration.allowInsecure {
                Log("configuration").warning(
                    "\(configuration.server) is reached without TLS: everybody on the way reads the password and crew events; "
                        + "use https://, or write allowInsecure: true beside server")
            }
            agent = try Agent(configuration, file: file)
            AcceptedServer(in: configuration.stateDirectoryPath).record(configuration.server)
        } catch let error as ConfigurationError {
            Terminal.complain(error.description)
            return .usage
        } catch {
            Terminal.complain("kiosk-agent: \(error)")
            return .failed
        }
        return agent.run()
    }

    private static func config(_ invocation: Invocation) -> ExitStatus {
        let file = invocation["--config"] ?? AgentConfiguration.defaultFile
        do throws(ConfigurationError) {
            let document = try ConfigurationDocument(contentsOf: file)
            let text = ConfigurationText(try AgentConfiguration.load(document), in: document)
            if invocation.command == "config check" {
                for file in document.files { Terminal.print("\(file): correct") }
            } else if invocation["--format"] == "json" {
                Terminal.print(String(decoding: text.json.jsonText, as: UTF8.self))
            } else {
                Terminal.print(text.yaml, terminator: "")
            }
            return .success
        } catch {
            Terminal.complain(error.description)
            return .usage
        }
    }

    private static func doctor(_ invocation: Invocation) -> ExitStatus {
        var only: Set<CheckID>?
        if let names = invocation["--only"] {
            only = []
            for name in names.split(separator: ",") {
                guard let id = CheckID(rawValue: String(name)) else {
                    Terminal.complain("kiosk-agent: --only: no check is named \(name)\ntry: kiosk-agent doctor --help")
                    return .usage
                }
                only?.insert(id)
            }
            if only == [] {
                Terminal.complain("kiosk-agent: --only names no check\ntry: kiosk-agent doctor --help")
                return .usage
            }
        }
        Log.level = .error
        let options = Doctor.Options(
            file: invocation["--config"] ?? AgentConfiguration.defaultFile, socket: invocation["--socket"], only: only)
        let doctor = Doctor(options, now: MonotonicClock.now())
        let isJSON = invocation["--format"] == "json"
        let text = DoctorReport(isVerbose: invocation.has("--verbose"))
        let run: DoctorRun
        do {
            run = try DoctorRun(doctor)
        } catch {
            Terminal.complain("kiosk-agent: \(error)")
            return .failed
        }
        let libraryOutput = LibraryOutput()
        let (entries, isComplete) = run.run(
            progress: { if !isJSON { text.progress($0) } }, ended: { if !isJSON { text.ended($0) } })
        let libraryText = libraryOutput?.end() ?? ""
        let report = DoctorReport.json(entries, kioskId: doctor.configuration?.kiosk.id, at: SystemWallClock.now())
        var status = entries.exitStatus
        if isJSON {
            Terminal.print(String(decoding: report.jsonText, as: UTF8.self))
        } else {
            Terminal.print("\n" + DoctorReport.summary(entries), terminator: "")
        }
        if let path = invocation["--bundle"] {
            if let problem = SupportBundle(
                doctor: doctor, entries: entries, report: report, libraryOutput: libraryText
            ).write(to: path) {
                Terminal.complain("kiosk-agent: \(problem)")
                status = .failed
            } else if !isJSON {
                Terminal.print("support archive: \(path)")
            }
        }
        // What still hangs in a driver or a resolver must not hold up the end.
        if !isComplete { _exit(status.rawValue) }
        return status
    }

    /// Waits for the end of a session that is live, for an upgrade that would end it.
    /// - Returns: nil once nobody watches; else the program's exit status.
    private static func waitUntilIdle(_ text: String, _ socket: String) -> ExitStatus? {
        guard let limit = Duration(configured: text) else {
            Terminal.complain("kiosk-agent: --until-idle: must be a duration like 60s\ntry: kiosk-agent status --help")
            return .usage
        }
        let end = MonotonicClock.now() + limit
        var isTold = false
        while true {
            let status: JSONValue?
            do throws(ControlClient.Failure) {
                status = try ControlClient.ask(["command": "status"], at: socket)["status"]
            } catch {
                Terminal.complain("kiosk-agent: \(error)")
                return .failed
            }
            guard StatusSheet.isWatched(status) else { return nil }
            guard MonotonicClock.now() < end else {
                Terminal.complain("kiosk-agent: somebody still watches this kiosk after \(text)")
                return .warnings
            }
            if !isTold { Terminal.complain("somebody watches this kiosk: waiting for the end, up to \(text)") }
            isTold = true
            MonotonicClock.sleep(until: min(end, MonotonicClock.now() + .milliseconds(500)))
        }
    }

    private static func crew(_ kind: CrewEvent.Kind, _ invocation: Invocation, _ socket: String) -> ExitStatus {
        let entry: CrewEntry
        do throws(ControlRequest.Refusal) {
            entry = try CrewEntry(
                kind: kind, crewId: invocation["--id"] ?? "", name: invocation["--name"], role: invocation["--role"],
                train: invocation["--train"])
        } catch {
            Terminal.complain("kiosk-agent: \(error.message)")
            return .usage
        }
        return answer(entry.json, socket) { "accepted \($0["eventId"]?.string ?? "")\n" }
    }

    private static func ask(_ command: String, _ socket: String, _ text: (JSONValue) -> String) -> ExitStatus {
        answer(["command": .string(command)], socket, text)
    }

    private static func answer(_ request: JSONValue, _ socket: String, _ text: (JSONValue) -> String) -> ExitStatus {
        do throws(ControlClient.Failure) {
            Terminal.print(text(try ControlClient.ask(request, at: socket)), terminator: "")
            return .success
        } catch {
            Terminal.complain("kiosk-agent: \(error)")
            return .failed
        }
    }
}

extension AgentConfiguration.LogSection {
    var serviceLevel: LogLevel {
        switch level {
        case .error: .error
        case .warning: .warning
        case .notice: .notice
        case .info: .info
        case .debug: .debug
        }
    }
}
