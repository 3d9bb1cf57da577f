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
        return ServiceUnit(activeState: state, restarts: Int(restarts), result: result)
    }

    private static let destination = "org.freedesktop.systemd1"
    private static let unitInterface = "org.freedesktop.systemd1.Unit"
    private static let serviceInterface = "org.freedesktop.systemd1.Service"
}
