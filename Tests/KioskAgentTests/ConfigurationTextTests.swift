import Configuration
import Glibc
import Testing

@testable import KioskAgent

@Suite struct ConfigurationTextTests {
    private func document(_ text: String) throws -> (AgentConfiguration, ConfigurationDocument) {
        let document = try ConfigurationDocument(text: text, file: "k.yaml")
        return (try document.decode(AgentConfiguration.self), document)
    }

    private let minimal = "server: http://a.example\nkiosk: { id: K1, passwordFile: /etc/p }\nstateDirectory: /s\n"

    @Test func showsWhatTakesEffectAndCanBeReadAgain() throws {
        let (configuration, source) = try document(minimal + "microphone: { device: \"hw:1,0\" }\n")
        let yaml = ConfigurationText(configuration, in: source).yaml
        #expect(
            yaml == """
                server: http://a.example
                kiosk:
                  id: K1
                  passwordFile: /etc/p
                camera:
                  device: auto  # default
                  width: 640  # default
                  height: 480  # default
                  frameRate: 30  # default
                microphone:
                  device: "hw:1,0"
                video:
                  maxBitrate: 1500000  # default
                controlSocket: /run/kiosk-agent/control.sock  # default
                stateDirectory: /s
                requireIndicator: false  # default
                log:
                  level: info  # default

                """)
        let (again, _) = try document(yaml)
        #expect(ConfigurationChange(from: configuration, to: again).isEmpty)
    }

    @Test func aChangeSaysWhenItTakesEffect() throws {
        let (old, _) = try document(minimal)
        let (new, _) = try document(
            """
            server: http://b.example
            kiosk: { id: K1, passwordFile: /etc/q }
            stateDirectory: /s
            camera: { width: 320 }
            video: { maxBitrate: 600000 }
            log: { level: debug }
            """)
        let change = ConfigurationChange(from: old, to: new)
        #expect(change.applied == ["kiosk.passwordFile", "log.level"])
        #expect(change.nextSession == ["camera.width", "video.maxBitrate"])
        #expect(change.needsRestart == ["server"])
        #expect(
            change.summary
                == "configuration read again: in effect now: kiosk.passwordFile, log.level; "
                + "with the next session: camera.width, video.maxBitrate; after a restart: server")
    }

    @Test func aRunningAgentReadsItsFileAgainAndSurvivesAWrongOne() throws {
        let agent = try AgentProcess()
        try agent.start()
        let file = "\(agent.directory)/agent.yaml"
        func reload(_ extra: String, expecting words: String) throws {
            try agent.write(
                "agent.yaml",
                """
                server: http://127.0.0.1:9
                kiosk: { id: KIOSK_01, passwordFile: \(agent.directory)/password }
                camera: { device: test-pattern }
                microphone: { device: test-tone }
                controlSocket: \(agent.socket)
                \(extra)
                """)
            Glibc.kill(try #require(agent.pid), SIGHUP)
            #expect(eventually { agent.log.contains(words) }, "\(agent.log)")
        }
        try reload("video: { maxBitrate: fast }", expecting: "configuration not changed: \(file):6: video.maxBitrate")
        try reload("video: { maxBitrate: 300000 }", expecting: "with the next session: video.maxBitrate")
        try reload(
            "log: { level: debug }", expecting: "in effect now: log.level; with the next session: video.maxBitrate")
        #expect(agent.terminate() == 0)
    }
}
