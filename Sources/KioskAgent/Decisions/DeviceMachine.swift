import Media
import Primitives

/// The camera or the microphone, as the sessions use it: the supervisor's media side.
///
/// ```
///            wanted             delivers
///   idle ───────────▶ opening ───────────▶ running
///    ▲                 │    ▲  ▲            │   │
///    │            late │    │  └────────────┘   │ fails
///    │                 ▼    │   wanted again    │
///    │               trouble ◀──────────────────┘      trouble ── delivers ──▶ running
///    └────────────────── stopped, once nobody wants it, from everywhere
/// ```
///
/// Beside the state: what the device, or its media, was last found to be like. It is known until the device is seen to work,
/// or is another one.
struct DeviceMachine: Sendable {
    enum State: Hashable, Sendable {
        /// Configured away. Stays so.
        case none
        /// → opening
        case idle
        /// A driver that has said nothing by then hangs. → running, trouble, idle
        case opening(until: Instant)
        /// → trouble, opening, idle
        case running(source: String)
        /// → running, opening, idle
        case trouble(MediaTrouble)

        /// The word in heartbeats. A device that is being opened is not `live` yet: that word ends a monitor's error.
        var word: String {
            switch self {
            case .none: "none"
            case .idle, .opening: "idle"
            case .running: "live"
            case .trouble(let trouble): trouble.state
            }
        }
    }

    /// A driver that takes longer to open a device than any that works hangs.
    static let openingTimeout = Duration.seconds(8)

    private(set) var state: State
    /// What is wrong with media that flows.
    private(set) var condition: MediaCondition?
    /// What the device could not be used for when it was last tried, until it is seen to work.
    private(set) var finding: MediaTrouble?
    /// Whether some session has it open.
    private var isWanted: Bool

    init(isConfigured: Bool) {
        state = isConfigured ? .idle : .none
        condition = nil
        finding = nil
        isWanted = false
    }

    /// Whether it cannot be used now.
    var fails: Bool { if case .trouble = state { true } else { false } }

    /// When `hangs` is due.
    var nextTimeout: Instant? { if case .opening(let until) = state { until } else { nil } }

    /// Whether some session has it open now. The media thread opens it anew when it was closed meanwhile, whatever it has
    /// told by then.
    mutating func want(_ isWanted: Bool, now: Instant) {
        guard isWanted != self.isWanted else { return }
        self.isWanted = isWanted
        guard isWanted, state != .none else { return }
        state = .opening(until: now + DeviceMachine.openingTimeout)
    }

    // MARK: events, and whether they are news in this state

    mutating func delivers(_ source: String) -> Bool {
        guard isWanted else { return false }
        state = .running(source: source)
        finding = nil
        // What its media was like before is past; what it is like now is found anew.
        condition = nil
        return true
    }

    mutating func fails(_ trouble: MediaTrouble) -> Bool {
        guard isWanted else { return false }
        note(trouble)
        return true
    }

    mutating func isLike(_ condition: MediaCondition?) -> Bool {
        // Over because the device was closed: nobody has seen it well, so it stays known.
        if condition == nil, !isWanted { return false }
        self.condition = condition
        return true
    }

    mutating func stopped() -> Bool {
        guard !isWanted, state != .none else { return false }
        state = .idle
        return true
    }

    /// Its driver has not answered: the thread hangs in the kernel, and says nothing itself.
    mutating func hangs(_ trouble: MediaTrouble, now: Instant) -> Bool {
        guard let nextTimeout, nextTimeout <= now else { return false }
        note(trouble)
        return true
    }

    /// Another device may be there: what was found before says nothing any more.
    mutating func forget() -> Bool {
        guard !isWanted, finding != nil || condition != nil else { return false }
        (finding, condition) = (nil, nil)
        return true
    }

    /// It is not there, which is known before somebody wants to see.
    mutating func isAbsent(_ trouble: MediaTrouble) -> Bool {
        guard state == .idle, !isWanted, finding != trouble else { return false }
        finding = trouble
        return true
    }

    private mutating func note(_ trouble: MediaTrouble) {
        state = .trouble(trouble)
        finding = trouble
    }
}
