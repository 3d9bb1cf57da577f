/// How warm the machine is, and whether it slowed itself down for it (`/sys/class/thermal`, and the x86 processors'
/// `thermal_throttle`).
public struct ThermalState: Sendable, Equatable {
    /// Of the hottest zone; nil on a machine without a thermometer.
    public var celsius: Double?
    /// Since boot, of all processors.
    public var throttleCount: Int64

    /// - Parameter root: where sysfs is mounted.
    public static func read(_ root: String = "/sys") -> ThermalState {
        let zones = SystemFile.list("\(root)/class/thermal").filter { $0.hasPrefix("thermal_zone") }
            .compactMap { SystemFile.integer("\(root)/class/thermal/\($0)/temp") }
        let processors = "\(root)/devices/system/cpu"
        let throttles = SystemFile.list(processors).filter { $0.hasPrefix("cpu") }
            .compactMap { SystemFile.integer("\(processors)/\($0)/thermal_throttle/core_throttle_count") }
        return ThermalState(celsius: zones.max().map { Double($0) / 1000 }, throttleCount: throttles.reduce(0, &+))
    }

    /// What is told is only what moved enough to matter: each new value is a message to every monitor.
    public func differs(from told: ThermalState) -> Bool {
        guard let celsius, let before = told.celsius else { return celsius != told.celsius }
        return abs(celsius - before) >= 3 || throttleCount != told.throttleCount
    }
}
