import Glibc
import JSON
import Primitives
import Reactor
import Testing

@testable import Doctor

@Suite struct IndicatorTests {
    private func folder() throws -> String {
        var template = Array("/tmp/kiosk-agent-led.XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        return String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    private func write(_ text: String, to path: String) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        _ = Array(text.utf8).withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
        close(descriptor)
    }

    @Test func lightsTheLampAndWritesTheFile() throws {
        let folder = try folder()
        defer { for name in ["brightness", "max_brightness", "trigger", "sign", ""] { remove("\(folder)/\(name)") } }
        write("0", to: "\(folder)/brightness")
        write("255\n", to: "\(folder)/max_brightness")
        write("heartbeat", to: "\(folder)/trigger")
        var section = AgentConfiguration.IndicatorSection()
        section.led = folder
        section.file = "\(folder)/sign"
        var indicator = Indicator(section)
        var problems = indicator.set(true)
        #expect(problems == [])
        #expect(SystemFile.integer("\(folder)/brightness") == 255)
        #expect(SystemFile.text("\(folder)/sign") == "live\n")
        // A plain file keeps what was longer; a lamp's does not.
        write("", to: "\(folder)/brightness")
        problems = indicator.set(false)
        #expect(problems == [])
        #expect(SystemFile.integer("\(folder)/brightness") == 0)
        #expect(SystemFile.text("\(folder)/sign") == "idle\n")
    }

    /// While media leaves, somebody else may switch the lamp, or pull it out.
    @Test func aLampThatGoesDarkIsNoticed() throws {
        let folder = try folder()
        defer { for name in ["brightness", "trigger", "sign", ""] { remove("\(folder)/\(name)") } }
        write("0", to: "\(folder)/brightness")
        write("[none] timer heartbeat\n", to: "\(folder)/trigger")
        var section = AgentConfiguration.IndicatorSection()
        section.led = folder
        section.file = "\(folder)/sign"
        var indicator = Indicator(section)
        var problems = indicator.set(true)
        #expect(problems == [])
        write("[none] timer heartbeat\n", to: "\(folder)/trigger")
        problems = indicator.problems()
        #expect(problems == [])
        write("none [timer] heartbeat\n", to: "\(folder)/trigger")
        problems = indicator.problems()
        #expect(problems == ["\(folder): somebody has it blink ([timer])"])
        write("[none] timer heartbeat\n", to: "\(folder)/trigger")
        write("0", to: "\(folder)/brightness")
        write("idle\n", to: "\(folder)/sign")
        problems = indicator.problems()
        #expect(problems == ["\(folder): off again", "\(folder)/sign: somebody changed it"])
        remove("\(folder)/brightness")
        remove("\(folder)/sign")
        problems = indicator.problems()
        #expect(problems == ["\(folder): gone", "\(folder)/sign: somebody changed it"])
    }

    @Test func aLineThatIsNotHeldIsNotLit() {
        var section = AgentConfiguration.IndicatorSection()
        section.gpioLine = "17"
        section.gpioChip = "/dev/gpiochip-that-is-not-there"
        var indicator = Indicator(section)
        let problems = indicator.problems()
        #expect(problems == ["/dev/gpiochip-that-is-not-there line 17: not held"])
    }

    @Test func aMissingLampIsNamed() {
        var section = AgentConfiguration.IndicatorSection()
        section.led = "no-such-lamp"
        var indicator = Indicator(section)
        let problems = indicator.set(true)
        #expect(problems == ["/sys/class/leds/no-such-lamp/brightness: no such file or directory"])
    }

    @Test func aLineThatCannotBeHadIsNamedAndTriedAgain() {
        var section = AgentConfiguration.IndicatorSection()
        section.gpioLine = "17"
        section.gpioChip = "/dev/gpiochip-that-is-not-there"
        var missing = Indicator(section)
        for isLive in [false, true] {
            let problems = missing.set(isLive)
            #expect(problems == ["open /dev/gpiochip-that-is-not-there: no such file or directory"])
        }
        // A device, but no chip.
        section.gpioChip = "/dev/null"
        var wrong = Indicator(section)
        let problems = wrong.set(true)
        #expect(problems == ["request of /dev/null line 17: inappropriate ioctl for device"])
    }
}

@Suite struct MeasureTests {
    private func picture(_ value: (Int, Int) -> UInt8, at index: Int = 0) -> VideoFrame {
        var frame = VideoFrame(
            width: 64, height: 48, captureTime: Instant(nanoseconds: 1_000_000_000 + Int64(index) * 33_333_333))
        let stride = frame.stride
        frame.withUnsafeMutablePlanes { y, _, _ in
            for row in 0..<48 { for column in 0..<64 { y[row * stride + column] = value(row, column) } }
        }
        return frame
    }

    private func finding(_ rate: Double = 30, _ value: (Int, Int, Int) -> UInt8) -> Finding {
        var exposure = Exposure()
        for index in 0..<30 { exposure.add(picture({ value($0, $1, index) }, at: index)) }
        return exposure.finding("test", wantedRate: rate, facts: JSONObject())
    }

    @Test func pictures() {
        #expect(finding { row, column, index in UInt8((row * 5 + column + index) & 255) }.status == .ok)
        #expect(finding { _, _, _ in 16 }.seen.hasSuffix("black"))
        #expect(finding { _, _, index in UInt8(100 + index) }.seen.hasSuffix("one even colour"))
        #expect(finding { row, column, _ in UInt8((row * 5 + column) & 255) }.seen.hasSuffix("always the same picture"))
        #expect(finding(60) { row, column, index in UInt8((row * 5 + column + index) & 255) }.status == .warning)
    }

    @Test func sound() {
        func finding(_ sample: (Int) -> Int16) -> Finding {
            var level = SoundLevel()
            let samples = (0..<9600).map(sample)
            level.add(samples.span)
            return level.finding("test", facts: level.facts)
        }
        #expect(finding { Int16(8000 * ($0 % 2 == 0 ? 1 : -1)) }.status == .ok)
        #expect(finding { _ in 0 }.seen.hasSuffix("complete silence"))
        #expect(finding { Int16($0 % 2) }.seen.hasSuffix("nearly silent"))
        #expect(finding { $0 % 2 == 0 ? .max : .min }.seen.hasSuffix("clipping"))
    }

    @Test func datesOfServers() {
        #expect(WallClock(httpDate: "Sun, 06 Nov 1994 08:49:37 GMT") == WallClock(secondsSince1970: 784_111_777))
        #expect(WallClock(httpDate: "Sunday, 06-Nov-94 08:49:37 GMT") == nil)
    }
}

@Suite struct DoctorTests {
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

    @Test func whatLibrariesPrintIsKeptAway() throws {
        let path = "/tmp/kiosk-agent-terminal-\(getpid())"
        defer { unlink(path) }
        let terminal = open(path, O_RDWR | O_CREAT | O_TRUNC, 0o600)
        defer { close(terminal) }
        func say(_ text: String) {
            _ = Array(text.utf8).withUnsafeBytes { write(terminal, $0.baseAddress, $0.count) }
        }
        let output = try #require(LibraryOutput(instead: terminal))
        say("jack: cannot connect\n")
        #expect(output.end() == "jack: cannot connect\n")
        say("FAILED\n")
        #expect(SystemFile.text(path) == "FAILED\n")
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
