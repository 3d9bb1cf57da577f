public import Configuration
import Glibc
public import Primitives
public import Service

/// Everything `kiosk-agent run --config FILE` is told, with its defaults. Sections and keys are those of the file.
public struct AgentConfiguration: Sendable, Decodable {
    public var server: ServerAddress
    public var kiosk: Kiosk
    public var camera: Camera
    public var microphone: Microphone
    public var video: Video
    public var controlSocket: String
    /// Where the outbox lives; nil lets `outboxPath` decide.
    public var stateDirectory: String?
    public var tls: TLS
    public var indicator: IndicatorSection
    /// Whether media may only leave while the indicator is lit.
    public var requireIndicator: Bool
    /// Nil without a reader.
    public var badgeReader: BadgeReader?
    public var log: LogSection

    public static let defaultControlSocket = "/run/kiosk-agent/control.sock"
    public static let defaultFile = "/etc/kiosk-agent/kiosk-agent.yaml"

    enum CodingKeys: CodingKey, CaseIterable {
        case server, kiosk, camera, microphone, video, controlSocket, stateDirectory, tls, indicator, requireIndicator,
            badgeReader,
            log
    }

    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        server = try values.decode(ServerAddress.self, forKey: .server)
        kiosk = try values.decode(Kiosk.self, forKey: .kiosk)
        camera = try values.value(.camera, default: Camera())
        microphone = try values.value(.microphone, default: Microphone())
        video = try values.value(.video, default: Video())
        controlSocket = try values.value(
            .controlSocket, default: AgentConfiguration.defaultControlSocket, rule: AgentConfiguration.socketRule)
        stateDirectory = try values.decodeIfPresent(String.self, forKey: .stateDirectory)
        tls = try values.value(.tls, default: TLS())
        indicator = try values.value(.indicator, default: IndicatorSection())
        let hasIndicator = indicator != IndicatorSection()
        requireIndicator = try values.value(.requireIndicator, default: false) { isRequired in
            isRequired && !hasIndicator ? "needs indicator.led or indicator.file" : nil
        }
        badgeReader = try values.decodeIfPresent(BadgeReader.self, forKey: .badgeReader)
        log = try values.value(.log, default: LogSection())
    }

    /// Reads and checks a file, the files it names included.
    public static func load(_ path: String) throws(ConfigurationError) -> AgentConfiguration {
        try load(try ConfigurationDocument(contentsOf: path))
    }

    static func load(_ document: ConfigurationDocument) throws(ConfigurationError) -> AgentConfiguration {
        let configuration = try document.decode(AgentConfiguration.self)
        try configuration.checkFiles(in: document)
        return configuration
    }

    /// sockaddr_un holds 107 bytes of path.
    private static func socketRule(_ path: String) -> String? {
        if !path.hasPrefix("/") { return "must be an absolute path" }
        return path.utf8.count > 107 ? "must be at most 107 bytes long" : nil
    }
}

extension AgentConfiguration {
    public struct Kiosk: Sendable, Decodable {
        public var id: String
        /// Not needed where the service manager loads the credential `password`.
        public var passwordFile: String?

        enum CodingKeys: CodingKey, CaseIterable { case id, passwordFile }

