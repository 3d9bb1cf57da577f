import AgentSettings
import Glibc
import Primitives
import Reactor
import Testing

@testable import Media

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
