import Doctor
import Glibc
import JSON
import Primitives
import Reactor
import Testing

@testable import KioskAgent

/// The whole program.
@Suite struct DoctorProcessTests {
    private func report(_ arguments: [String], _ agent: AgentProcess) throws -> (Int32, JSONValue) {
        let result = try AgentProcess.run(
            ["doctor", "--format", "json", "--config", "\(agent.directory)/agent.yaml"] + arguments, in: agent)
        return (result.status, try JSONValue(parsing: Array(result.output.utf8)))
    }

    private func status(_ report: JSONValue, _ id: String) -> String? {
        report["checks"]?.array?.first { $0["id"]?.string == id }?["status"]?.string
    }

    @Test func namesEveryCheckByItsId() throws {
        let agent = try AgentProcess()
        chmod(agent.directory, 0o700)
        let (exit, report) = try report([], agent)
        #expect(report["checks"]?.array?.compactMap { $0["id"]?.string } == CheckID.allCases.map(\.rawValue))
        #expect(exit == 1)
        #expect(status(report, "configuration") == "ok")
        #expect(status(report, "service") == "failed")
        #expect(status(report, "server") == "failed")
        #expect(status(report, "login") == "skipped")
        #expect(status(report, "camera-picture") == "ok")
        #expect(status(report, "microphone") == "ok")
        let failed = report["checks"]?.array?.filter { $0["status"]?.string == "failed" } ?? []
        #expect(failed.allSatisfy { $0["why"] != nil && $0["remedy"] != nil }, "cause and remedy for each")
    }

    /// What is asked for by its name and could not be checked is no good news.
    @Test func aCheckThatCouldNotBeMadeIsNotGreen() throws {
        let agent = try AgentProcess()
        for id in ["login", "socket-io", "turn-udp", "stun"] {
            let (exit, report) = try report(["--only", id], agent)
            #expect(exit == 3, "\(id)")
            #expect(status(report, id) == "skipped")
            let seen = report["checks"]?[0]?["seen"]?.string ?? ""
            #expect(seen.hasPrefix("not checked: ") && seen.count > 20, "\(seen)")
        }
        // What this kiosk does not have was not due.
        #expect(try report(["--only", "camera-devices"], agent).0 == 0)
    }

