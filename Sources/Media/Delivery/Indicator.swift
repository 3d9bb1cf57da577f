public import AgentSettings
internal import Glibc
internal import Reactor

/// What tells people in front of the camera that it is live: a lamp (LED class device or GPIO line), and a file that the
/// kiosk's screen application can watch. On exactly while media leaves the kiosk.
public struct Indicator: ~Copyable {
    private let led: String?
    private let gpio: (line: String, chip: String, isActiveLow: Bool)?
    private let file: String?
    /// Held from the first successful request on, so that no other program can switch it.
    private var line: GPIOLine?

    /// Touches nothing yet; the GPIO line is requested with the first `set`.
    public init(_ configuration: AgentConfiguration.IndicatorSection) {
        led = configuration.led.map { $0.hasPrefix("/") ? $0 : "/sys/class/leds/\($0)" }
        gpio = configuration.gpioLine.map { ($0, configuration.gpioChip, configuration.gpioActiveLow) }
        file = configuration.file
        line = nil
    }

    /// Switches everything that is configured.
    /// - Returns: what could not be switched, in words; empty when all is as it should be.
    public mutating func set(_ isOn: Bool) -> [String] {
        var problems: [String] = []
        if let problem = switchLine(isOn) { problems.append(problem) }
        if let led, let problem = switchLED(led, isOn) { problems.append(problem) }
        if let file, let problem = Indicator.replace(file, with: Indicator.text(isOn)) {
            problems.append(problem)
        }
        return problems
    }

    /// What is off although it was switched on, in words: a lamp that was unplugged, or that another program has switched.
    public mutating func problems() -> [String] {
        var problems: [String] = []
        if let problem = lineProblem() { problems.append(problem) }
        if let led, let problem = Indicator.problem(ofLED: led) { problems.append(problem) }
        if let file, SystemFile.text(file) != Indicator.text(true) { problems.append("\(file): somebody changed it") }
        return problems
    }

    private mutating func lineProblem() -> String? {
        guard let gpio else { return nil }
        let name = "\(gpio.chip) line \(gpio.line)"
        // Taken out and put back, as for switching.
        guard let held = line.take() else { return "\(name): not held" }
        do throws(SystemError) {
            let isOn = try held.isOn
            line = consume held
            return isOn ? nil : "\(name): off again"
        } catch {
            return "\(error)"
        }
    }

    private static func problem(ofLED path: String) -> String? {
        // The trigger in use stands in brackets: "none [heartbeat] timer".
        if let trigger = SystemFile.text("\(path)/trigger")?.split(separator: " ").first(where: { $0.hasPrefix("[") }),
            !trigger.hasPrefix("[none]")
        {
            return "\(path): somebody has it blink (\(trigger))"
        }
        guard let brightness = SystemFile.integer("\(path)/brightness") else { return "\(path): gone" }
        return brightness > 0 ? nil : "\(path): off again"
    }

    private static func text(_ isOn: Bool) -> String { isOn ? "live\n" : "idle\n" }

    private mutating func switchLine(_ isOn: Bool) -> String? {
        guard let gpio else { return nil }
        do throws(SystemError) {
            // Taken out and put back: an optional that cannot be copied cannot be borrowed across a throw.
            let held: GPIOLine
            if let line = line.take() {
                held = line
            } else {
                held = try GPIOLine(
                    chip: gpio.chip, line: gpio.line, isActiveLow: gpio.isActiveLow, consumer: "kiosk-agent")
            }
            try held.set(isOn)
            line = consume held
            return nil
        } catch {
            // The line is let go and asked for anew the next time: its chip may have been unplugged.
            return "\(error)"
        }
    }

    private func switchLED(_ path: String, _ isOn: Bool) -> String? {
        // An LED that a trigger of the kernel drives would not show the state.
        if let problem = Indicator.write("none", to: "\(path)/trigger", mayBeMissing: true) { return problem }
        let full = SystemFile.integer("\(path)/max_brightness") ?? 1
        if let problem = Indicator.write(isOn ? "\(full)" : "0", to: "\(path)/brightness") { return problem }
        // Some drivers accept a brightness and ignore it.
        let now = SystemFile.integer("\(path)/brightness") ?? -1
        return (now > 0) == isOn ? nil : "\(path): does not change"
    }

    private static func write(_ text: String, to path: String, mayBeMissing: Bool = false) -> String? {
        let descriptor = open(path, O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            return mayBeMissing && errno == ENOENT ? nil : "\(path): \(SystemError.text(errno))"
        }
        defer { close(descriptor) }
        let count = Array(text.utf8).withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
        return count == text.utf8.count ? nil : "\(path): \(SystemError.text(errno))"
    }

    /// A program that reads the file sees the old or the new contents, never half of them.
    private static func replace(_ path: String, with text: String) -> String? {
        let temporary = "\(path).new"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { return "\(temporary): \(SystemError.text(errno))" }
        // The umask is the service's, the reader is another user.
        fchmod(descriptor, 0o644)
        let count = Array(text.utf8).withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
        close(descriptor)
        guard count == text.utf8.count, rename(temporary, path) == 0 else {
            return "\(path): \(SystemError.text(errno))"
        }
        return nil
    }
}