        public init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            id = try values.value(.id) { id in
                let isLegal = id.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x22 && $0 != 0x5C }
                return (1...64).contains(id.utf8.count) && isLegal
                    ? nil : "must be 1 to 64 printable characters without spaces"
            }
            passwordFile = try values.decodeIfPresent(String.self, forKey: .passwordFile)
        }
    }

    public struct Camera: Sendable, Hashable, Decodable {
        /// `auto`, `/dev/…`, `test-pattern` or `file:clip.y4m`.
        public var device: String
        public var width: Int
        public var height: Int
        public var frameRate: Int

        enum CodingKeys: CodingKey, CaseIterable { case device, width, height, frameRate }

        public init() { (device, width, height, frameRate) = ("auto", 640, 480, 30) }

        public init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            let fallback = Camera()
            device = try values.value(.device, default: fallback.device) { device in
                let isLegal =
                    ["auto", "test-pattern"].contains(device) || device.hasPrefix("/dev/")
                    || device.hasPrefix("file:") && device.count > 5
                return isLegal ? nil : "must be auto, a path under /dev, test-pattern or file:clip.y4m"
            }
            width = try values.value(.width, in: 16...4096, default: fallback.width)
            height = try values.value(.height, in: 16...4096, default: fallback.height)
            frameRate = try values.value(.frameRate, in: 1...60, default: fallback.frameRate)
        }
    }

    public struct Microphone: Sendable, Hashable, Decodable {
        /// An ALSA name, `test-tone`, `file:clip.wav` or `none`.
        public var device: String

        enum CodingKeys: CodingKey, CaseIterable { case device }

        public init() { device = "default" }

        public init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            device = try values.value(.device, default: Microphone().device) { device in
                device.isEmpty || device == "file:"
                    ? "must be an ALSA name, test-tone, file:clip.wav or none" : nil
            }
        }
    }

    public struct Video: Sendable, Hashable, Decodable {
        /// Bits per second the video encoder is given at most.
        public var maxBitrate: Bitrate

        enum CodingKeys: CodingKey, CaseIterable { case maxBitrate }

        public init() { maxBitrate = Bitrate(bitsPerSecond: 1_500_000) }

        public init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            maxBitrate = Bitrate(
                bitsPerSecond: try values.value(
                    .maxBitrate, in: 50_000...20_000_000, default: Video().maxBitrate.bitsPerSecond))
        }
    }

    public struct TLS: Sendable, Hashable, Decodable {
        /// PEM file of the authorities to trust; nil takes the system's.
        public var caFile: String?

        enum CodingKeys: CodingKey, CaseIterable { case caFile }

        public init() { caFile = nil }
    }

    public struct IndicatorSection: Sendable, Hashable, Decodable {
        /// A name under /sys/class/leds, or the path of one.
        public var led: String?
        /// A file that says `live` or `idle`.
        public var file: String?

        enum CodingKeys: CodingKey, CaseIterable { case led, file }

        public init() { (led, file) = (nil, nil) }

        public init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            led = try values.value(.led, default: nil) { name in
                name.map { $0.isEmpty || $0.contains("..") ? "must be a name under /sys/class/leds" : nil } ?? nil
            }
            file = try values.value(.file, default: nil) { path in
                path.map { $0.hasPrefix("/") ? nil : "must be an absolute path" } ?? nil
            }
        }
    }

    public struct LogSection: Sendable, Hashable, Decodable {
        public enum Level: String, Sendable, CaseIterable, Decodable { case error, warning, notice, info, debug }
        public var level: Level

        enum CodingKeys: CodingKey, CaseIterable { case level }

        public init() { level = .info }

        public init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            level = try values.value(.level, default: .info)
        }
    }
}

extension AgentConfiguration {
    /// The password: what the service manager loaded wins over the file.
    public func readPassword() throws(Credentials.ReadError) -> Redacted<String> {
        guard let path = Credentials.path("password") ?? kiosk.passwordFile else { throw .unreadable("not configured") }
        return Redacted(try Credentials.readSecret(at: path))
    }

    /// The directory that keeps what must survive a restart: the configured one, else what the service manager made,
    /// else the control socket's own unless that is volatile.
    public var stateDirectoryPath: String {
        if let stateDirectory { return stateDirectory }
        if let directory = getenv("STATE_DIRECTORY") { return String(cString: directory) }
        let parent = controlSocket.lastIndex(of: "/").map { String(controlSocket[..<$0]) } ?? ""
        let isVolatile = parent.isEmpty || parent == "/run" || parent.hasPrefix("/run/") || parent.hasPrefix("/var/run")
        return isVolatile ? "/var/lib/kiosk-agent" : parent
    }

    public var outboxPath: String { "\(stateDirectoryPath)/outbox.db" }

    private func checkFiles(in document: ConfigurationDocument) throws(ConfigurationError) {
        if Credentials.path("password") == nil {
            guard let file = kiosk.passwordFile else {
                throw document.violation(
                    at: ["kiosk", "passwordFile"], "missing, and no credential named password was loaded")
            }
            do {
                _ = try Credentials.readSecret(at: file)
            } catch {
                throw document.violation(at: ["kiosk", "passwordFile"], "\(error)", value: file)
            }
        }
        if let file = tls.caFile, access(file, R_OK) != 0 {
            throw document.violation(at: ["tls", "caFile"], "cannot be read", value: file)
        }
        for (section, device) in [("camera", camera.device), ("microphone", microphone.device)]
        where device.hasPrefix("file:") {
            let file = String(device.dropFirst(5))
            guard access(file, R_OK) == 0 else {
                throw document.violation(at: [section, "device"], "cannot be read", value: file)
            }
        }
    }
}
