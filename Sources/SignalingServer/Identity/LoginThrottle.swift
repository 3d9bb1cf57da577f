public import Primitives

/// Slows guessing down: after a few failures an account, and an address, must wait ever longer, a minute at most.
///
/// An attempt counts as a failure until it has succeeded, so that many at once gain nothing. An attempt that is told to
/// wait counts for nothing. Where a name succeeded last, a stranger's failures under that name elsewhere do not make
/// it wait: guessing at a kiosk's password cannot lock the kiosk out.
public struct LoginThrottle: Sendable {
    enum Key: Hashable, Sendable {
        case account(String)
        case accountAtHome(String)
        case address(IPAddress)

        /// Failures without consequence. Behind one address there may be a whole depot.
        var free: Int {
            switch self {
            case .account, .accountAtHome: 4
            case .address: 24
            }
        }
    }

    struct Entry: Sendable {
        var failures: Int
        var blockedUntil: Instant
        var lastFailure: Instant
    }

    public static let longestWait: Duration = .seconds(60)
    private static let forgottenAfter: Duration = .seconds(15 * 60)
    private static let entryLimit = 50_000

    private var entries: [Key: Entry]
    private var homes: [String: IPAddress]

    public init() {
        entries = [:]
        homes = [:]
    }

    /// Before a password is checked.
    /// - Returns: how long to wait instead; nil when the attempt may go on, which is then counted as a failure.
    public mutating func attemptBegan(account: String, address: IPAddress, now: Instant) -> Duration? {
        let keys = keys(account, address)
        let wait = keys.compactMap { entries[$0]?.blockedUntil }.max().map { $0 - now } ?? .zero
        guard wait <= .zero else { return wait }
        if entries.count > LoginThrottle.entryLimit { forget(now: now) }
        for key in keys { fail(key, now: now) }
        return nil
    }

    /// The password was right.
    public mutating func attemptSucceeded(account: String, address: IPAddress) {
        for key in [Key.account(account), .accountAtHome(account)] { entries[key] = nil }
        if var entry = entries[.address(address.prefix64)] {
            entry.failures -= 1
            entry.blockedUntil = entry.lastFailure
            entries[.address(address.prefix64)] = entry.failures > 0 ? entry : nil
        }
        homes[account] = address
    }

    /// The attempt was never judged: the server was busy or failed.
    public mutating func attemptWithdrawn(account: String, address: IPAddress) {
        for key in keys(account, address) {
            guard var entry = entries[key] else { continue }
            entry.failures -= 1
            entry.blockedUntil = entry.lastFailure
            entries[key] = entry.failures > 0 ? entry : nil
        }
    }

    private func keys(_ account: String, _ address: IPAddress) -> [Key] {
        [homes[account] == address ? .accountAtHome(account) : .account(account), .address(address.prefix64)]
    }

    private mutating func fail(_ key: Key, now: Instant) {
        var entry = entries[key] ?? Entry(failures: 0, blockedUntil: now, lastFailure: now)
        if now - entry.lastFailure > LoginThrottle.forgottenAfter { entry.failures = 0 }
        entry.failures += 1
        entry.lastFailure = now
        let excess = entry.failures - key.free
        if excess > 0 {
            let wait = min(LoginThrottle.longestWait, .seconds(1 << Int64(min(excess - 1, 6))))
            entry.blockedUntil = now + wait
        }
        entries[key] = entry
    }

    /// Drops what no longer matters, and everything when a flood of names leaves too much of it.
    private mutating func forget(now: Instant) {
        entries = entries.filter { now - $0.value.lastFailure <= LoginThrottle.forgottenAfter }
        if entries.count > LoginThrottle.entryLimit { entries = entries.filter { $0.value.blockedUntil > now } }
        if entries.count > LoginThrottle.entryLimit { entries = [:] }
    }
}
