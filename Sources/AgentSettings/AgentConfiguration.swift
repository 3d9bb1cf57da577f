internal import Capture
public import Configuration
public import Primitives
internal import Reactor
public import Service

/// Everything `kiosk-agent run --config FILE` is told, with its defaults. Sections and keys are those of the file.
public struct AgentConfiguration: Sendable, Decodable {
    /// The address of `kiosk-signaling`; the file must name it.
    public var server: ServerAddress
    /// Whether `server` may be `http://` elsewhere than on this machine.
    public var allowInsecure: Bool
    /// The kiosk's account on the server; the file must name it.
    public var kiosk: Kiosk
    /// Which camera, and what is asked of it.
    public var camera: Camera
    /// Which microphone, if any.
    public var microphone: Microphone
    /// Limits of the video encoder.
    public var video: Video
    /// What the audio encoder may leave out.
    public var audio: Audio
    /// An absolute path of at most 107 bytes: the Unix socket of local programs (docs/control-socket.md).
    public var controlSocket: String
    /// Where the outbox lives; nil lets `outboxPath` decide.
    public var stateDirectory: String?
    /// The certificates that the server and TURN over TLS are judged by.
    public var tls: TLS
    /// The interfaces that carry media.
    public var network: Network
    /// The lamp and the file that say that the camera is live.
    public var indicator: IndicatorSection
    /// Whether media may only leave while the indicator is lit.
    public var requireIndicator: Bool
    /// How long a live session outlasts the server.
    public var session: SessionSection
    /// Nil without a reader.
    public var badgeReader: BadgeReader?
    /// How much is logged.
    public var log: LogSection

    /// Where the socket is unless the file says otherwise; the directory is the one that the packaged service has systemd
    /// make.
    public static let defaultControlSocket = "/run/kiosk-agent/control.sock"
    /// The file that commands read when `--config` names none.
    public static let defaultFile = "/etc/kiosk-agent/kiosk-agent.yaml"

    enum CodingKeys: CodingKey, CaseIterable {
        case server, allowInsecure, kiosk, camera, microphone, video, audio, controlSocket, stateDirectory, tls,
            network, indicator,
            requireIndicator, session, badgeReader, log
    }

    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        server = try values.decode(ServerAddress.self, forKey: .server)
        allowInsecure = try values.value(.allowInsecure, default: false)
        kiosk = try values.decode(Kiosk.self, forKey: .kiosk)
        camera = try values.value(.camera, default: Camera())
        microphone = try values.value(.microphone, default: Microphone())
        video = try values.value(.video, default: Video())
        audio = try values.value(.audio, default: Audio())
        controlSocket = try values.value(
            .controlSocket, default: AgentConfiguration.defaultControlSocket, rule: AgentConfiguration.socketRule)
        stateDirectory = try values.decodeIfPresent(String.self, forKey: .stateDirectory)
        tls = try values.value(.tls, default: TLS())
        network = try values.value(.network, default: Network())
        indicator = try values.value(.indicator, default: IndicatorSection())
        let hasIndicator = !indicator.isEmpty
        requireIndicator = try values.value(.requireIndicator, default: false) { isRequired in
            isRequired && !hasIndicator ? "needs indicator.led, indicator.gpioLine or indicator.file" : nil
        }
        session = try values.value(.session, default: SessionSection())
        badgeReader = try values.decodeIfPresent(BadgeReader.self, forKey: .badgeReader)
        log = try values.value(.log, default: LogSection())
    }

    /// Reads and checks a file, the files it names included.
    public static func load(_ path: String) throws(ConfigurationError) -> AgentConfiguration {
        try load(try ConfigurationDocument(contentsOf: path))
    }

    /// Checks a document that was read, the files it names included.
    public static func load(_ document: ConfigurationDocument) throws(ConfigurationError) -> AgentConfiguration {
        let configuration = try decoded(from: document)
        try configuration.checkFiles(in: document)
        return configuration
    }

    /// What the file says, whether or not the files that it names can be used by this process.
    public static func decoded(from document: ConfigurationDocument) throws(ConfigurationError) -> AgentConfiguration {
        try document.decode(AgentConfiguration.self)
    }

    /// sockaddr_un holds 107 bytes of path.
    private static func socketRule(_ path: String) -> String? {
        if !path.hasPrefix("/") { return "must be an absolute path" }
        return path.utf8.count > 107 ? "must be at most 107 bytes long" : nil
    }
}

extension AgentConfiguration {
    /// The section `kiosk`: the account that the agent logs in with. A change of `id` needs a restart, one of `passwordFile`
    /// takes effect with the next log-in.
    public struct Kiosk: Sendable, Decodable {
        /// 1 to 64 printable ASCII characters without spaces, quotes and backslashes.
        public var id: String
        /// Where the service manager loads no credential `password`.
        public var passwordFile: String

        enum CodingKeys: CodingKey, CaseIterable { case id, passwordFile }

