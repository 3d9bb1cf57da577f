import AgentSettings
import Configuration
import Database
import Glibc
import JSON
import Primitives
import Reactor
import Signaling
import TestSupport
import Testing

@testable import Crew
@testable import KioskAgent

/// The real program: what must hold when it is killed, asked nonsense, or started wrongly.
@Suite(.serialized) struct AgentProcessTests {
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
        // What waits for a restart is told each time, and nothing pretends to be there already.
        let lamp = "indicator: { file: \(agent.directory)/sign }\nrequireIndicator: true"
        try reload(
            lamp, expecting: "in effect now: log.level; after a restart: indicator.file, requireIndicator\n")
        try reload(lamp, expecting: "read again: after a restart: indicator.file, requireIndicator\n")
        let status = try ControlClient.ask(["command": "status"], at: agent.socket)["status"]
        #expect(status?["indicator"] == nil)
        #expect(agent.terminate() == 0)
    }

    private func events(_ socket: String) throws -> [(id: String, crewId: String)] {
        let answer = try ControlClient.ask(["command": "crew-list"], at: socket)
        return (answer["events"]?.array ?? []).map { ($0["eventId"]?.string ?? "", $0["crewId"]?.string ?? "") }
    }

    @Test func noAcceptedEventIsLostWhenTheAgentIsKilled() throws {
        let agent = try AgentProcess()
        var accepted: [String] = []
        var random = RandomSource.seeded(9)
        for round in 0..<3 {
            try agent.start()
            for index in 0..<Int.random(in: 5..<15, using: &random) {
                let answer = try ControlClient.ask(
                    ["command": "crew-sign-on", "crewId": .string("\(round)-\(index)")], at: agent.socket)
                accepted.append(try #require(answer["eventId"]?.string))
            }
            // One more is on its way when the lights go out; it may be there or not.
            let path = agent.socket
            let last = try UnixStreamRequest.begin(#"{"command":"crew-sign-on","crewId":"last"}"#, at: path)
            agent.kill()
            _ = consume last
        }
        try agent.start()
        let found = try events(agent.socket)
        #expect(found.filter { $0.crewId != "last" }.map(\.id) == accepted)
        #expect(found.map(\.id) == found.map(\.id).sorted(), "identifiers are in the order of the events")
        #expect(Set(found.map(\.id)).count == found.count)
        #expect(agent.terminate() == 0)
    }

    @Test func nonsenseIsAnsweredWithAnErrorAndChangesNothing() throws {
        let agent = try AgentProcess()
        try agent.start()
        let lines = [
            "garbage", "[1]", "{}", #"{"command":7}"#, #"{"command":"nope"}"#, #"{"command":"crew-sign-on"}"#,
            #"{"command":"crew-sign-on","crewId":""}"#, #"{"command":"crew-sign-on","crewId":"a\u0000b"}"#,
            #"{"command":"crew-sign-on","crewId":"x","eventId":"1"}"#, #"{"command":"crew-sign-on","crewid":"x"}"#,
            "{\"command\":\"crew-sign-on\",\"crewId\":\"\(String(repeating: "x", count: 65))\"}",
            String(repeating: "[", count: 5000), "\u{1}\u{2}\u{3}", #"{"command":"crew-sign-on","crewId":"#,
        ]
        for line in lines {
            let answer = try UnixStreamRequest.exchange(line, at: agent.socket)
            #expect(answer?["ok"]?.bool == false, "\(line)")
            #expect(answer?["error"]?["code"]?.string != nil)
        }
        var random = RandomSource.seeded(12)
        for _ in 0..<200 {
            let bytes = (0..<Int.random(in: 1..<200, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            try UnixStreamRequest.send(bytes + [0x0A], at: agent.socket)
        }
        // A line without end is refused, and its sender is let go.
        try UnixStreamRequest.send([UInt8](repeating: 0x61, count: 200_000), at: agent.socket)
        #expect(try events(agent.socket).isEmpty)
        #expect(agent.terminate() == 0)
    }

    /// Whoever counts answers finds each one's: also of lines that make no sense.
    @Test func answersComeInTheOrderOfTheirLines() throws {
        let agent = try AgentProcess()
        try agent.start()
        let lines = [
            #"{"id":1,"command":"crew-sign-on","crewId":"4711"}"#, "nonsense", #"{"id":3,"command":"crew-list"}"#,
            "{\"id\":4,\"command\":\"\(String(repeating: "x", count: 20_000))\"}",
        ]
        let answers = try UnixStreamRequest.exchangeAll(lines.joined(separator: "\n"), at: agent.socket)
        #expect(answers.map { $0["id"] } == [1, nil, 3, nil])
        #expect(answers.map { $0["ok"]?.bool } == [true, false, true, false])
        #expect(answers.last?["error"]?["message"]?.string == "a line must be at most 16384 bytes long")
        #expect(agent.terminate() == 0)
    }

    @Test func whatWasNotRefusedCannotBeDecided() throws {
        let agent = try AgentProcess()
        try agent.start()
        let answer = try ControlClient.ask(["command": "crew-sign-on", "crewId": "1"], at: agent.socket)
        let eventId = try #require(answer["eventId"]?.string)
        for command in ["crew-retry", "crew-discard"] {
            let line = "{\"command\":\"\(command)\",\"eventId\":\"\(eventId)\"}"
            let refusal = try UnixStreamRequest.exchange(line, at: agent.socket)
            #expect(refusal?["error"]?["code"]?.string == "no-such-event")
            let unnamed = try UnixStreamRequest.exchange("{\"command\":\"\(command)\"}", at: agent.socket)
            #expect(unnamed?["error"]?["message"]?.string == "eventId is missing or not a text")
        }
        #expect(try events(agent.socket).map(\.id) == [eventId])
        #expect(agent.terminate() == 0)
    }

    /// Pictures do not need the outbox.
    @Test func anAgentWithoutItsStateDirectoryRuns() throws {
        let agent = try AgentProcess("stateDirectory: /proc/nowhere")
        try agent.start()
        #expect(
            eventually {
                let answer = try? ControlClient.ask(["command": "status"], at: agent.socket)
                return answer?["status"]?["outbox"]?["storage"]?.string == "failed"
            })
        let refusal = try UnixStreamRequest.exchange(
            #"{"command":"crew-sign-on","crewId":"1"}"#, at: agent.socket)
        #expect(refusal?["error"]?["code"]?.string == "not-stored")
        #expect(refusal?["error"]?["message"]?.string?.contains("/proc/nowhere") == true)
        #expect(agent.terminate() == 0)
    }

    @Test func aSecondAgentOnTheSameSocketSaysSo() throws {
        let agent = try AgentProcess()
        try agent.start()
        let other = try AgentProcess()
        try other.write(
            "agent.yaml",
            """
            server: http://127.0.0.1:9
            kiosk: { id: KIOSK_02, passwordFile: \(agent.directory)/password }
            controlSocket: \(agent.socket)
            stateDirectory: \(other.directory)
            """)
        let result = try AgentProcess.run(["run", "--config", "\(other.directory)/agent.yaml"], in: other)
        #expect(result.status == 1)
        #expect(result.output.contains("another agent is running here"))
        #expect(agent.terminate() == 0)
    }

    @Test(arguments: [
        ("camera: { devise: auto }", ":6: camera.devise: unknown key, did you mean device?"),
        (
            "camera: { device: webcam }",
            ":6: camera.device: must be auto, a path under /dev, test-pattern, a test:FAULT or file:clip.y4m (webcam)"
        ),
        ("video: { maxBitrate: fast }", ":6: video.maxBitrate: must be a whole number (fast)"),
        ("tls: { caFile: /nonexistent.pem }", ":6: tls.caFile: cannot be read (/nonexistent.pem)"),
        ("microphone: { device: file:/nonexistent.wav }", ":6: microphone.device: cannot be read (/nonexistent.wav)"),
        ("colour: red", ":6: colour: unknown key"),
    ])
    func aWrongConfigurationEndsWithOneLineAndStatusTwo(line: String, complaint: String) throws {
        let agent = try AgentProcess()
        try agent.write(
            "agent.yaml",
            """
            # line 1
            server: http://127.0.0.1:9
            kiosk:
              id: KIOSK_01
              passwordFile: \(agent.directory)/password
            \(line)
            """)
        let file = "\(agent.directory)/agent.yaml"
        let result = try AgentProcess.run(["run", "--config", file], in: agent)
        #expect(result.status == 2)
        #expect(result.output == "\(file)\(complaint)\n")
    }

    @Test func theFilesOfTheConfigurationAreChecked() throws {
        let agent = try AgentProcess()
        let file = "\(agent.directory)/agent.yaml"
        try agent.write("password", "secret\n", mode: 0o644)
        let open = try AgentProcess.run(["run", "--config", file], in: agent)
        #expect(open.status == 2)
        #expect(open.output.contains("agent.yaml:2: kiosk.passwordFile: must not be readable by others (mode 0644"))
        try agent.write("password", "\n", mode: 0o600)
        let empty = try AgentProcess.run(["run", "--config", file], in: agent)
        #expect(empty.output.contains("kiosk.passwordFile: must not be empty"))
        let none = try AgentProcess.run(["run", "--config", "/nonexistent.yaml"], in: agent)
        #expect(none.status == 2)
        #expect(none.output == "/nonexistent.yaml: cannot be read: no such file or directory\n")
    }

    /// Without TLS passwords leave the machine readable: a new configuration has to say that it is meant, an old one goes on.
    @Test func aServerWithoutTLSBeyondThisMachineHasToBeAllowed() throws {
        let agent = try AgentProcess()
        func check(_ server: String, _ more: String = "") throws -> (status: Int32, output: String) {
            try agent.write(
                "agent.yaml",
                """
                server: \(server)
                kiosk: { id: K, passwordFile: \(agent.directory)/password }
                controlSocket: \(agent.socket)
                \(more)
                """)
            return try AgentProcess.run(["config", "check", "--config", "\(agent.directory)/agent.yaml"], in: agent)
        }
        for server in ["http://127.0.0.1:9", "http://[::1]:9", "http://localhost:9", "https://signaling.example"] {
            #expect(try check(server).status == 0, "\(server)")
        }
        let refused = try check("http://signaling.example")
        #expect(refused.status == 2 && refused.output.contains("agent.yaml:1: server: must be https://"))
        #expect(refused.output.contains("allowInsecure: true"))
        #expect(try check("http://signaling.example", "allowInsecure: true").status == 0)
        // A release before took it, as the outbox shows that an agent made here.
        try agent.write("outbox.db", "", mode: 0o600)
        #expect(try check("http://signaling.example").status == 0)
        // Since then it is known which server that was; another one is new.
        AcceptedServer(in: agent.directory).record(try #require(ServerAddress("http://signaling.example")))
        #expect(try check("http://signaling.example").status == 0)
        #expect(try check("http://other.example").status == 2)
    }

    /// A release before took any server. What it worked with goes on after the upgrade, and says so; what is new has to be allowed.
    @Test func aServerWithoutTLSOfBeforeStillServesWithAWarning() throws {
        let agent = try AgentProcess()
        func configure(_ more: String = "") throws {
            try agent.write(
                "agent.yaml",
                """
                server: http://signaling.invalid
                kiosk: { id: K, passwordFile: \(agent.directory)/password }
                camera: { device: test-pattern }
                microphone: { device: test-tone }
                controlSocket: \(agent.socket)
                \(more)
                """)
        }
        try configure()
        let refused = try AgentProcess.run(["run", "--config", "\(agent.directory)/agent.yaml"], in: agent)
        #expect(refused.status == 2 && refused.output.contains("agent.yaml:1: server: must be https://"))
        let warning = "http://signaling.invalid is reached without TLS"
        AcceptedServer(in: agent.directory).record(try #require(ServerAddress("http://signaling.invalid")))
        try agent.start()
        #expect(agent.log.contains(warning) && agent.log.contains("write allowInsecure: true"))
        #expect(agent.terminate() == 0)
        try configure("allowInsecure: true")
        try agent.start()
        #expect(!agent.log.contains(warning), "who has allowed it knows")
        #expect(agent.terminate() == 0)
    }

    /// Programs that close their side after the last line may leave its end out.
    @Test func theLastLineNeedsNoEnd() throws {
        let agent = try AgentProcess()
        try agent.start()
        var stream = try ControlClient.connect(agent.socket, deadline: MonotonicClock.now() + .seconds(20))
        _ = stream.send(Array(#"{"command":"status","id":7}"#.utf8).span)
        shutdown(stream.descriptor, Int32(SHUT_WR))
        var reader = LineReader(limit: 1 << 20)
        var chunk = [UInt8](repeating: 0, count: 4096)
        var answer: JSONValue?
        let deadline = MonotonicClock.now() + .seconds(20)
        receiving: while answer == nil, MonotonicClock.now() < deadline {
            switch chunk.withUnsafeMutableBytes({ stream.receive(into: $0) }) {
            case .transferred(let count):
                reader.append(chunk.span.extracting(0..<count))
                answer = try reader.next().map { try JSONValue(parsing: $0) }
            case .wouldBlock: MonotonicClock.sleep(until: MonotonicClock.now() + .milliseconds(1))
            case .ended, .failed: break receiving
            }
        }
        #expect(answer?["ok"]?.bool == true && answer?["id"]?.integer == 7)
    }

    /// What an upgrade does before it restarts the service.
    @Test func waitingForNobodyToWatchEndsAtOnceWhenNobodyDoes() throws {
        let agent = try AgentProcess()
        let idle: JSONValue = ["session": nil]
        #expect(!StatusSheet.isWatched(idle) && !StatusSheet.isWatched(nil))
        for (phase, isWatched) in [("live", true), ("granted", true), ("negotiating", true), ("failed", false)] {
            let status: JSONValue = ["session": ["phase": .string(phase)]]
            #expect(StatusSheet.isWatched(status) == isWatched, "\(phase)")
        }
        let none = try AgentProcess.run(["status", "--until-idle", "60s", "--socket", agent.socket], in: agent)
        #expect(none.status == 1)
        let wrong = try AgentProcess.run(["status", "--until-idle", "60", "--socket", agent.socket], in: agent)
        #expect(wrong.status == 2)
        let running = try AgentProcess()
        try running.start()
        let idleNow = try AgentProcess.run(["status", "--until-idle", "60s", "--socket", running.socket], in: agent)
        #expect(idleNow.status == 0 && idleNow.output.hasPrefix("kiosk"))
    }

    @Test func everyCommandHasHelpAndAStatus() throws {
        let agent = try AgentProcess()
        for command in AgentProgram.parser.commands {
            let words = command.name.split(separator: " ").map(String.init)
            let help = try AgentProcess.run(words + ["--help"], in: agent)
            #expect(help.status == 0)
            #expect(help.output.contains("Usage: kiosk-agent \(command.name)"))
            let wrong = try AgentProcess.run(words + ["--nonsense"], in: agent)
            #expect(wrong.status == 2)
        }
        #expect(try AgentProcess.run(["version"], in: agent).output == "kiosk-agent \(ProductVersion.text)\n")
        #expect(try AgentProcess.run(["status", "--socket", "/nonexistent"], in: agent).status == 1)
        #expect(try AgentProcess.run(["crew", "sign-on"], in: agent).status == 2)
        #expect(try AgentProcess.run(["crew", "sign-on", "--id", "\n"], in: agent).status == 2)
    }
}

/// Raw lines over the control socket, well formed or not.
enum UnixStreamRequest {
    /// An open connection over which a request has gone whose answer nobody awaits.
    struct Open: ~Copyable { fileprivate var stream: UnixStream }

    static func begin(_ line: String, at path: String) throws -> Open {
        var stream = try ControlClient.connect(path, deadline: MonotonicClock.now() + .seconds(20))
        _ = stream.send(Array("\(line)\n".utf8).span)
        return Open(stream: stream)
    }

    static func send(_ bytes: [UInt8], at path: String) throws {
        var stream = try ControlClient.connect(path, deadline: MonotonicClock.now() + .seconds(20))
        _ = stream.send(bytes.span)
    }

    /// The first line of the answer.
    static func exchange(_ line: String, at path: String) throws -> JSONValue? {
        try exchangeAll(line, at: path, atMost: 1).first
    }

    /// The lines of the answer, in their order, until there are enough or the agent ends the connection.
    static func exchangeAll(_ line: String, at path: String, atMost limit: Int = .max) throws -> [JSONValue] {
        var answers: [JSONValue] = []
        var stream = try ControlClient.connect(path, deadline: MonotonicClock.now() + .seconds(20))
        _ = stream.send(Array("\(line)\n".utf8).span)
        var reader = LineReader(limit: 1 << 20)
        var chunk = [UInt8](repeating: 0, count: 4096)
        let deadline = MonotonicClock.now() + .seconds(20)
        while MonotonicClock.now() < deadline {
            switch chunk.withUnsafeMutableBytes({ stream.receive(into: $0) }) {
            case .transferred(let count):
                reader.append(chunk.span.extracting(0..<count))
                while answers.count < limit, let line = try reader.next() {
                    answers.append(try JSONValue(parsing: line))
                }
                if answers.count == limit { return answers }
            case .wouldBlock: MonotonicClock.sleep(until: MonotonicClock.now() + .milliseconds(1))
            case .ended, .failed: return answers
            }
        }
        return answers
    }
}
