public import Configuration
internal import Database
internal import Glibc
internal import HTTP
internal import HTTPTransport
internal import Primitives
internal import Reactor
internal import Service
internal import SessionRules
internal import Signaling

/// What `kiosk-signaling` does on its command line.
public enum SignalingCommands {
    public static let version = ProductVersion.text

    private static let configFlag = Flag("--config", "FILE", help: "configuration file (YAML)")
    private static let databaseFlag = Flag(
        "--database", "FILE", help: "the records (default \(ServerConfiguration.defaultDatabase))")
    private static let passwordFlag = Flag(
        "--password-file", "FILE|-", help: "the password's file, or - for standard input; asked for without it")
    private static let passwordDiscussion =
        "A password is never an argument: other users of the machine could read it there.\n"
        + "It needs at least \(AccountRule.minimumPasswordLength) characters."

    public static let parser = CommandLineParser(
        program: "kiosk-signaling",
        summary: "logs kiosks and monitors in and carries their signaling; media never passes here",
        commands: [
            Command(
                "serve", summary: "run the server",
                flags: [
                    configFlag,
                    Flag(
                        "--listen", "ADDRESS", help: "address and port (default \(ServerConfiguration.defaultListen))"),
                    databaseFlag,
                ],
                discussion: "Flags win over the file. SIGTERM ends it within five seconds and loses nothing;\n"
                    + "SIGHUP reads the TLS certificate and key again."),
            Command(
                "account add", summary: "add an account", arguments: [Argument("ID", help: "its name")],
                flags: [
                    Flag("--role", choices: Role.allCases.map(\.rawValue), required: true, help: "what it may do"),
                    Flag(
                        "--organization", "ORG", required: true,
                        help: "whose it is; organizations see nothing of each other"),
                    Flag("--display-name", "NAME", help: "what people read (default: the ID)"), passwordFlag,
                    configFlag,
                    databaseFlag,
                ], discussion: passwordDiscussion),
            Command(
                "account list", summary: "list the accounts",
                flags: [Flag("--format", choices: ["text", "json"], help: "default text"), configFlag, databaseFlag]),
            Command(
                "account set-password", summary: "give an account another password; all its tokens become void",
                arguments: [Argument("ID", help: "its name")], flags: [passwordFlag, configFlag, databaseFlag],
                discussion: passwordDiscussion),
            Command(
                "account disable", summary: "lock an account out; its connections end within a second",
                arguments: [Argument("ID", help: "its name")], flags: [configFlag, databaseFlag]),
            Command(
                "account enable", summary: "let a disabled account in again",
                arguments: [Argument("ID", help: "its name")], flags: [configFlag, databaseFlag]),
            Command(
                "account remove", summary: "remove an account; its sessions and crew events stay in the records",
                arguments: [Argument("ID", help: "its name")], flags: [configFlag, databaseFlag]),
            Command(
                "keys rotate", summary: "sign tokens with a new key; tokens of the old one stay good until they expire",
                flags: [configFlag, databaseFlag]),
            Command(
                "audit verify", summary: "prove that no line of the audit before its last was changed or removed",
                flags: [configFlag, databaseFlag],
                discussion: "Whoever can write the file can cut off its end or write the whole chain anew:\n"
                    + "keep the number of lines and a copy elsewhere."),
            Command(
                "database backup", summary: "copy the records into a new file, also while the server runs",
                arguments: [Argument("FILE", help: "where to")], flags: [configFlag, databaseFlag]),
            Command("version", summary: "print the version"),
        ])

    /// Runs a command line without the program's name.
    /// - Returns: the status to exit with.
    public static func run(_ arguments: [String]) -> Int32 { status(of: arguments).rawValue }

    private static func status(of arguments: [String]) -> ExitStatus {
        let invocation: Invocation
        switch parser.parse(arguments) {
        case .help(let text):
            Terminal.print(text, terminator: "")
            return .success
        case .misuse(let text):
            Terminal.complain(text)
            return .usage
        case .run(let parsed): invocation = parsed
        }
        do throws(CommandFailure) {
            try run(invocation)
            return .success
        } catch {
            Terminal.complain("kiosk-signaling: \(error.message)")
            return error.status
        }
    }

