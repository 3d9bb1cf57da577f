import Configuration
import Foundation
import Primitives
import Testing

@testable import SignalingServer

@Suite struct ServerConfigurationTests {
    private func load(_ text: String) throws -> ServerConfiguration {
        let path = FileManager.default.temporaryDirectory.appending(path: "server-\(UUID().uuidString).yaml").path()
        try Data(text.utf8).write(to: URL(filePath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        return try ServerConfiguration.load(path)
    }

    private func complaint(_ text: String) -> String {
        do {
            _ = try load(text)
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
        #expect(configuration.retention.audit == .seconds(90 * 86_400) && configuration.retention.sessions == nil)
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
