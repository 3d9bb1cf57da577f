import Primitives

// When the sign that media leaves the kiosk must be lit, and what a sign that fails means.
//
//            lit                    check: dark, and it is required
//   dark ──────────▶ lit ──────────────────────────────────────────▶ failing
//     ▲               │ darkened                                         │ darkened
//     └───────────────┴──────────────────────────────────────────────────┘
//
// No lamp, no clock: `Agent` switches and looks at the `Indicator`, and tells what came of it.

/// Whether the indicator is lit, and when it is checked next.
struct IndicatorMachine: Sendable {
    private enum Phase: Sendable {
        /// No media leaves, and why not if a check was the reason. To `lit`.
        case dark(after: String?)
        /// Media leaves. To itself with each check, to `failing`, to `dark`. Nothing is checked where no indicator is configured.
        case lit(checkAt: Instant?)
        /// It went out although it must be lit. To `dark`, which the end of all media brings.
        case failing(String)
    }

    /// What follows from switching it on.
    enum Answer: Equatable, Sendable {
        case mediaMayLeave
        /// It must be lit and cannot be switched, for this reason.
        case mediaMustStay(String)
    }

    /// What follows from a check.
    enum Verdict: Equatable, Sendable {
        case isLit
        /// It is to be switched on once more; `litAgain` tells what came of it.
        case lightAgain(String)
        /// It must be lit and is not, for this reason: no media leaves any more, of any session.
        case mediaMustStop(String)
    }

    private var phase: Phase
    /// What could not be switched when it was last tried.
    private var problem: String?
    private let isConfigured: Bool
    private let isRequired: Bool

    /// A lamp may be unplugged, or another program may switch it, while media leaves.
    static let checkInterval = Duration.seconds(1)

    init(isConfigured: Bool, isRequired: Bool) {
        phase = .dark(after: nil)
        problem = nil
        self.isConfigured = isConfigured
        self.isRequired = isRequired
    }

    /// It was switched on for a session whose media is to leave.
    mutating func lit(_ problems: [String], now: Instant) -> Answer {
        problem = problems.first
        if let problem, isRequired { return .mediaMustStay(problem) }
        phase = .lit(checkAt: isConfigured ? now + IndicatorMachine.checkInterval : nil)
        return .mediaMayLeave
    }

    /// It was switched off. A lamp that was dark before may let itself be switched off, and failed all the same.
    mutating func darkened(_ problems: [String]) {
        let reason: String? =
            switch phase {
            case .dark(let reason): reason
            case .failing(let reason): reason
            case .lit: nil
            }
        problem = problems.first ?? reason
        phase = .dark(after: reason)
    }

    /// It was looked at.
    mutating func checked(_ problems: [String], now: Instant) -> Verdict {
        guard case .lit = phase else { return .isLit }
        phase = .lit(checkAt: now + IndicatorMachine.checkInterval)
        guard let reason = problems.first else { return .isLit }
        guard isRequired else { return .lightAgain(reason) }
        phase = .failing(reason)
        return .mediaMustStop(reason)
    }

    /// It was switched on once more, because a check found it dark.
    mutating func litAgain(_ problems: [String]) { problem = problems.first }

    /// When it is to be looked at.
    var nextTimeout: Instant? {
        guard case .lit(let checkAt) = phase else { return nil }
        return checkAt
    }

    /// For the status: nil without an indicator, empty when it is as it should be, else why not.
    var report: String? { isConfigured ? problem ?? "" : nil }
}
