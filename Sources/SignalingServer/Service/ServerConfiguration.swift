public import Configuration
internal import Glibc
public import Primitives
internal import Service

/// Everything `kiosk-signaling serve` is told, with its defaults. Sections and keys are those of the file.
public struct ServerConfiguration: Sendable, Decodable {
    /// Addresses and ports; port 0 takes a free one.
    public var listen: [SocketAddress]
    /// The records' file.
    public var database: String
    /// STUN and TURN servers.
    public var ice: ICE
    /// Pages of other origins.
    public var cors: CORS
    /// Lives of sessions.
    public var sessions: Sessions
    /// What clients may take.
    public var limits: Limits
    /// Engine.IO's timing.
    public var engine: Engine
    /// Nil serves in the clear, for a proxy or this machine.
    public var tls: TLS?
    /// Trusted proxies.
    public var proxy: Proxy
    /// How the server ends.
    public var shutdown: Shutdown
    /// How long records are kept.
    public var retention: Retention
    /// Who may read them.
    public var metrics: Metrics
    /// What is written.
    public var log: LogSection

    /// This machine only.
    public static let defaultListen = "127.0.0.1:8080"
    /// Where the Debian package keeps them.
    public static let defaultDatabase = "/var/lib/kiosk-signaling/signaling.db"

    enum CodingKeys: CodingKey, CaseIterable {
        case listen, database, ice, cors, sessions, limits, engine, tls, proxy, shutdown, retention, metrics, log
    }

    /// The defaults of every key.
    public init() {
        listen = [SocketAddress(ServerConfiguration.defaultListen)!]
        database = ServerConfiguration.defaultDatabase
        ice = ICE()
        cors = CORS()
        sessions = Sessions()
        limits = Limits()
        engine = Engine()
        tls = nil
        proxy = Proxy()
        shutdown = Shutdown()
        retention = Retention()
        metrics = Metrics()
        log = LogSection()
    }

    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init()
        listen = try values.value(.listen, default: ListenAddresses(addresses: listen)).addresses
        database = try values.value(.database, default: database) { $0.isEmpty ? "must not be empty" : nil }
        ice = try values.value(.ice, default: ice)
        cors = try values.value(.cors, default: cors)
        sessions = try values.value(.sessions, default: sessions)
        limits = try values.value(.limits, default: limits)
        engine = try values.value(.engine, default: engine)
        tls = try values.decodeIfPresent(TLS.self, forKey: .tls)
        proxy = try values.value(.proxy, default: proxy)
        shutdown = try values.value(.shutdown, default: shutdown)
        retention = try values.value(.retention, default: retention)
        metrics = try values.value(.metrics, default: metrics)
        log = try values.value(.log, default: log)
    }

    /// Reads and checks a file, the files it names included.
    public static func load(_ path: String) throws(ConfigurationError) -> ServerConfiguration {
        let document = try ConfigurationDocument(contentsOf: path)
        var configuration = try document.decode(ServerConfiguration.self)
        if configuration.ice.sharedSecret != nil, let mode = openMode(of: path) {
            throw document.violation(
                at: ["ice", "sharedSecret"],
                "must not stand in a file that everybody may read (mode \(mode)): chmod o-rwx, or use sharedSecretFile")
        }
        try configuration.readFiles(in: document)
        return configuration
    }

    /// Bits of a file that let everybody at it; nil where nobody can tell.
    private static func openMode(of path: String) -> String? {
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & 0o004 != 0 else { return nil }
        return "0" + String(status.st_mode & 0o777, radix: 8)
    }

    private mutating func readFiles(in document: ConfigurationDocument) throws(ConfigurationError) {
        if let file = ice.sharedSecretFile {
            guard ice.sharedSecret == nil else {
                throw document.violation(at: ["ice", "sharedSecretFile"], "excludes sharedSecret")
            }
            do {
                ice.sharedSecret = Redacted(try Credentials.readSecret(at: file))
            } catch {
                throw document.violation(at: ["ice", "sharedSecretFile"], "\(error)", value: file)
            }
        }
        if let tls {
            for (key, file) in [("certificateFile", tls.certificateFile), ("privateKeyFile", tls.privateKeyFile)]
            where access(file, R_OK) != 0 {
                throw document.violation(at: ["tls", key], "cannot be read", value: file)
            }
            if let mode = ServerConfiguration.openMode(of: tls.privateKeyFile) {
                throw document.violation(
                    at: ["tls", "privateKeyFile"], "must not be readable by everybody (mode \(mode)): chmod o-rwx",
                    value: tls.privateKeyFile)
            }
        }
    }
}

/// `127.0.0.1:8080`, `[::]:8080`, or a list of such.
private struct ListenAddresses: Decodable {
    var addresses: [SocketAddress]

    init(addresses: [SocketAddress]) { self.addresses = addresses }

    init(from decoder: any Decoder) throws {
        if let one = try? decoder.singleValueContainer().decode(String.self) {
            addresses = [try Self.parse(one)]
        } else {
            addresses = try decoder.singleValueContainer().decode([String].self).map(Self.parse)
            guard !addresses.isEmpty else { throw RuleViolation("must name an address") }
        }
    }

    private static func parse(_ text: String) throws -> SocketAddress {
        guard let address = SocketAddress(text) else {
            throw RuleViolation("must be an address and a port like 127.0.0.1:8080 or [::]:8080", value: text)
        }
        return address
    }
}
