import Primitives

/// When an address that cannot be bound yet is tried again: the kernel shows an IPv6 address before it has made sure that no other host
/// has it (RFC 4862 section 5.4), and reports nothing when it has.
///
///     idle ── failed ──▶ waiting ── its time ──▶ trying ── failed ──▶ waiting, once less
///      ▲                    └── none left ──▶ idle  └── all bound ──▶ idle
struct RebindSchedule: Sendable {
    private enum Phase {
        case idle
        case waiting(until: Instant, left: Int)
        case trying(left: Int)
    }

    static let attempts = 10
    static let interval = Duration.milliseconds(500)

    private var phase = Phase.idle

    /// When `begin` is due.
    var nextTimeout: Instant? { if case .waiting(let until, _) = phase { until } else { nil } }

    /// An address could not be bound.
    mutating func failed(now: Instant) {
        switch phase {
        case .idle: phase = .waiting(until: now + RebindSchedule.interval, left: RebindSchedule.attempts)
        case .trying(let left): phase = .waiting(until: now + RebindSchedule.interval, left: left)
        case .waiting: break
        }
    }

    /// Whether addresses are to be bound now; then `ended` closes the attempt.
    mutating func begin(now: Instant) -> Bool {
        guard case .waiting(let until, let left) = phase, until <= now else { return false }
        guard left > 0 else {
            phase = .idle
            return false
        }
        phase = .trying(left: left - 1)
        return true
    }

    /// The attempt is over; where it failed, another has its time already.
    mutating func ended() { if case .trying = phase { phase = .idle } }
}
