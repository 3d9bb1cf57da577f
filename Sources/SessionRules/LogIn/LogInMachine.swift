public import Primitives
public import Signaling

/// What becomes of a log-in whose password has been checked, by what the records say then.
public enum LogInVerdict: Hashable, Sendable {
    case succeeded(Account)
    /// A wrong password and an unknown name look the same to the client; `organization` is the account's, or empty.
    case refused(organization: String)
    case disabled(organization: String)
}

/// Every log-in of the server, from its arrival to its answer. No clock, no password's hash, no records: those answer.
///
///     arrived ──▶ told to come back (throttle, a full queue, a wait that was too long)
///        └──▶ waiting ──its turn──▶ reading ──credentials──▶ checking ──right or wrong──▶ judging ──verdict──▶ answered
///                                      └──────────── the records fail ─────────────────────┴──▶ failed
///
/// The account is read before the password is checked, which takes its time, and again afterwards: meanwhile the password may have been
/// changed or the account disabled. An answer that belongs to no log-in in that phase is counted and does nothing.
public struct LogInMachine<Ticket: Hashable & Sendable, Credentials: Sendable>: Sendable {
    /// A log-in whose password has been checked.
    public struct Checked: Sendable {
        /// As it was typed.
        public var name: String
        /// What the password was checked against; nil where nobody had that name.
        public var checkedAgainst: Credentials?
        /// Whether the password was what it was checked against.
        public var isRight: Bool
        /// The client's own, behind a trusted proxy too.
        public var address: IPAddress
    }

    /// What the driver is to do.
    public enum Action: Sendable {
        /// Read what that name's password is checked against; `credentialsRead` follows.
        case read(name: String, Ticket)
        /// Check the password, also where nobody has that name; `passwordChecked` follows.
        case check(Redacted<String>, against: Credentials?, Ticket)
        /// Let the records judge, and begin a family of tokens where they let it in; `judged` follows.
        case judge(Checked, Ticket)
        case answer(Answer, Ticket)
        case record(AuditEntry)
        /// For the log, as often as for the audit.
        case noteRefusal(name: String, address: IPAddress, SignalingErrorCode)
    }

    /// What the client is told.
    public enum Answer: Hashable, Sendable {
        case succeeded(Account)
        case refused
        case disabled
        /// The records do not answer.
        case failed
        case comeBack(after: Duration)
    }

    /// What was counted since the start.
    public struct Counts: Hashable, Sendable {
        /// Log-ins let in.
        public internal(set) var succeeded: UInt64 = 0
        /// Wrong passwords, unknown names and disabled accounts.
        public internal(set) var refused: UInt64 = 0
        /// Log-ins told to come back.
        public internal(set) var throttled: UInt64 = 0
        /// Answers of records and passwords that no log-in waited for.
        public internal(set) var unexpected: UInt64 = 0
    }

    private struct Attempt: Sendable {
        let name: String
        let password: Redacted<String>
        let address: IPAddress
    }

    private enum Phase: Sendable {
        case waiting(Attempt)
        case reading(Attempt)
        case checking(Attempt, against: Credentials?)
        case judging(Attempt)
    }

    /// Since the start.
    public private(set) var counts: Counts
    private var gate: LoginGate<Ticket, Ticket>
    private var refusals: RefusedLogins
    private var phases: [Ticket: Phase]
    private var actions: [Action]

    /// - Parameter homes: the addresses from which accounts logged in before, the latest last; each as `IPAddress.prefix64`.
    public init(homes: [String: [IPAddress]], random: RandomSource) {
        counts = Counts()
        gate = LoginGate(homes: homes, random: random)
        refusals = RefusedLogins()
        phases = [:]
        actions = []
    }

    /// What to do, in order.
    public mutating func takeActions() -> [Action] {
        defer { actions = [] }
        return actions
    }

    // MARK: What happens

    /// - Parameter ticket: of no log-in that is under way.
    public mutating func arrived(
        _ ticket: Ticket, name: String, password: Redacted<String>, from address: IPAddress, now: Instant
    ) {
        switch gate.arrived(ticket, ticket, account: name, address: address, now: now) {
        case .mustWait(let wait): comeBack(ticket, after: wait)
        case .queued(let victim):
            phases[ticket] = .waiting(Attempt(name: name, password: password, address: address))
            if let victim { comeBack(victim, after: LoginGate<Ticket, Ticket>.pause) }
        }
    }

