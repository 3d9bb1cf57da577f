public import Primitives

/// Which log-ins are judged, and when. No clock, no password.
///
///     arrived ──▶ told to wait (throttle)
///        └──────▶ queued ──next──▶ judged ──▶ succeeded, failed, withdrawn
///                   └──▶ gives way, has waited too long, its client is gone
///
/// Guesses at one account from many networks are judged twenty at once and then one in two seconds, by lot among those
/// that wait, so that its owner is among them wherever that is; at its homes the owner does not wait for them at all.
public struct LoginGate<Attempt: Sendable, Ticket: Hashable & Sendable>: Sendable {
    private struct Waiting: Sendable {
        let attempt: Attempt
        let account: String
        let address: IPAddress
    }

    /// Judged at the same time: enough to keep the thread that hashes passwords busy.
    static var concurrency: Int { 4 }
    /// How soon who had to give way may come back.
    public static var pause: Duration { .seconds(2) }

    private var throttle: LoginThrottle
    private var queue: LoginQueue<Ticket>
    private var waiting: [Ticket: Waiting]
    /// Attempts from elsewhere, by account.
    private var strangers: TokenBuckets<String>
    /// Log-ins with the right password, by account: each is an entry of the audit and a family of refresh tokens.
    private var successes: TokenBuckets<String>
    private var judging: Int

    /// - Parameter homes: as `LoginThrottle`'s.
    public init(homes: [String: [IPAddress]] = [:], random: RandomSource) {
        throttle = LoginThrottle(homes: homes)
        queue = LoginQueue(random: random)
        waiting = [:]
        strangers = TokenBuckets(burst: 20, perSecond: 0.5)
        successes = TokenBuckets(burst: 60, perSecond: 0.5)
        judging = 0
    }

    public enum Admission {
        /// `givesWay` is somebody, perhaps this one, who is to come back after `pause`.
        case queued(givesWay: Attempt?)
        case mustWait(Duration)
    }

    public mutating func arrived(
        _ attempt: Attempt, _ ticket: Ticket, account: String, address: IPAddress, now: Instant
    ) -> Admission {
        guard successes.has(account, now: now) else { return .mustWait(LoginGate.pause) }
        if let wait = throttle.attemptBegan(account: account, address: address, now: now) { return .mustWait(wait) }
        waiting[ticket] = Waiting(attempt: attempt, account: account, address: address)
        let lane: LoginQueue<Ticket>.Lane = throttle.isHome(address, of: account) ? .home : .elsewhere
        let victim = queue.add(ticket, account: account, address: address, lane: lane, now: now)
        return .queued(givesWay: victim.flatMap { withdraw($0) })
    }

    /// The next whose password is to be checked; `finished` or `failed` follows.
    public mutating func next(now: Instant) -> Attempt? {
        guard judging < LoginGate.concurrency else { return nil }
        let strangers = strangers
        guard let ticket = queue.next(where: { strangers.has($0, now: now) }),
            let chosen = waiting.removeValue(forKey: ticket)
        else { return nil }
        if !throttle.isHome(chosen.address, of: chosen.account) { _ = self.strangers.take(chosen.account, now: now) }
        judging += 1
        return chosen.attempt
    }

    /// - Parameter isRight: nil where nobody could tell.
    public mutating func finished(account: String, address: IPAddress, isRight: Bool?, now: Instant) {
        judging -= 1
        switch isRight {
        case true?:
            throttle.attemptSucceeded(account: account, address: address)
            _ = successes.take(account, now: now)
        case false?: queue.failed(address, now: now)
        case nil: throttle.attemptWithdrawn(account: account, address: address)
        }
    }

    /// The client is gone; one that is being judged goes on.
    public mutating func aborted(_ ticket: Ticket) {
        if queue.remove(ticket) { _ = withdraw(ticket) }
    }

    /// - Returns: who has waited for too long and is to come back after `pause`.
    public mutating func handleTimeout(now: Instant) -> [Attempt] {
        queue.handleTimeout(now: now).compactMap { withdraw($0) }
    }

    /// When somebody who waits has waited too long, or may be judged.
    public func nextTimeout(now: Instant) -> Instant? {
        guard queue.count > 0 else { return nil }
        let look = judging < LoginGate.concurrency ? now + .milliseconds(100) : .distantFuture
        return min(queue.nextTimeout ?? .distantFuture, look)
    }

    private mutating func withdraw(_ ticket: Ticket) -> Attempt? {
        guard let gone = waiting.removeValue(forKey: ticket) else { return nil }
        throttle.attemptWithdrawn(account: gone.account, address: gone.address)
        return gone.attempt
    }
}