        public init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            id = try values.value(.id) { id in
                let isLegal = id.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x22 && $0 != 0x5C }
                return (1...64).contains(id.utf8.count) && isLegal
                    ? nil : "must be 1 to 64 printable characters without spaces"
            }
            // What the package's service loads as its credential, so that other commands find it too.
            passwordFile = try values.value(.passwordFile, default: "/etc/kiosk-agent/password")
        }
    }

    /// The section `camera`. A change takes effect when the camera is opened the next time.
    public struct Camera: Sendable, Hashable, Decodable {
        /// As `CameraSource` reads it.
        public var device: String
        /// Pixels, 16 … 4096; the driver may give another size.
        public var width: Int
        /// Pixels, 16 … 4096; the driver may give another size.
        public var height: Int
        /// Frames per second, 1 … 60; the driver may give fewer, and what it gives beyond is left out.
        public var frameRate: Int

        enum CodingKeys: CodingKey, CaseIterable { case device, width, height, frameRate }

        /// The defaults: the first camera that captures, 640 x 480 at 30 frames per second.
        public init() { (device, width, height, frameRate) = ("auto", 640, 480, 30) }

        public init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            let fallback = Camera()
            device = try values.value(.device, default: fallback.device) { device in
                CameraSource(device) == nil
                    ? "must be auto, a path under /dev, test-pattern, a test:FAULT or file:clip.y4m" : nil
            }
            width = try values.value(.width, in: 16...4096, default: fallback.width)
            height = try values.value(.height, in: 16...4096, default: fallback.height)
            frameRate = try values.value(.frameRate, in: 1...60, default: fallback.frameRate)
        }
    }

    /// The section `microphone`. A change takes effect when the microphone is opened the next time; one from or to `none` needs
    /// a restart.
    public struct Microphone: Sendable, Hashable, Decodable {
        /// As `MicrophoneSource` reads it.
        public var device: String

        enum CodingKeys: CodingKey, CaseIterable { case device }

        /// The default: ALSA's device `default`.
        public init() { device = "default" }

        /// Whether the kiosk has one: the server and the supervisor count on it from the start.
        var isThere: Bool { MicrophoneSource(device) != MicrophoneSource.none }

        public init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            device = try values.value(.device, default: Microphone().device) { device in
                MicrophoneSource(device) == nil
                    ? "must be an ALSA name, test-tone, a test:FAULT, file:clip.wav or none" : nil
            }
        }
    }

    /// The section `video`. A change of `maxBitrate` takes effect with the next session, one of `preference` at once.
    public struct Video: Sendable, Hashable, Decodable {
        /// Bits per second the video encoder is given at most.
        public var maxBitrate: Bitrate
        /// What is given up first on a path or processor that does not carry everything.
        public var preference: QualityPreference

        enum CodingKeys: CodingKey, CaseIterable { case maxBitrate, preference }

        /// The defaults: 1.5 Mbit/s, `balanced`.
        public init() { (maxBitrate, preference) = (Bitrate(bitsPerSecond: 1_500_000), .balanced) }

        public init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            maxBitrate = Bitrate(
                bitsPerSecond: try values.value(
                    .maxBitrate, in: 50_000...20_000_000, default: Video().maxBitrate.bitsPerSecond))
            preference = try values.value(.preference, default: .balanced)
        }
    }

    /// The section `audio`. A change takes effect at once, also in a live session.
    public struct Audio: Sendable, Hashable, Decodable {
        /// Whether silence is left out for monitors that ask for it.
        public var dtx: Bool

        enum CodingKeys: CodingKey, CaseIterable { case dtx }

        /// The default: silence is sent.
        public init() { dtx = false }

        public init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            dtx = try values.value(.dtx, default: false)
        }
    }

    /// The section `tls`. A change needs a restart.
    public struct TLS: Sendable, Hashable, Decodable {
        /// PEM file of the authorities to trust; nil takes the system's.
        public var caFile: String?

        enum CodingKeys: CodingKey, CaseIterable { case caFile }

        /// The default: the system's authorities.
        public init() { caFile = nil }
    }

    /// The section `indicator`: what is switched on while media leaves the kiosk. LED, GPIO line and file may be configured
    /// together. A change needs a restart.
    public struct IndicatorSection: Sendable, Hashable, Decodable {
        /// A name under /sys/class/leds, or the path of one.
        public var led: String?
        /// Offset or name of a GPIO line, and its chip.
        public var gpioLine: String?
        /// A path under /dev; meaningful only beside `gpioLine`.
        public var gpioChip: String
        /// Whether the indicator is on while the line is low.
        public var gpioActiveLow: Bool
        /// A file that says `live` or `idle`.
        public var file: String?

        enum CodingKeys: CodingKey, CaseIterable { case led, gpioLine, gpioChip, gpioActiveLow, file }

        /// The defaults: no indicator; a line, where one is named, is of /dev/gpiochip0 and active high.
        public init() { (led, gpioLine, gpioChip, gpioActiveLow, file) = (nil, nil, "/dev/gpiochip0", false, nil) }

        public init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            led = try values.value(.led, default: nil) { name in
                name.map { $0.isEmpty || $0.contains("..") ? "must be a name under /sys/class/leds" : nil } ?? nil
            }
            gpioLine = try values.value(.gpioLine, default: nil) { line in
                line.map { $0.isEmpty || $0.utf8.count > 31 ? "must be a line's number or name" : nil } ?? nil
            }
            gpioChip = try values.value(.gpioChip, default: "/dev/gpiochip0") { path in
                path.hasPrefix("/dev/") ? nil : "must be a path under /dev"
            }
            gpioActiveLow = try values.value(.gpioActiveLow, default: false)
            file = try values.value(.file, default: nil) { path in
                path.map { $0.hasPrefix("/") ? nil : "must be an absolute path" } ?? nil
            }
        }

        /// Whether neither lamp nor line nor file is configured.
        public var isEmpty: Bool { led == nil && gpioLine == nil && file == nil }
    }

    /// The section `session`. A change takes effect at once.
    public struct SessionSection: Sendable, Hashable, Decodable {
        /// How long a live session goes on while the server is away.
        public var withoutServer: Duration

        enum CodingKeys: CodingKey, CaseIterable { case withoutServer }

        /// The default: ten minutes.
        public init() { withoutServer = .seconds(600) }

        public init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            // A server that is restarted takes no session with it.
            withoutServer = try values.value(
                .withoutServer, in: .seconds(60)...Duration.seconds(86_400), default: SessionSection().withoutServer)
        }
    }

    /// The section `log`. A change takes effect at once.
    public struct LogSection: Sendable, Hashable, Decodable {
        /// What is logged: messages of this level and of the levels that are listed before it.
        public enum Level: String, Sendable, CaseIterable, Decodable { case error, warning, notice, info, debug }
        /// `info` unless the file says otherwise.
        public var level: Level

        enum CodingKeys: CodingKey, CaseIterable { case level }

        /// The default: `info`.
        public init() { level = .info }

        public init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            level = try values.value(.level, default: .info)
        }
    }
}

