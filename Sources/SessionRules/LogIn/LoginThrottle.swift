public import Primitives

/// Slows guessing down: after a few failures an account, and an address, must wait ever longer, a minute at most.
///
/// An attempt counts as a failure until it has succeeded, so that many at once gain nothing. An attempt that is told to
/// wait counts for nothing. Failures count for the network they came from (`IPAddress.guesserNetwork`), so that
/// strangers make nobody else wait. At an account's homes, the addresses from which it succeeded before, only failures
/// of that account at that home count: neither what is guessed elsewhere nor the other accounts of a depot keep it out.
public struct LoginThrottle: Sendable {
    enum Key: Hashable, Sendable {
        case home(String, IPAddress)
        case network(String, IPAddress)
        case address(IPAddress)

        /// Failures without consequence. Behind one address there may be a whole depot.
        var free: Int {
            switch self {
            case .home, .network: 4
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
    /// Homes kept of one account; a new one takes the place of the one that was used least lately.
    public static let homesPerAccount = 8
    private static let forgottenAfter: Duration = .seconds(15 * 60)
    private static let entryLimit = 50_000

    private var entries: [Key: Entry]
    /// Of each account, the latest last.
    private var homes: [String: [IPAddress]]

    /// - Parameter homes: of each account, the latest last; each as `IPAddress.prefix64`.
    public init(homes: [String: [IPAddress]] = [:]) {
        entries = [:]
        self.homes = homes
    }

    public func isHome(_ address: IPAddress, of account: String) -> Bool {
        homes[account]?.contains(address.prefix64) == true
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
        // Counted where the attempt began, before the address became a home, or as one.
        entries[.home(account, address.prefix64)] = nil
        if entries.removeValue(forKey: .network(account, address.guesserNetwork)) != nil {
            withdraw(.address(address.prefix64))
        }
        var known = homes[account] ?? []
        known.removeAll { $0 == address.prefix64 }
        known.append(address.prefix64)
        homes[account] = known.suffix(LoginThrottle.homesPerAccount)
    }

    /// The attempt was never judged: the server was busy or failed.
    public mutating func attemptWithdrawn(account: String, address: IPAddress) {
        for key in keys(account, address) { withdraw(key) }
    }

    private func keys(_ account: String, _ address: IPAddress) -> [Key] {
        isHome(address, of: account)
            ? [.home(account, address.prefix64)]
            : [.network(account, address.guesserNetwork), .address(address.prefix64)]
    }

    private mutating func withdraw(_ key: Key) {
        guard var entry = entries[key] else { return }
        entry.failures -= 1
        entry.blockedUntil = entry.lastFailure
        entries[key] = entry.failures > 0 ? entry : nil
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

extension IPAddress {
    /// What one who guesses can choose addresses from: of IPv6 the /48 that a site is given (RFC 6177), of IPv4 one address.
    public var guesserNetwork: IPAddress {
        switch self {
        case .v4: self
        case .v6(let high, _): .v6(high: high & ~0xFFFF, low: 0)
        }
    }
}
