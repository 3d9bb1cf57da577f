import JSON
import Reactor

/// What is available, and how long programs waited for memory lately (the kernel's pressure stall information).
enum MemoryCheck: Check {
    static func gather(_ context: CheckContext) -> Gathered<MemoryState> { .seen(MemoryState.read()) }

    static func judge(_ memory: MemoryState) -> Finding {
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
}