    /// What everybody on the way can read is a finding, also where it is allowed; how to allow it is said where it is not.
    @Test func aServerWithoutTLSIsAFinding() throws {
        let agent = try AgentProcess()
        func finding(_ server: String, _ more: String = "") throws -> (exit: Int32, check: JSONValue) {
            try agent.write(
                "agent.yaml",
                """
                server: \(server)
                kiosk: { id: K, passwordFile: \(agent.directory)/password }
                controlSocket: \(agent.socket)
                \(more)
                """)
            let (exit, report) = try report(["--only", "certificate"], agent)
            let check = report["checks"]?.array?.first { $0["id"] == "certificate" }
            return (exit, try #require(check))
        }
        // An agent of before has made its outbox here.
        try agent.write("outbox.db", "", mode: 0o600)
        let old = try finding("http://signaling.invalid")
        #expect(old.exit == 3 && old.check["status"] == "warning")
        #expect(old.check["seen"] == "http://signaling.invalid is reached without TLS")
        #expect(old.check["remedy"]?.string?.contains("https://") == true)
        #expect(old.check["remedy"]?.string?.contains("allowInsecure: true") == true)
        let allowed = try finding("http://signaling.invalid", "allowInsecure: true")
        #expect(allowed.exit == 3 && allowed.check["status"] == "warning")
        #expect(allowed.check["remedy"]?.string?.contains("allowInsecure") == false)
        #expect(try finding("http://127.0.0.1:9").check["status"] == "ok")
    }

    /// A covered camera is something to look at; one that hangs says nothing about the encoder.
    @Test func camerasThatAreWrongInTheirOwnWay() throws {
        let agent = try AgentProcess()
        func configure(_ device: String) throws {
            try agent.write(
                "agent.yaml",
                """
                server: http://127.0.0.1:9
                kiosk: { id: K, passwordFile: \(agent.directory)/password }
                camera: { device: "\(device)", width: 160, height: 120, frameRate: 10 }
                microphone: { device: test-tone }
                controlSocket: \(agent.socket)
                """)
        }
        for device in ["test:covered", "test:black", "test:frozen"] {
            try configure(device)
            let (exit, report) = try report(["--only", "camera-picture"], agent)
            #expect(exit == 3 && status(report, "camera-picture") == "warning", "\(device)")
        }
        try configure("test:stall")
        let (exit, report) = try report(["--only", "camera-picture,encoder,self-call"], agent)
        #expect(exit == 3, "an answer that was due did not come")
        #expect(status(report, "camera-picture") == "unknown")
        #expect(status(report, "encoder") == "ok")
        #expect(status(report, "self-call") == "unknown")
    }

    /// Libraries have words of their own, and the terminal is the report's.
    @Test func nothingButTheReportIsPrinted() throws {
        let agent = try AgentProcess()
        try agent.write(
            "agent.yaml",
            """
            server: https://127.0.0.1:9
            kiosk: { id: K, passwordFile: \(agent.directory)/password }
            camera: { device: /dev/null }
            microphone: { device: "plug:'no such thing'" }
            controlSocket: \(agent.socket)
            """)
        let result = try AgentProcess.run(
            [
                "doctor", "--only", "microphone,camera-devices,camera-picture,server", "--config",
                "\(agent.directory)/agent.yaml",
            ],
            in: agent)
        let indent = String(repeating: " ", count: 12)
        let words = ["ok ", "warning ", "FAILED ", "skipped ", "unknown "]
        for line in result.output.split(separator: "\n").dropLast() {
            #expect(line.hasPrefix(indent) || words.contains { line.hasPrefix($0) }, "\(line)")
        }
    }

    @Test func aConfigurationInPiecesIsOne() throws {
        let agent = try AgentProcess()
        mkdir("\(agent.directory)/agent.yaml.d", 0o755)
        defer {
            unlink("\(agent.directory)/agent.yaml.d/10-site.yaml")
            rmdir("\(agent.directory)/agent.yaml.d")
        }
        try agent.write("agent.yaml.d/10-site.yaml", "camera: { width: 320 }\n")
        let shown = try AgentProcess.run(["config", "show", "--config", "\(agent.directory)/agent.yaml"], in: agent)
        #expect(shown.output.contains("width: 320\n") && shown.output.contains("device: test-pattern\n"))
        #expect(try report(["--only", "configuration"], agent).1["checks"]?[0]?["facts"]?["files"]?.array?.count == 2)
        try agent.write("agent.yaml.d/10-site.yaml", "camera: { widht: 320 }\n")
        let wrong = try AgentProcess.run(["config", "check", "--config", "\(agent.directory)/agent.yaml"], in: agent)
        #expect(wrong.status == 2 && wrong.output.contains("agent.yaml.d/10-site.yaml:1: camera.widht: unknown key"))
    }

    @Test func findsWhatIsWrong() throws {
        let agent = try AgentProcess()
        chmod(agent.directory, 0o700)
        try agent.write("agent.yaml", "server: nowhere\n")
        #expect(try status(report(["--only", "configuration"], agent).1, "configuration") == "failed")
        try agent.write(
            "agent.yaml",
            """
            server: http://no-such-host.invalid
            allowInsecure: true
            kiosk: { id: K, passwordFile: \(agent.directory)/password }
            camera: { device: /dev/video-missing }
            microphone: { device: hw:77 }
            controlSocket: \(agent.socket)
            """)
        let (exit, faults) = try report(["--only", "name-resolution,camera-picture,microphone"], agent)
        #expect(exit == 1)
        #expect(status(faults, "name-resolution") == "failed")
        #expect(status(faults, "camera-picture") == "failed")
        #expect(status(faults, "microphone") == "failed")
        #expect(try AgentProcess.run(["doctor", "--only", "nonsense"], in: agent).status == 2)
    }
}
