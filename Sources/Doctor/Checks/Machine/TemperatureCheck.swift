import JSON
import Reactor

/// How warm the machine is, and whether it slowed itself down.
enum TemperatureCheck: Check {
    static func gather(_ context: CheckContext) -> Gathered<ThermalState> { .seen(ThermalState.read()) }

    static func judge(_ thermal: ThermalState) -> Finding {
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
}
