import CSystemd
import Glibc

/// What the service manager knows about a unit, asked over the system bus.
public struct ServiceUnit: Hashable, Sendable {
    /// `active`, `inactive`, `failed`, `activating` …
    public var activeState: String
    /// How often it was started again by itself.
    public var restarts: Int
    /// How it ended last: `success`, `exit-code`, `watchdog`, `oom-kill` …
    public var result: String
    /// How long it may be silent before it is started again; nil without a watchdog.
    public var watchdog: Duration?
    /// The exit status, or the signal, of the process before this one.
    public var lastExitStatus: Int?
    /// When that was, in microseconds since 1970.
    public var lastExitAt: Int64?

    /// For tests; `read` asks the service manager.
    public init(
        activeState: String, restarts: Int, result: String, watchdog: Duration? = nil, lastExitStatus: Int? = nil,
        lastExitAt: Int64? = nil
    ) {
        self.activeState = activeState
        self.restarts = restarts
        self.result = result
        self.watchdog = watchdog
        self.lastExitStatus = lastExitStatus
        self.lastExitAt = lastExitAt
    }

    /// Nil without a service manager, or when it does not know the unit.
    public static func read(_ name: String) -> ServiceUnit? {
        var bus: OpaquePointer?
        guard sd_bus_open_system(&bus) >= 0, let bus else { return nil }
        defer { sd_bus_flush_close_unref(bus) }
        // A bus that does not answer must not hold a technician up.
        sd_bus_set_method_call_timeout(bus, 2_000_000)
        var encoded: UnsafeMutablePointer<CChar>?
        guard sd_bus_path_encode("/org/freedesktop/systemd1/unit", name, &encoded) >= 0, let path = encoded else {
            return nil
        }
        defer { free(path) }
        func text(_ interface: String, _ member: String) -> String? {
            var value: UnsafeMutablePointer<CChar>?
            guard
                sd_bus_get_property_string(bus, destination, path, interface, member, nil, &value) >= 0,
                let value
            else { return nil }
            defer { free(value) }
            return String(cString: value)
        }
        var restarts: UInt32 = 0
        guard text(unitInterface, "LoadState") == "loaded", let state = text(unitInterface, "ActiveState"),
            let result = text(serviceInterface, "Result"),
            sd_bus_get_property_trivial(
                bus, destination, path, serviceInterface, "NRestarts", nil, CChar(UInt8(ascii: "u")), &restarts) >= 0
        else { return nil }
        func number(_ member: String) -> UInt64? {
            var value: UInt64 = 0
            let code = sd_bus_get_property_trivial(
                bus, destination, path, serviceInterface, member, nil, CChar(UInt8(ascii: "t")), &value)
            return code >= 0 && value > 0 && value < UInt64(Int64.max / 1000) ? value : nil
        }
        var exitStatus: Int32 = 0
        let exited = number("ExecMainExitTimestamp")
        let hasStatus = sd_bus_get_property_trivial(
            bus, destination, path, serviceInterface, "ExecMainStatus", nil, CChar(UInt8(ascii: "i")), &exitStatus)
        return ServiceUnit(
            activeState: state, restarts: Int(restarts), result: result,
            watchdog: number("WatchdogUSec").map { .microseconds(Int64($0)) },
            lastExitStatus: exited != nil && hasStatus >= 0 ? Int(exitStatus) : nil,
            lastExitAt: exited.map(Int64.init))
    }

    private static let destination = "org.freedesktop.systemd1"
    private static let unitInterface = "org.freedesktop.systemd1.Unit"
    private static let serviceInterface = "org.freedesktop.systemd1.Service"
}
