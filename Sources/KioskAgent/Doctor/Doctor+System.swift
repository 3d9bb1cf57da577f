import Glibc
import Primitives
import Reactor
import SocketIO

/// The machine below: room, heat, time.
extension Doctor {
    func checkDisk() -> Finding {
        guard let configuration else { return .skipped("no configuration") }
        // Before the first start only the directory above is there.
        var path = configuration.stateDirectoryPath
        while access(path, F_OK) != 0, path != "/" { path = StateDirectory.parent(of: path) }
        var status = statvfs()
        guard statvfs(path, &status) == 0 else {
            return Finding(.unknown, "\(path): \(SystemError.text(errno))")
        }
        let free = Int64(status.f_bavail) * Int64(status.f_frsize)
        var facts = JSONObject()
        facts["freeBytes"] = .integer(free)
        facts["path"] = .string(path)
        let seen = "\(free >> 20) MiB free at \(path)"
        if free < 20 << 20 {
            return Finding(
                .failed, seen, why: "crew events cannot be stored on a full disk", remedy: "make room", facts: facts)
        }
        if free < 200 << 20 {
            return Finding(.warning, seen, why: "crew events need room", remedy: "make room soon", facts: facts)
        }
        return .ok(seen, facts: facts)
    }

    func checkMemory() -> Finding {
        let fields = SystemFile.fields("/proc/meminfo")
        guard let available = fields["MemAvailable"], let total = fields["MemTotal"] else {
            return Finding(.unknown, "/proc/meminfo tells nothing")
        }
        var facts = JSONObject()
        facts["availableKiB"] = .integer(available)
        facts["totalKiB"] = .integer(total)
        let seen = "\(available >> 10) of \(total >> 10) MiB available"
        if available < 64 << 10 {
            return Finding(
                .failed, seen, why: "the kernel will soon end programs", remedy: "see what eats it: ps aux --sort -rss",
                facts: facts)
        }
        if available < 128 << 10 {
            return Finding(
                .warning, seen, why: "a session needs about 60 MiB", remedy: "see what eats it: ps aux --sort -rss",
                facts: facts)
        }
        return .ok(seen, facts: facts)
    }

    func checkTemperature() -> Finding {
        let zones = SystemFile.list("/sys/class/thermal").filter { $0.hasPrefix("thermal_zone") }
        let temperatures = zones.compactMap { SystemFile.integer("/sys/class/thermal/\($0)/temp") }
        let throttles = SystemFile.list("/sys/devices/system/cpu").filter { $0.hasPrefix("cpu") }
            .compactMap { SystemFile.integer("/sys/devices/system/cpu/\($0)/thermal_throttle/core_throttle_count") }
        guard let hottest = temperatures.max() else { return Finding(.unknown, "the machine has no thermometer") }
        let degrees = Double(hottest) / 1000
        let throttled = throttles.reduce(0, +)
        var facts = JSONObject()
        facts["celsius"] = .double(degrees)
        facts["throttled"] = .integer(throttled)
        let seen = "\(Int(degrees.rounded())) °C" + (throttled > 0 ? ", throttled \(throttled) times since boot" : "")
        if degrees >= 90 {
            return Finding(
                .failed, seen, why: "the processor slows down or switches off", remedy: "clean fan and vents",
                facts: facts)
        }
        if degrees >= 75 || throttled > 0 {
            return Finding(
                .warning, seen, why: "a hot processor slows down, and pictures with it", remedy: "clean fan and vents",
                facts: facts)
        }
        return .ok(seen, facts: facts)
    }

    func checkClock() -> Finding {
        let now = SystemWallClock.now()
        var facts = JSONObject()
        facts["localTime"] = .string(now.text)
        let isSynchronized = access("/run/systemd/timesync/synchronized", F_OK) == 0
        facts["timesyncd"] = .bool(isSynchronized)
        let measured = status?["clockOffsetSeconds"]?.double ?? serverDate.map { ($0 - now).seconds }
        if let measured {
            facts["offsetSeconds"] = .double(measured)
            let seen =
                "\(abs(measured) < 2 ? "right" : "\(Int(abs(measured))) s \(measured > 0 ? "behind" : "ahead of")") by the server"
            if abs(measured) > 30 {
                return Finding(
                    .failed, "\(Int(abs(measured))) s \(measured > 0 ? "behind" : "ahead of") the server",
                    why: "certificates and tokens are judged by the clock, crew events carry its time",
                    remedy: "timedatectl set-ntp true, and a time server that can be reached", facts: facts)
            }
            if abs(measured) > 2 {
                return Finding(
                    .warning, seen, why: "crew events carry this clock's time", remedy: "timedatectl set-ntp true",
                    facts: facts)
            }
            return .ok(seen, facts: facts)
        }
        // Older than this program: the clock begins in the past when its battery is empty.
        if now.secondsSince1970 < 1_735_689_600 {
            return Finding(
                .failed, "it is \(now.text)", why: "certificates and tokens are judged by the clock",
                remedy: "set the clock; the battery of the clock may be empty", facts: facts)
        }
        return isSynchronized
            ? .ok("kept by a time server", facts: facts)
            : Finding(.unknown, "\(now.text), nobody to compare it with", facts: facts)
    }
}

/// Small files of the kernel.
enum SystemFile {
    static func text(_ path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 64 * 1024)
        let count = read(descriptor, &bytes, bytes.count)
        return count >= 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
    }

    static func integer(_ path: String) -> Int64? {
        text(path).flatMap { Int64($0.filter { !$0.isWhitespace }) }
    }

    /// `Name:  123 kB` lines.
    static func fields(_ path: String) -> [String: Int64] {
        var result: [String: Int64] = [:]
        for line in (text(path) ?? "").split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2, let value = parts[1].split(separator: " ").first.flatMap({ Int64($0) }) else {
                continue
            }
            result[String(parts[0])] = value
        }
        return result
    }

    static func list(_ path: String) -> [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names.sorted()
    }
}
