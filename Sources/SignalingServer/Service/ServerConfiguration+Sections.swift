public import Configuration
public import Primitives
internal import Records
public import Service

extension ServerConfiguration {
    /// `ice`: the servers that clients find each other with.
    public struct ICE: Sendable, Decodable {
        /// `stun:host:port`.
        public var stun: [String]
        /// `turn:host:port?transport=udp`, `turns:…`.
        public var turn: [String]
        /// Shared with the TURN servers; read from `sharedSecretFile` where that is given.
        public var sharedSecret: Redacted<String>?
        /// Where the secret stands instead.
        public var sharedSecretFile: String?
        /// How long TURN credentials are good.
        public var credentialLifetime: Duration

        enum CodingKeys: CodingKey, CaseIterable { case stun, turn, sharedSecret, sharedSecretFile, credentialLifetime }

        /// No servers; credentials for an hour.
        public init() {
            (stun, turn, sharedSecret, sharedSecretFile, credentialLifetime) = ([], [], nil, nil, .seconds(3600))
        }

        public init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            stun = try values.value(.stun, default: []) { Self.rule($0, ["stun:", "stuns:"]) }
            turn = try values.value(.turn, default: []) { Self.rule($0, ["turn:", "turns:"]) }
            sharedSecret = try values.decodeIfPresent(Redacted<String>.self, forKey: .sharedSecret)
            sharedSecretFile = try values.decodeIfPresent(String.self, forKey: .sharedSecretFile)
            credentialLifetime = try values.value(
                .credentialLifetime, in: .seconds(60)...Duration.seconds(7 * 86400), default: .seconds(3600))
        }

        private static func rule(_ urls: [String], _ schemes: [String]) -> String? {
            urls.allSatisfy { url in schemes.contains { url.hasPrefix($0) && url.utf8.count > $0.utf8.count } }
                ? nil : "must be URLs that begin with \(schemes.joined(separator: " or "))"
        }

