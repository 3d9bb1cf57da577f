import Primitives

/// Whether the peer still agrees to receive on the path in use (RFC 7675), and whether the path lives.
///
///     running ──quiet for 5 s──▶ quiet ──answer──▶ running
///        └──────── 30 s without an answer ───────▶ expired
struct Consent: Sendable {
    /// When the next consent check is due.
    private(set) var nextCheckAt: Instant
    /// "Consent expires after 30 seconds": when, unless an answer comes.
    private(set) var expiresAt: Instant
    /// When anything authentic last came in on the path.
    private(set) var lastReceivedAt: Instant
    /// When the oldest check was sent that no answer has followed.
    private(set) var unansweredSince: Instant?
    /// When an additional check may be asked for because the path is quiet.
    private var nextQuestionAt: Instant

    /// An answer as old as this is asked for again at once.
    private static let fresh = Duration.seconds(1)

    /// Begins with the pair's last answer: a peer that moves media to and fro between pairs that answer no more gains no
    /// consent by it.
    init(
        configuration: ICEConfiguration, answeredAt: Instant, lastReceivedAt: Instant, random: inout RandomSource,
        now: Instant
    ) {
        nextCheckAt = now - answeredAt > Consent.fresh ? now : now + Consent.interval(configuration, &random)
        expiresAt = answeredAt + configuration.consentTimeout
        self.lastReceivedAt = lastReceivedAt
        unansweredSince = nil
        nextQuestionAt = now
    }

    /// "each interval MUST be randomized from between 0.8 and 1.2 times the basic period"
    private static func interval(_ configuration: ICEConfiguration, _ random: inout RandomSource) -> Duration {
        let basic = configuration.consentInterval.nanoseconds
        return .nanoseconds(Int64.random(in: basic * 8 / 10...basic * 12 / 10, using: &random))
    }

    mutating func checkSent(configuration: ICEConfiguration, random: inout RandomSource, now: Instant) {
        nextCheckAt = now + Consent.interval(configuration, &random)
        unansweredSince = unansweredSince ?? now
    }

    /// A connectivity check on the path was sent, which asks the same.
    mutating func pathChecked(now: Instant) { unansweredSince = unansweredSince ?? now }

    mutating func answered(configuration: ICEConfiguration, now: Instant) {
        expiresAt = now + configuration.consentTimeout
        unansweredSince = nil
        received(now: now)
    }

    mutating func received(now: Instant) { lastReceivedAt = max(lastReceivedAt, now) }

    /// When the path counts as quiet: nothing came for long, although we asked at least a second ago. Nil as long as
    /// every question was answered.
    func quietAt(configuration: ICEConfiguration) -> Instant? {
        unansweredSince.map { max(lastReceivedAt + configuration.disconnectedTimeout, $0 + .seconds(1)) }
    }

    func isQuiet(configuration: ICEConfiguration, now: Instant) -> Bool {
        quietAt(configuration: configuration).map { now >= $0 } ?? false
    }

    /// When a path on which nothing was received for half of that time is tried with a connectivity check, which is
    /// retransmitted.
    func questionAt(configuration: ICEConfiguration) -> Instant {
        max(lastReceivedAt + configuration.disconnectedTimeout / 2, nextQuestionAt)
    }

    mutating func questionAsked(configuration: ICEConfiguration, now: Instant) {
        nextQuestionAt = now + configuration.disconnectedTimeout / 2
    }
}
