import Primitives

/// How long to wait before the next attempt: growing, so that a server that is down is not flooded, and random, so that
/// hundreds of kiosks do not come back in one instant.
struct ReconnectSchedule: Sendable {
    enum Pace: Sendable {
        /// The server may be back any moment: 1 to 2 s, then doubling, 15 to 30 s at last.
        case ordinary
        /// A person has to change a password or an account: 30 to 60 s at first, 150 to 300 s at last.
        case slow

        fileprivate var first: Double { self == .ordinary ? 2 : 60 }
        fileprivate var last: Double { self == .ordinary ? 30 : 300 }
    }

    private var random: RandomSource
    /// Attempts that failed one after another.
    private(set) var failures: Int

    init(random: RandomSource) {
        self.random = random
        failures = 0
    }

    /// The wait after one more failed attempt.
    mutating func delayAfterFailure(_ pace: Pace) -> Duration {
        let longest = min(pace.first * Double(1 << min(failures, 10)), pace.last)
        failures += 1
        return .milliseconds(Int64(Double.random(in: longest / 2...longest, using: &random) * 1000))
    }

    /// An attempt succeeded, or something changed that makes the next one promising.
    mutating func reset() { failures = 0 }
}
