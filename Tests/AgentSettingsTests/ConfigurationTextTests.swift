import Configuration
import Glibc
import JSON
import Reactor
import Testing

@testable import AgentSettings

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
                allowInsecure: false  # default
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
                  preference: balanced  # default
                audio:
                  dtx: false  # default
                controlSocket: /run/kiosk-agent/control.sock  # default
                stateDirectory: /s
                network:
                  allow: []  # default
                  deny: []  # default
                requireIndicator: false  # default
                session:
                  withoutServer: 600s  # default
                log:
                  level: info  # default

                """)
        let (again, _) = try document(yaml)
        #expect(ConfigurationChange(from: configuration, to: again).isEmpty)
    }

    @Test func listsOfInterfacesCanBeReadAgain() throws {
        let (configuration, source) = try document(minimal + "network: { allow: [\"eth*\", wlan0], deny: [ eth7 ] }\n")
        let yaml = ConfigurationText(configuration, in: source).yaml
        #expect(yaml.contains("network:\n  allow: [\"eth*\", \"wlan0\"]\n  deny: [\"eth7\"]\n"))
        let (again, _) = try document(yaml)
        #expect(again.network == configuration.network)
        #expect(again.network.allow == ["eth*", "wlan0"])
    }

    @Test(arguments: ["[\"\"]", "[\"e*h\"]", "[\"a/b\"]", "[nameslongerthan15]", "eth0", "[\"a b\"]"])
    func whatIsNoListOfInterfaces(text: String) {
        #expect(throws: ConfigurationError.self) { try document(minimal + "network: { deny: \(text) }\n") }
    }

    /// Nobody has to guess: each key is in the example, in the manual page and in `config show`.
    @Test func everyKeyIsDocumented() throws {
        let (configuration, _) = try document(
            """
            server: http://a.example
            kiosk: { id: K1, passwordFile: /etc/p }
            tls: { caFile: /etc/ca }
            indicator: { led: live, gpioLine: 17, file: /run/live }
            badgeReader: { device: /dev/kiosk/badge-reader }
            """)
        let shown = configuration.effectiveValues.map { $0.path.joined(separator: ".") }
        func text(_ path: String) -> String {
            let root = "\(#filePath)".split(separator: "/").dropLast(3).joined(separator: "/")
            return SystemFile.text("/\(root)/\(path)") ?? ""
        }
        let manual = text("Packaging/man/kiosk-agent.yaml.5")
        let documented = manual.split(separator: "\n").filter { $0.hasPrefix(".B") }.flatMap {
            $0.split(separator: " ")
        }
        for key in shown { #expect(documented.contains(Substring(key)), "\(key) is not in the manual page") }
        let example = text("Config/kiosk-agent.yaml")
        for key in shown {
            let name = String(key.split(separator: ".").last!)
            #expect(example.contains("\(name):"), "\(key) is not in the example")
        }
        // What the example sets are the defaults, and it can be read.
        let (commented, _) = try document(example)
        #expect(commented.video == AgentConfiguration.Video())
        #expect(commented.audio == AgentConfiguration.Audio())
        #expect(commented.camera == AgentConfiguration.Camera())
        #expect(commented.microphone == AgentConfiguration.Microphone())
        #expect(commented.session == AgentConfiguration.SessionSection())
    }

    /// What needs a restart stays what it is, and is told each time until there was one.
    @Test func onlyWhatCanChangeIsTakenOver() throws {
        var (running, _) = try document(minimal + "microphone: { device: none }\n")
        let (new, _) = try document(
            """
            server: http://b.example
            kiosk: { id: K2, passwordFile: /etc/q }
            stateDirectory: /s
            camera: { width: 320 }
            microphone: { device: default }
            indicator: { led: lamp }
            requireIndicator: true
            session: { withoutServer: 2m }
            """)
        let change = ConfigurationChange(from: running, to: new)
        #expect(change.applied == ["kiosk.passwordFile", "session.withoutServer"])
        #expect(change.nextSession == ["camera.width"])
        let rest = ["indicator.led", "kiosk.id", "microphone.device", "requireIndicator", "server"]
        #expect(change.needsRestart == rest)
        running.adopt(new)
        #expect(running.indicator.isEmpty && !running.requireIndicator && running.microphone.device == "none")
        #expect(running.camera.width == 320 && running.session.withoutServer == .seconds(120))
        #expect(running.kiosk.passwordFile == "/etc/q" && running.kiosk.id == "K1")
        let again = ConfigurationChange(from: running, to: new)
        #expect(again.applied.isEmpty && again.nextSession.isEmpty && again.needsRestart == rest)
        // From one microphone to another none is needed.
        var (other, _) = try document(minimal)
        let (another, _) = try document(minimal + "microphone: { device: \"hw:1\" }\n")
        #expect(ConfigurationChange(from: other, to: another).nextSession == ["microphone.device"])
        other.adopt(another)
        #expect(other.microphone.device == "hw:1")
    }

    @Test func aChangeSaysWhenItTakesEffect() throws {
        let (old, _) = try document(minimal)
        let (new, _) = try document(
            """
            server: http://b.example
            kiosk: { id: K1, passwordFile: /etc/q }
            stateDirectory: /s
            camera: { width: 320 }
            video: { maxBitrate: 600000, preference: keepResolution }
            audio: { dtx: true }
            log: { level: debug }
            """)
        let change = ConfigurationChange(from: old, to: new)
        #expect(change.applied == ["audio.dtx", "kiosk.passwordFile", "log.level", "video.preference"])
        #expect(change.nextSession == ["camera.width", "video.maxBitrate"])
        #expect(change.needsRestart == ["server"])
        #expect(
            change.summary
                == "configuration read again: in effect now: audio.dtx, kiosk.passwordFile, log.level, "
                + "video.preference; "
                + "with the next session: camera.width, video.maxBitrate; after a restart: server")
    }
}
