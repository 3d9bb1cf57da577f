import Glibc

/// How much memory the machine has left, and whether programs wait for it.
public struct MemoryState: Sendable, Equatable {
    /// What the kiosk does with it: nothing, a warning, a fault.
    public enum Level: String, Sendable {
        case ample, scarce, exhausted
    }

    /// `MemAvailable` of /proc/meminfo; nil where it cannot be read.
    public var availableKiB: Int64?
    /// `MemTotal` of /proc/meminfo.
    public var totalKiB: Int64?
    /// Of the last minute, how much of it some program stood still for want of memory (the kernel's pressure stall
    /// information, `some avg60`); nil where the kernel does not count it.
    public var pressurePercent: Double?

    /// As the kernel says now.
    public static func read() -> MemoryState {
        let fields = SystemFile.fields("/proc/meminfo")
        return MemoryState(
            availableKiB: fields["MemAvailable"], totalKiB: fields["MemTotal"],
            pressurePercent: SystemFile.text("/proc/pressure/memory").flatMap(pressure))
    }

    /// `some avg10=0.00 avg60=0.00 avg300=0.00 total=0` and a line `full …`.
    static func pressure(_ text: String) -> Double? {
        for line in text.split(separator: "\n") where line.hasPrefix("some ") {
            for field in line.split(separator: " ") where field.hasPrefix("avg60=") {
                return Double(field.dropFirst(6))
            }
        }
        return nil
    }

    /// What a technician can do about scarce memory.
    public static let remedy =
        "see what eats it: "
        + ToolCommand.available("ps aux --sort -rss | head", "grep VmRSS /proc/[0-9]*/status")

    /// A session needs some 60 MiB.
    public var level: Level {
        guard let availableKiB else { return .ample }
        let pressure = pressurePercent ?? 0
        if availableKiB < 64 << 10 || pressure >= 40 { return .exhausted }
        return availableKiB < 128 << 10 || pressure >= 10 ? .scarce : .ample
    }
}