    /// The client is gone; what is under way for it goes on, so that guessing costs as much.
    public mutating func aborted(_ ticket: Ticket) {
        gate.aborted(ticket)
        if case .waiting? = phases[ticket] { phases[ticket] = nil }
    }

    /// The records have read what the name's password is checked against; nil where nobody has that name.
    public mutating func credentialsRead(_ found: Credentials?, _ ticket: Ticket) {
        guard case .reading(let attempt)? = phases[ticket] else { return unexpected() }
        phases[ticket] = .checking(attempt, against: found)
        actions.append(.check(attempt.password, against: found, ticket))
    }

    /// The password has been compared.
    public mutating func passwordChecked(isRight: Bool, _ ticket: Ticket) {
        guard case .checking(let attempt, let found)? = phases[ticket] else { return unexpected() }
        phases[ticket] = .judging(attempt)
        let checked = Checked(name: attempt.name, checkedAgainst: found, isRight: isRight, address: attempt.address)
        actions.append(.judge(checked, ticket))
    }

    /// The records have judged, and begun a family of tokens where they let it in.
    public mutating func judged(_ verdict: LogInVerdict, _ ticket: Ticket, now: Moment) {
        guard case .judging(let attempt)? = phases[ticket] else { return unexpected() }
        finish(ticket, attempt, isRight: { if case .succeeded = verdict { true } else { false } }(), now: now.instant)
        switch verdict {
        case .succeeded(let account):
            counts.succeeded += 1
            actions.append(.answer(.succeeded(account), ticket))
        case .refused(let organization):
            refused(attempt, organization, .invalidCredentials, now: now)
            actions.append(.answer(.refused, ticket))
        case .disabled(let organization):
            refused(attempt, organization, .accountDisabled, now: now)
            actions.append(.answer(.disabled, ticket))
        }
    }

    /// The records could not be read or written.
    public mutating func recordsFailed(_ ticket: Ticket, now: Instant) {
        switch phases[ticket] {
        case .reading(let attempt)?, .judging(let attempt)?:
            finish(ticket, attempt, isRight: nil, now: now)
            actions.append(.answer(.failed, ticket))
        case .waiting?, .checking?, nil: unexpected()
        }
    }

    // MARK: Time

    /// Also when nothing is due: those whose turn it is are judged.
    public mutating func handleTimeout(now: Moment) {
        for ticket in gate.handleTimeout(now: now.instant) { comeBack(ticket, after: LoginGate<Ticket, Ticket>.pause) }
        while let ticket = gate.next(now: now.instant) {
            guard case .waiting(let attempt)? = phases[ticket] else {
                preconditionFailure("log-in: judged before it came")
            }
            phases[ticket] = .reading(attempt)
            actions.append(.read(name: attempt.name, ticket))
        }
        for entry in refusals.handleTimeout(now: now) { actions.append(.record(entry)) }
    }

    /// When `handleTimeout` is to be called next at the latest.
    public func nextTimeout(now: Instant) -> Instant? {
        [gate.nextTimeout(now: now), refusals.nextTimeout].compactMap { $0 }.min()
    }

    /// The numbers of refusals that no line names yet, because the server ends.
    public mutating func finish(at wall: WallClock) -> [AuditEntry] { refusals.finish(at: wall) }

    // MARK: Ends

    private mutating func comeBack(_ ticket: Ticket, after wait: Duration) {
        phases[ticket] = nil
        counts.throttled += 1
        actions.append(.answer(.comeBack(after: wait), ticket))
    }

    private mutating func finish(_ ticket: Ticket, _ attempt: Attempt, isRight: Bool?, now: Instant) {
        phases[ticket] = nil
        gate.finished(account: attempt.name, address: attempt.address, isRight: isRight, now: now)
    }

    private mutating func refused(
        _ attempt: Attempt, _ organization: String, _ code: SignalingErrorCode, now: Moment
    ) {
        counts.refused += 1
        let refusal = RefusedLogins.Refusal(
            organization: organization, name: attempt.name, address: attempt.address, code: code.rawValue)
        guard let entry = refusals.refused(refusal, now: now) else { return }
        actions.append(.record(entry))
        actions.append(.noteRefusal(name: attempt.name, address: attempt.address, code))
    }

    private mutating func unexpected() { counts.unexpected += 1 }
}