        var settings: ICESettings {
            ICESettings(stun: stun, turn: turn, sharedSecret: sharedSecret, credentialLifetime: credentialLifetime)
        }
    }

    /// `cors`: pages of other origins.
    public struct CORS: Sendable, Decodable {
        /// `https://host[:port]`, or `*` for every origin. The console's own needs no entry.
        public var origins: [String]

        enum CodingKeys: CodingKey, CaseIterable { case origins }
        /// None.
        public init() { origins = [] }
        public init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            origins = try values.value(.origins, default: []) { origins in
                origins.allSatisfy { $0 == "*" || $0.hasPrefix("https://") || $0.hasPrefix("http://") }
                    ? nil : "must be origins like https://console.example.org, or *"
            }
        }
    }

    /// `sessions`: how long they live.
    public struct Sessions: Sendable, Decodable {
        /// How long a lost socket may take to come back.
        public var gracePeriod: Duration
        /// From a session's start to offer and answer.
        public var negotiationTimeout: Duration
        /// Nil for no limit.
        public var maximumDuration: Duration?

        enum CodingKeys: CodingKey, CaseIterable { case gracePeriod, negotiationTimeout, maximumDuration }
        /// The contract's.
        public init() { (gracePeriod, negotiationTimeout, maximumDuration) = (.seconds(10), .seconds(60), nil) }
        public init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            gracePeriod = try values.value(.gracePeriod, in: .zero...Duration.seconds(600), default: .seconds(10))
            negotiationTimeout = try values.value(
                .negotiationTimeout, in: .seconds(5)...Duration.seconds(600), default: .seconds(60))
            maximumDuration = try values.decodeIfPresent(Duration.self, forKey: .maximumDuration)
        }
    }

    /// `limits`: what clients may take of the server.
    public struct Limits: Sendable, Decodable {
        /// By one socket, on average.
        public var messagesPerSecond: Int
        /// Connections at once.
        public var connections: Int
        /// Connections of one address at once.
        public var connectionsPerAddress: Int
        /// Engine.IO handshakes a second of one address.
        public var handshakesPerAddress: Int
        /// HTTP requests a second of one address; ten times as many at once.
        public var requestsPerAddress: Int
        /// What may wait for one client.
        public var pendingBytes: ConfiguredSize
        /// One message or body.
        public var payload: ConfiguredSize
        /// On the disk of the records; with less, `/readyz` says no.
        public var freeSpace: ConfiguredSize
        /// Held for all clients together, for one account, and for the strangers of one address.
        public var memory: ConfiguredSize
        /// Held for one account at once.
        public var memoryPerAccount: ConfiguredSize
        /// Held for strangers of one address at once.
        public var memoryPerAddress: ConfiguredSize

        enum CodingKeys: CodingKey, CaseIterable {
            case messagesPerSecond, connections, connectionsPerAddress, handshakesPerAddress, requestsPerAddress,
                pendingBytes, payload, freeSpace, memory, memoryPerAccount, memoryPerAddress
        }
        /// For a few thousand kiosks on one machine.
        public init() {
            messagesPerSecond = 50
            connections = 20_000
            connectionsPerAddress = 2_000
            handshakesPerAddress = 100
            requestsPerAddress = 200
            pendingBytes = ConfiguredSize(bytes: 4 << 20)
            payload = ConfiguredSize(bytes: 1_000_000)
            freeSpace = ConfiguredSize(bytes: 100 << 20)
            memory = ConfiguredSize(bytes: 96 << 20)
            memoryPerAccount = ConfiguredSize(bytes: 16 << 20)
            memoryPerAddress = ConfiguredSize(bytes: 8 << 20)
        }
        public init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            self.init()
            messagesPerSecond = try values.value(.messagesPerSecond, in: 1...100_000, default: messagesPerSecond)
            connections = try values.value(.connections, in: 1...1_000_000, default: connections)
            connectionsPerAddress = try values.value(
                .connectionsPerAddress, in: 1...1_000_000, default: connectionsPerAddress)
            handshakesPerAddress = try values.value(
                .handshakesPerAddress, in: 1...100_000, default: handshakesPerAddress)
            requestsPerAddress = try values.value(.requestsPerAddress, in: 1...100_000, default: requestsPerAddress)
            pendingBytes = try values.value(.pendingBytes, default: pendingBytes) {
                $0.bytes < 100_000 ? "must be at least 100000 bytes" : nil
            }
            freeSpace = try values.value(.freeSpace, default: freeSpace)
            payload = try values.value(.payload, default: payload) {
                (100_000...100_000_000).contains($0.bytes) ? nil : "must be between 100000 and 100000000 bytes"
            }
            func atLeastOneMebibyte(_ size: ConfiguredSize) -> String? {
                size.bytes < 1 << 20 ? "must be at least 1MiB" : nil
            }
            memory = try values.value(.memory, default: memory, rule: atLeastOneMebibyte)
            memoryPerAccount = try values.value(.memoryPerAccount, default: memoryPerAccount, rule: atLeastOneMebibyte)
            memoryPerAddress = try values.value(.memoryPerAddress, default: memoryPerAddress, rule: atLeastOneMebibyte)
        }
    }

    /// Engine.IO's timing, as the handshake announces it.
    public struct Engine: Sendable, Decodable {
        /// Between two pings of Engine.IO.
        public var pingInterval: Duration
        /// How long a client may take to answer one.
        public var pingTimeout: Duration
        /// How long a lost client may come back for what it missed; nil where it begins anew.
        public var recoveryWindow: Duration?

        enum CodingKeys: CodingKey, CaseIterable { case pingInterval, pingTimeout, recoveryWindow }
        /// Those of the Socket.IO project.
        public init() {
            (pingInterval, pingTimeout, recoveryWindow) = (.milliseconds(25_000), .milliseconds(20_000), nil)
        }
        public init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            self.init()
            let range = Duration.milliseconds(100)...Duration.seconds(600)
            pingInterval = try values.value(.pingInterval, in: range, default: pingInterval)
            pingTimeout = try values.value(.pingTimeout, in: range, default: pingTimeout)
            guard values.contains(.recoveryWindow) else { return }
            let window: Duration = try values.value(.recoveryWindow) { window in
                (.seconds(1)...Duration.seconds(600)).contains(window) ? nil : "must be between 1s and 10m"
            }
            recoveryWindow = window
        }
    }

    /// `tls`: the server's certificate.
    public struct TLS: Sendable, Hashable, Decodable {
        /// PEM, the chain behind the certificate.
        public var certificateFile: String
        /// PEM.
        public var privateKeyFile: String

        enum CodingKeys: CodingKey, CaseIterable { case certificateFile, privateKeyFile }
        public init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            certificateFile = try values.decode(String.self, forKey: .certificateFile)
            privateKeyFile = try values.decode(String.self, forKey: .privateKeyFile)
        }
    }

    /// `proxy`: whose `X-Forwarded-For` is believed.
    public struct Proxy: Sendable, Decodable {
        /// Addresses whose `X-Forwarded-For` is believed.
        public var trusted: [IPAddress]

        enum CodingKeys: CodingKey, CaseIterable { case trusted }
        /// Nobody.
        public init() { trusted = [] }
        public init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            let texts: [String] = try values.value(.trusted, default: []) { texts in
                texts.allSatisfy { IPAddress(written: $0) != nil } ? nil : "must be IP addresses"
            }
            trusted = texts.compactMap { IPAddress(written: $0) }
        }
    }

    /// `shutdown`: how the server ends.
    public struct Shutdown: Sendable, Decodable {
        /// Whether a stop ends the sessions. Otherwise they wait, for their grace period, for the server to be back.
        public var endSessions: Bool
        /// For clients to take what waits for them.
        public var timeout: Duration

        enum CodingKeys: CodingKey, CaseIterable { case endSessions, timeout }
        /// Sessions wait for the next start; five seconds.
        public init() { (endSessions, timeout) = (false, .seconds(5)) }
        public init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            endSessions = try values.value(.endSessions, default: false)
            timeout = try values.value(.timeout, in: .milliseconds(100)...Duration.seconds(60), default: .seconds(5))
        }
    }

    /// How long records are kept; nil is for ever, which the file writes as `forever`.
    public struct Retention: Sendable, Decodable {
        /// Since their end.
        public var sessions: Duration?
        /// Since their arrival.
        public var crewEvents: Duration?
        /// Since it was written.
        public var audit: Duration?

        /// As the records take them.
        var periods: RetentionPeriods {
            RetentionPeriods(sessions: sessions, crewEvents: crewEvents, audit: audit)
        }

        enum CodingKeys: CodingKey, CaseIterable { case sessions, crewEvents, audit }
        /// A year, two years for crew events.
        public init() {
            (sessions, crewEvents, audit) = (.seconds(365 * 86_400), .seconds(730 * 86_400), .seconds(365 * 86_400))
        }
        public init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            self.init()
            sessions = try values.value(.sessions, default: Age(limit: sessions)).limit
            crewEvents = try values.value(.crewEvents, default: Age(limit: crewEvents)).limit
            audit = try values.value(.audit, default: Age(limit: audit)).limit
        }

        /// `90d` or `forever`.
        private struct Age: Decodable {
            let limit: Duration?
            init(limit: Duration?) { self.limit = limit }
            init(from decoder: any Decoder) throws {
                let text = try decoder.singleValueContainer().decode(String.self)
                if text == "forever" {
                    limit = nil
                } else {
                    guard let limit = Duration(configured: text), limit > .zero else {
                        throw RuleViolation("must be a duration like 90d, or forever", value: text)
                    }
                    self.limit = limit
                }
            }
        }
    }

    /// `metrics`: who may read them.
    public struct Metrics: Sendable, Decodable {
        /// Who may read `/metrics`: these addresses. Nobody else, because it tells what goes on.
        public var allow: [IPAddress]

        enum CodingKeys: CodingKey, CaseIterable { case allow }
        /// This machine.
        public init() { allow = [IPAddress("127.0.0.1")!, IPAddress("::1")!] }
        public init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            self.init()
            guard values.contains(.allow) else { return }
            let texts: [String] = try values.value(.allow) { texts in
                texts.allSatisfy { IPAddress(written: $0) != nil } ? nil : "must be IP addresses"
            }
            allow = texts.compactMap { IPAddress(written: $0) }
        }
    }

    /// `log`: what is written, and how.
    public struct LogSection: Sendable, Decodable {
        /// From the fewest lines to the most.
        public enum Level: String, Sendable, CaseIterable, Decodable { case error, warning, notice, info, debug }
        /// `auto` is the journal where the standard error leads there, else lines of text.
        public enum Format: String, Sendable, CaseIterable, Decodable { case auto, text, json }
        /// Lines of this level and of graver ones are written.
        public var level: Level
        /// Text, JSON, or what the output is for.
        public var format: Format
        /// Whether the log says which name and which address failed to log in. The audit does in any case.
        public var identities: Bool

        enum CodingKeys: CodingKey, CaseIterable { case level, format, identities }
        /// Everything but debugging, with names and addresses.
        public init() { (level, format, identities) = (.info, .auto, true) }
        public init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            level = try values.value(.level, default: .info)
            format = try values.value(.format, default: .auto)
            identities = try values.value(.identities, default: true)
        }

        var sinkFormat: LogSink.Format {
            switch format {
            case .auto: .automatic
            case .text: .text
            case .json: .json
            }
        }

        /// As the log takes it.
        public var logLevel: LogLevel {
            switch level {
            case .error: .error
            case .warning: .warning
            case .notice: .notice
            case .info: .info
            case .debug: .debug
            }
        }
    }
}
