import CSystemd

/// What the service manager is told (sd_notify(3)). Without a service manager every call does nothing.
public struct ServiceNotifier: Sendable {
    /// Finds the service manager by its environment, with each call.
    public init() {}

    /// Startup is finished.
    public func ready(status: String) { send("READY=1\nSTATUS=\(oneLine(status))") }

    /// What the service is doing, for `systemctl status`.
    public func status(_ text: String) { send("STATUS=\(oneLine(text))") }

    /// The service makes progress.
    public func watchdog() { send("WATCHDOG=1") }

    /// The service failed in a way that only a restart heals.
    public func watchdogTrigger() { send("WATCHDOG=trigger") }

    /// A reload begins; `ready` ends it. `monotonic` is the current time of CLOCK_MONOTONIC (sd_notify(3)).
    public func reloading(monotonicMicroseconds: UInt64) {
        send("RELOADING=1\nMONOTONIC_USEC=\(monotonicMicroseconds)")
    }

    /// The clean end begins.
    public func stopping(status: String) { send("STOPPING=1\nSTATUS=\(oneLine(status))") }

    /// How often the manager wants to hear from the service at the latest; nil when no watchdog is set.
    public var watchdogTimeout: Duration? {
        var microseconds: UInt64 = 0
        guard sd_watchdog_enabled(0, &microseconds) > 0 else { return nil }
        return .microseconds(Int64(clamping: microseconds))
    }

    /// Listening sockets the manager opened for the service (sd_listen_fds(3)), in the unit's order.
    public func listenDescriptors() -> [Int32] {
        let count = sd_listen_fds(0)
        return count > 0 ? (0..<count).map { SD_LISTEN_FDS_START + $0 } : []
    }

    private func send(_ state: String) { _ = sd_notify(0, state) }

    private func oneLine(_ text: String) -> String {
        String(text.map { $0.isNewline ? " " : $0 })
    }
}