extension AgentConfiguration {
    /// Takes over what can change while the agent runs; the rest stays as it is in effect.
    public mutating func adopt(_ new: AgentConfiguration) {
        kiosk.passwordFile = new.kiosk.passwordFile
        camera = new.camera
        if microphone.isThere == new.microphone.isThere { microphone = new.microphone }
        video = new.video
        audio = new.audio
        session = new.session
        log = new.log
    }

    /// The password: what the service manager loaded wins over the file.
    public func readPassword() throws(Credentials.ReadError) -> Redacted<String> {
        Redacted(try Credentials.readSecret(at: Credentials.path("password") ?? kiosk.passwordFile))
    }

    /// The directory that keeps what must survive a restart: the configured one, else what the service manager made,
    /// else the control socket's own unless that is volatile.
    public var stateDirectoryPath: String {
        if let stateDirectory { return stateDirectory }
        if let directory = ProcessEnvironment.value("STATE_DIRECTORY") { return directory }
        let parent = controlSocket.lastIndex(of: "/").map { String(controlSocket[..<$0]) } ?? ""
        let isVolatile = parent.isEmpty || parent == "/run" || parent.hasPrefix("/run/") || parent.hasPrefix("/var/run")
        return isVolatile ? "/var/lib/kiosk-agent" : parent
    }

    /// The file of crew events that the server has not acknowledged.
    public var outboxPath: String { "\(stateDirectoryPath)/outbox.db" }

    /// Whether the files that the configuration names can be used by this process.
    public func checkFiles(in document: ConfigurationDocument) throws(ConfigurationError) {
        if server.isInsecure, !allowInsecure, !AcceptedServer(in: stateDirectoryPath).includes(server) {
            throw document.violation(
                at: ["server"], "must be https:// beyond this machine; allowInsecure: true beside it takes it as it is",
                value: "\(server)")
        }
        if Credentials.path("password") == nil {
            do {
                _ = try Credentials.readSecret(at: kiosk.passwordFile)
            } catch {
                throw document.violation(at: ["kiosk", "passwordFile"], "\(error)", value: kiosk.passwordFile)
            }
        }
        if let file = tls.caFile, !FileSystem.allows(.reading, to: file) {
            throw document.violation(at: ["tls", "caFile"], "cannot be read", value: file)
        }
        for (section, device) in [("camera", camera.device), ("microphone", microphone.device)]
        where device.hasPrefix("file:") {
            let file = String(device.dropFirst(5))
            guard FileSystem.allows(.reading, to: file) else {
                throw document.violation(at: [section, "device"], "cannot be read", value: file)
            }
        }
    }
}
