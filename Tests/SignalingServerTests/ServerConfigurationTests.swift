import Configuration
import Foundation
import Primitives
import SessionRules
import Testing

@testable import SignalingServer

@Suite struct ServerConfigurationTests {
    private func load(_ text: String, mode: Int = 0o600) throws -> ServerConfiguration {
        let path = FileManager.default.temporaryDirectory.appending(path: "server-\(UUID().uuidString).yaml").path()
        try Data(text.utf8).write(to: URL(filePath: path))
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
        defer { try? FileManager.default.removeItem(atPath: path) }
        return try ServerConfiguration.load(path)
    }

    private func complaint(_ text: String, mode: Int = 0o600) -> String {
        do {
            _ = try load(text, mode: mode)
            return "nothing"
        } catch let error as ConfigurationError {
            return "\(error.line ?? 0) \(error.key ?? "-"): \(error.rule)"
        } catch { return "\(error)" }
    }

    @Test func theAnnotatedFileSaysTheDefaults() throws {
        let path = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../Config/kiosk-signaling.yaml").standardized.path()
        #expect("\(try ServerConfiguration.load(path))" == "\(ServerConfiguration())")
    }

    @Test func aWholeFileIsRead() throws {
        let configuration = try load(
            """
            listen: ["[::]:8080", 127.0.0.1:9]
            database: /x.db
            ice: { stun: ["stun:s"], turn: ["turn:t", "turns:t"], sharedSecret: hush }
            cors: { origins: ["https://a.example"] }
            sessions: { gracePeriod: 30s, maximumDuration: 8h }
            limits: { messagesPerSecond: 10 }
            retention: { audit: 90d }
            """)
        #expect(configuration.listen.map(\.description) == ["[::]:8080", "127.0.0.1:9"])
        #expect(configuration.database == "/x.db")
        #expect(configuration.ice.sharedSecret?.unredacted == "hush")
        #expect(configuration.sessions.gracePeriod == .seconds(30))
        #expect(configuration.sessions.maximumDuration == .seconds(8 * 3600))
        #expect(configuration.limits.messagesPerSecond == 10)
        #expect(
            configuration.retention.audit == .seconds(90 * 86_400)
                && configuration.retention.sessions == .seconds(365 * 86_400))
        #expect(try load("retention: { crewEvents: forever }\n").retention.crewEvents == nil)
        #expect(complaint("retention: { audit: sometimes }\n").hasPrefix("1 retention.audit: must be a duration"))
    }

    @Test func aSecretThatEverybodyMayReadIsRefused() throws {
        let secret = "ice: { turn: [\"turn:t\"], sharedSecret: hush }\n"
        #expect(complaint(secret, mode: 0o644).hasPrefix("1 ice.sharedSecret: must not stand in a file that everybody"))
        #expect(complaint(secret, mode: 0o640) == "nothing")
        #expect(complaint("ice: { turn: [\"turn:t\"] }\n", mode: 0o644) == "nothing")
        let key = FileManager.default.temporaryDirectory.appending(path: "key-\(UUID().uuidString)").path()
        try Data("key".utf8).write(to: URL(filePath: key))
        defer { try? FileManager.default.removeItem(atPath: key) }
        let tls = "tls: { certificateFile: \(key), privateKeyFile: \(key) }\n"
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: key)
        #expect(complaint(tls).hasPrefix("1 tls.privateKeyFile: must not be readable by everybody (mode 0644)"))
        try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: key)
        #expect(complaint(tls) == "nothing")
    }

    /// They cannot be called back, so they end before the log-in does for which they were made.
    @Test func turnCredentialsEndBeforeAnyLogIn() throws {
        #expect(ServerConfiguration().ice.credentialLifetime == .seconds(3600))
        let longest = try load("ice: { credentialLifetime: 7d }\n").ice.credentialLifetime
        #expect(longest + Tokens.accessLifetime < Tokens.refreshLifetime)
        #expect(complaint("ice: { credentialLifetime: 8d }\n").hasPrefix("1 ice.credentialLifetime: must be between"))
    }

    @Test func whatIsWrongIsNamedWithItsLineAndKey() {
        #expect(complaint("listen: 127.0.0.1:8080\nlisen: x\n").hasPrefix("2 lisen: unknown key"))
        #expect(complaint("listen: localhost\n").hasPrefix("1 listen: must be an address and a port"))
        #expect(complaint("sessions:\n  gracePeriod: 10\n").hasPrefix("2 sessions.gracePeriod: "))
        #expect(
            complaint("limits: { messagesPerSecond: 0 }\n").hasPrefix("1 limits.messagesPerSecond: must be between"))
        #expect(complaint("ice: { turn: [\"http://x\"] }\n").hasPrefix("1 ice.turn: must be URLs"))
        #expect(
            complaint("ice: { sharedSecretFile: /nonexistent }\n").hasPrefix("1 ice.sharedSecretFile: cannot be read"))
        #expect(
            complaint("tls: { certificateFile: /nonexistent, privateKeyFile: /x }\n").hasPrefix(
                "1 tls.certificateFile: cannot be read"))
        #expect(complaint("tls: { certificateFile: /x }\n").hasPrefix("1 tls.privateKeyFile: "))
    }
}