    private static func run(_ invocation: Invocation) throws(CommandFailure) {
        switch invocation.command {
        case "serve": try serve(invocation)
        case "account add": try AccountCommands.add(invocation)
        case "account list": try AccountCommands.list(invocation)
        case "account set-password": try AccountCommands.setPassword(invocation)
        case "account disable": try AccountCommands.setDisabled(invocation, true)
        case "account enable": try AccountCommands.setDisabled(invocation, false)
        case "account remove": try AccountCommands.remove(invocation)
        case "keys rotate": try RecordCommands.rotateKeys(invocation)
        case "audit verify": try RecordCommands.verifyAudit(invocation)
        case "database backup": try RecordCommands.backUp(invocation)
        case "version": Terminal.print("kiosk-signaling \(version)")
        default: preconditionFailure("commands: the parser knows a command that nobody runs")
        }
    }

    // MARK: serve

    private static func serve(_ invocation: Invocation) throws(CommandFailure) {
        var configuration = try configuration(invocation)
        if let listen = invocation["--listen"] {
            guard let address = SocketAddress(listen) else {
                throw CommandFailure(.usage, "--listen must be an address and a port like 127.0.0.1:8080 (\(listen))")
            }
            configuration.listen = [address]
        }
        LogSink.start(identifier: "kiosk-signaling")
        Log.level = configuration.log.logLevel
        LogSink.format = configuration.log.sinkFormat
        OpenFiles.raiseLimit()
        let notifier = ServiceNotifier()
        do {
            // Before any thread exists, so that all of them leave the signals alone.
            let signals = try SignalSource()
            let server = try Server(configuration, listeningSockets: notifier.listenDescriptors())
            let watcher = try SignalWatcher(signals, server.control)
            let scheme = configuration.tls == nil ? "http" : "https"
            let places = server.addresses.map { "\(scheme)://\($0)" }.joined(separator: " ")
            Log("server").notice(
                "kiosk-signaling \(version) listening on \(places)",
                [LogField("VERSION", version), LogField("RECORDS", configuration.database)])
            notifier.ready(status: "listening on \(places)")
            if let timeout = notifier.watchdogTimeout {
                server.setHeartbeat(every: timeout / 3) { notifier.watchdog() }
            }
            server.run()
            notifier.stopping(status: "stopped")
            watcher.stop()
        } catch {
            throw CommandFailure(.failed, "\(error)")
        }
    }

    /// The file where one is given, with the flags that win over it.
    static func configuration(_ invocation: Invocation) throws(CommandFailure) -> ServerConfiguration {
        var configuration = ServerConfiguration()
        if let file = invocation["--config"] {
            do throws(ConfigurationError) {
                configuration = try ServerConfiguration.load(file)
            } catch {
                throw CommandFailure(.usage, error.description)
            }
        }
        if let database = invocation["--database"] { configuration.database = database }
        return configuration
    }

    enum Opening {
        /// Records that are not there are a mistake in the path.
        case existing
        case mayCreate
        /// Nothing is made, and nothing brought up to date.
        case readOnly
    }

    static func open(_ invocation: Invocation, _ opening: Opening = .existing) throws(CommandFailure) -> Store {
        let path = try configuration(invocation).database
        guard opening == .mayCreate || access(path, F_OK) == 0 || errno != ENOENT else {
            throw CommandFailure(
                .failed,
                "\(path) does not exist; name the records with --database or --config, or begin with account add")
        }
        do throws(DatabaseError) {
            return try Store(
                .file(path), Database.Options(isReadOnly: opening == .readOnly, mayCreate: opening == .mayCreate),
                now: SystemWallClock.now())
        } catch {
            throw CommandFailure(.failed, error.description)
        }
    }
}

/// Why a command ends, in words for whoever typed it.
struct CommandFailure: Error {
    let status: ExitStatus
    let message: String

    init(_ status: ExitStatus, _ message: String) {
        self.status = status
        self.message = message
    }
}
