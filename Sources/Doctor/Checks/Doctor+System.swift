import AgentSettings
import Glibc
import HTTP
import HTTPTransport
import JSON
import Primitives
import Reactor

/// The machine: room on the disk, memory, temperature, clock.
extension Doctor {
    func checkDisk() -> Finding {
        guard let configuration else { return .notChecked("no configuration") }
        // Before the first start only the directory above is there.
        var path = configuration.stateDirectoryPath
        while access(path, F_OK) != 0, path != "/" { path = StateDirectory.parent(of: path) }
        var status = statvfs()
        guard statvfs(path, &status) == 0 else {
            return .unanswered(
                "\(path): \(SystemError.text(errno))", why: "crew events are kept there",
                remedy: "journalctl -k; findmnt -T \(path)")
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

    /// What is available, and how long programs waited for memory lately (the kernel's pressure stall information).
    func checkMemory() -> Finding {
        let memory = MemoryState.read()
        guard let available = memory.availableKiB, let total = memory.totalKiB else {
            return .unanswered(
                "/proc/meminfo tells nothing", why: "nobody can tell whether memory is scarce", remedy: "mount /proc")
        }
        var facts = JSONObject()
        facts["availableKiB"] = .integer(available)
        facts["totalKiB"] = .integer(total)
        facts["pressurePercent"] = memory.pressurePercent.map { .double($0) }
        let pressure = memory.pressurePercent.map { $0 >= 1 ? ", programs wait for it \($0) % of the time" : "" } ?? ""
        let seen = "\(available >> 10) of \(total >> 10) MiB available\(pressure)"
        let remedy = MemoryState.remedy
        switch memory.level {
        case .exhausted:
            return Finding(
                .failed, seen, why: "the kernel will soon end programs, the agent maybe first", remedy: remedy,
                facts: facts)
        case .scarce:
            return Finding(
                .warning, seen, why: "a session needs about 60 MiB, and pictures that wait for memory come late",
                remedy: remedy, facts: facts)
        case .ample: return .ok(seen, facts: facts)
        }
    }

    func checkTemperature() -> Finding {
        let thermal = ThermalState.read()
        guard let degrees = thermal.celsius else { return Finding(.unknown, "the machine has no thermometer") }
        let throttled = thermal.throttleCount
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

    /// This machine's clock against the server's. The Date field of an answer tells the server's to the second; the offset
    /// that the agent's heartbeat measured is finer, but may be older than a jump of the clock.
    func checkClock() -> Finding {
        let exchange = serverExchange()
        var offset = status?["clockOffsetSeconds"]?.double.map { Duration.milliseconds(Int64(($0 * 1000).rounded())) }
        if case .success(let response) = exchange.outcome,
            let date = response.headers["Date"].flatMap(WallClock.init(httpDate:))
        {
            // The date is cut to its second: on average half of one is missing.
            let told = date + .milliseconds(500) - exchange.at
            let isStale = offset.map { abs(($0 - told).seconds) > 1.5 } ?? true
            if isStale { offset = told }
        }
        var refusal: TLSFailure?
        if case .failure(.tls(let failure)) = exchange.outcome { refusal = failure }
        return Doctor.clockFinding(
            offset: offset, refusal: refusal, now: SystemWallClock.now(),
            isSynchronized: access("/run/systemd/timesync/synchronized", F_OK) == 0)
    }

    static func clockFinding(
        offset: Duration?, refusal: TLSFailure?, now: WallClock, isSynchronized: Bool
    ) -> Finding {
        var facts = JSONObject()
        facts["localTime"] = .string(now.text)
        facts["timesyncd"] = .bool(isSynchronized)
        let why = "certificates and tokens are judged by the clock, crew events carry its time"
        if let offset {
            let measured = offset.seconds
            facts["offsetSeconds"] = .double((measured * 1000).rounded() / 1000)
            let seen = "\(Int(abs(measured))) s \(measured > 0 ? "behind" : "ahead of") the server"
            if abs(measured) > 30 {
                return Finding(
                    .failed, seen, why: why, remedy: "timedatectl set-ntp true, and a time server that can be reached",
                    facts: facts)
            }
            if abs(measured) > 2 {
                return Finding(
                    .warning, seen, why: "crew events carry this clock's time", remedy: "timedatectl set-ntp true",
                    facts: facts)
            }
            return .ok("right by the server", facts: facts)
        }
        if now < WallClock.earliestSane {
            return Finding(
                .failed, "it is \(now.text) here: the clock was not set since power came", why: why,
                remedy: "timedatectl set-ntp true, or set it by hand; the clock's battery may be empty", facts: facts)
        }
        if refusal == .notYetValid {
            return Finding(
                .failed, "\(now.text), before the server's certificate begins", why: why,
                remedy: "timedatectl set-ntp true, or set it by hand", facts: facts)
        }
        return isSynchronized
            ? .ok("kept by a time server", facts: facts)
            : Finding(.unknown, "\(now.text), nobody to compare it with", why: why, remedy: "timedatectl", facts: facts)
    }
}
