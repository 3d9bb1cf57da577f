import Primitives

/// What the checks need to know of the path.
struct PathStanding: Equatable, Sendable {
    /// The current generation's pair that carries data.
    let selected: Int?
    let isNominated: Bool
    /// It has said nothing for long.
    let isQuiet: Bool

    /// Ordinary checks end with nomination, unless the path in use needs a successor.
    var leavesRoomForChecks: Bool { !isNominated || isQuiet }
}

/// The pair that carries data: which valid one that is, whether the peer still agrees to receive on it (RFC 7675), and what
/// the application sees of it.
///
///     new ──remote credentials──▶ checking ──first answer──▶ connected ──nominated──▶ completed
///                                    │                           ▲ │                     ▲ │
///                                    │ nothing works,            │ ▼ quiet               │ ▼
///                                    ▼ patience at an end        └─ disconnected ────────┘
///                                  failed ◀──── consent expired ───────┘
///
/// Before the peer has nominated a pair, the best valid pair carries data; after that, the nominated one. For a while after
/// the first nomination USE-CANDIDATE alone moves data only to a pair of at least the same priority; to a lower one data
/// moves when the peer sends data over it, or when the pair in use does not answer (`isFollowed`). During a restart the
/// previous generation's pair goes on until the new generation has a nominated one.
///
/// `Checks` owns the pairs: those to be judged come with each call, and a decision is returned as a pair's identifier.
struct Path: Sendable {
    /// A pair at work.
    private struct Carriage: Sendable {
        let pair: Int
        /// The controlling side has chosen it.
        var isNominated: Bool
        var consent: Consent
    }

    /// What the peer's USE-CANDIDATE for a pair leads to.
    enum Step: Equatable, Sendable {
        /// Data takes this pair from now on: it is nominated.
        case take(Int)
        /// This pair is asked whether it works.
        case ask(Int)
    }

    private let configuration: ICEConfiguration
    private(set) var state: ICEState
    /// The way for application data, kept for the media path.
    private(set) var selectedPath: SelectedPath?
    /// The same for each packet: the base from which it leaves, which may be a relayed address, and the peer's address.
    private(set) var way: Transmit?
    private var current: Carriage?
    /// Of the generation before a restart, until the current one has a nominated pair.
    private var previous: Carriage?
    /// Consent expired in this generation, and no pair has taken over.
    private var isConsentExpired: Bool
    /// When the peer's consent to the path that was lost with its address ends; nil while there is a path.
    private var consentEndsAt: Instant?
    /// Not before then does the generation fail, even if the peer has said that it has no further candidates: its checks
    /// may still show one (RFC 8863).
    private var patienceEndsAt: Instant?
    /// When a pair was nominated for the first time.
    private var firstNominatedAt: Instant?
    /// The pair of the peer's latest USE-CANDIDATE, while data does not take it.
    private var chosen: Int?
    /// The pair in use has to answer by then; otherwise data moves to the pair that the peer has chosen.
    private var choiceDueAt: Instant?
    private var tally: PathTally

    init(configuration: ICEConfiguration) {
        self.configuration = configuration
        state = .new
        selectedPath = nil
        way = nil
        current = nil
        previous = nil
        isConsentExpired = false
        consentEndsAt = nil
        patienceEndsAt = nil
        firstNominatedAt = nil
        chosen = nil
        choiceDueAt = nil
        tally = PathTally()
    }

    var standing: PathStanding {
        PathStanding(
            selected: current?.pair, isNominated: current?.isNominated ?? false, isQuiet: state == .disconnected)
    }

    /// The pair that carries data.
    var carrier: Int? { current?.pair ?? previous?.pair }
    var isNominated: Bool { (current ?? previous)?.isNominated ?? false }
    /// Whether the carrier was found with the credentials of now, rather than with those before a restart.
    var isCurrent: Bool { current != nil }
    var traffic: PathTraffic { tally.traffic }
    var changes: UInt64 { tally.changes }

    // MARK: Generations

    /// The peer has other credentials: it gets time.
    mutating func beginPatience(now: Instant) { patienceEndsAt = now + configuration.patience }

    /// A new generation begins. Returns whether the present one is kept as the previous one, because it carries data or no
    /// earlier one does.
    mutating func restart() -> Bool {
        let keepsCurrent = current != nil || previous == nil
        if keepsCurrent { previous = current }
        current = nil
        isConsentExpired = false
        patienceEndsAt = nil
        firstNominatedAt = nil
        chosen = nil
        choiceDueAt = nil
        return keepsCurrent
    }

    /// There is no path any more, and never will be.
    mutating func close() {
        current = nil
        previous = nil
        consentEndsAt = nil
    }

    // MARK: Which pair

    /// This valid pair carries data from now on. Returns whether another one did before.
    mutating func take(_ pair: CandidatePair, nominated: Bool, random: inout RandomSource, now: Instant) -> Bool {
        isConsentExpired = false
        consentEndsAt = nil
        if nominated {
            firstNominatedAt = firstNominatedAt ?? now
            if chosen == pair.id { chosen = nil }
            // The new generation has taken over.
            previous = nil
        }
        guard current?.pair != pair.id else {
            if nominated { current?.isNominated = true }
            return false
        }
        current = Carriage(
            pair: pair.id, isNominated: nominated, consent: consent(of: pair, random: &random, now: now))
        return true
    }

    /// Consent begins where the pair was last answered.
    private func consent(of pair: CandidatePair, random: inout RandomSource, now: Instant) -> Consent {
        let answeredAt = pair.statistics.lastResponseAt ?? now
        return Consent(
            configuration: configuration, answeredAt: answeredAt,
            lastReceivedAt: max(answeredAt, pair.statistics.lastRequestAt ?? answeredAt), random: &random, now: now)
    }

    /// Before the peer has decided, or after its choice is gone, the best pair that works is used. During a restart
    /// the old path is better than a new one that may not stay.
    func best(in list: CheckList, now: Instant) -> Int? {
        guard state != .closed, current?.isNominated != true, previous == nil else { return nil }
        return list.bestValid(since: now - configuration.consentTimeout)?.id
    }

    /// The peer has said USE-CANDIDATE for this pair (RFC 8445 section 7.3.1.5). The latest nomination decides, unless
    /// `isFollowed` says that it has to wait.
    mutating func choose(_ id: Int, in list: CheckList, now: Instant) -> Step? {
        guard let pair = list[id: id] else { return nil }
        chosen = id
        guard isFollowed(pair, in: list, now: now) else { return doubtSelected(now: now) }
        if mayCarry(pair, now: now) { return .take(id) }
        // Answered once, but long ago: its next answer decides.
        return pair.state == .succeeded && current?.pair != id ? .ask(id) : nil
    }

    /// Whether USE-CANDIDATE alone moves data to the pair that the peer has chosen.
    ///
    /// With aggressive nomination (RFC 5245 section 8.1.1.2) every check of the peer has USE-CANDIDATE, and both sides use
    /// the best of the pairs that work: within `nominationSettling` a check that arrives late must not move data to a pair
    /// below the one that the peer uses. With regular nomination the peer really means the lower pair: data moves as soon
    /// as the peer sends data over it, or the pair in use does not answer.
    private func isFollowed(_ pair: CandidatePair, in list: CheckList, now: Instant) -> Bool {
        guard let current, current.isNominated, let selected = list[id: current.pair], state != .disconnected,
            let first = firstNominatedAt, now < first + configuration.nominationSettling
        else { return true }
        return pair.priority >= selected.priority
    }

    private func mayCarry(_ pair: CandidatePair, now: Instant) -> Bool {
        // Half the time that consent lasts is left for asking again; an older answer is renewed before media follows.
        pair.isValid
            && pair.statistics.lastResponseAt.map { now - $0 < configuration.consentTimeout / 2 } ?? false
    }

    /// The peer has chosen a pair to which data does not move yet: the pair in use is checked.
    private mutating func doubtSelected(now: Instant) -> Step? {
        guard let current, choiceDueAt == nil else { return nil }
        choiceDueAt = now + configuration.minimumRTO
        return .ask(current.pair)
    }

    /// The time for the pair in use to answer is over. Returns the other pair that the peer has chosen, if there was no
    /// answer.
    mutating func settleDoubt(role: ICERole, in list: CheckList, now: Instant) -> Int? {
        guard let dueAt = choiceDueAt, now >= dueAt else { return nil }
        choiceDueAt = nil
        let answeredAt = current.flatMap { list[id: $0.pair]?.statistics.lastResponseAt }
        guard answeredAt.map({ $0 < dueAt - configuration.minimumRTO }) ?? true else { return nil }
        return unusedChoice(role: role, in: list, now: now)
    }

    /// The other pair that the peer has chosen, for a path in use that has gone quiet or does not answer.
    func unusedChoice(role: ICERole, in list: CheckList, now: Instant) -> Int? {
        guard role == .controlled, let chosen, chosen != current?.pair, let pair = list[id: chosen],
            mayCarry(pair, now: now)
        else { return nil }
        return chosen
    }

    /// The peer sends data over this pair. Returns it when it is the pair that the peer has chosen, so that data moves to
    /// it.
    func follow(
        dataFrom remote: SocketAddress, local: SocketAddress, role: ICERole, in list: CheckList, now: Instant
    ) -> Int? {
        guard role == .controlled, let chosen, let pair = list[id: chosen], pair.local.base == local,
            pair.remote.address == remote, mayCarry(pair, now: now)
        else { return nil }
        return chosen
    }

    /// A check of the pair was answered. Returns whether data moves to it: this answer nominates it, or the peer has chosen
    /// it before.
    mutating func answered(
        _ id: Int, nominates: Bool, role: ICERole, in list: CheckList, now: Instant
    ) -> Bool {
        if current?.pair == id { current?.consent.answered(configuration: configuration, now: now) }
        switch role {
        case .controlling: return nominates
        case .controlled:
            guard chosen == id, let pair = list[id: id] else { return false }
            return isFollowed(pair, in: list, now: now)
        }
    }

    // MARK: The generation before a restart

    /// The peer has checked a pair of the previous generation. Returns whether data moves to it: the peer may move while it
    /// restarts.
    mutating func previousAsked(
        over pair: CandidatePair, nominates: Bool, random: inout RandomSource, now: Instant
    ) -> Bool {
        guard let selected = previous?.pair else { return false }
        if selected == pair.id {
            previous?.consent.received(now: now)
            return false
        }
        guard nominates, mayCarry(pair, now: now) else { return false }
        previous = Carriage(
            pair: pair.id, isNominated: true, consent: consent(of: pair, random: &random, now: now))
        return true
    }

    /// A check of a pair of the previous generation was answered. Returns whether that pair carries data.
    mutating func previousAnswered(_ id: Int, now: Instant) -> Bool {
        guard previous?.pair == id else { return false }
        previous?.consent.answered(configuration: configuration, now: now)
        return true
    }

    // MARK: Consent

    /// Something authentic came in over the pair that carries data.
    mutating func received(now: Instant) {
        if current != nil {
            current?.consent.received(now: now)
        } else {
            previous?.consent.received(now: now)
        }
    }

    /// The peer's check came in over this pair.
    mutating func received(over id: Int, now: Instant) {
        if current?.pair == id { current?.consent.received(now: now) }
    }

    /// A connectivity check went out over this pair.
    mutating func checked(_ id: Int, now: Instant) {
        if current?.pair == id { current?.consent.pathChecked(now: now) }
    }

    /// The pair over which consent is asked for now.
    mutating func nextConsentCheck(random: inout RandomSource, now: Instant) -> Int? {
        if let pair = current?.pair, let at = current?.consent.nextCheckAt, now >= at {
            current?.consent.checkSent(configuration: configuration, random: &random, now: now)
            return pair
        }
        if let pair = previous?.pair, let at = previous?.consent.nextCheckAt, now >= at {
            previous?.consent.checkSent(configuration: configuration, random: &random, now: now)
            return pair
        }
        return nil
    }

    /// A path that has been silent is tried with a connectivity check, whose retransmissions survive loss; consent checks
    /// alone come too seldom to tell a pause from an end.
    mutating func nextQuestion(now: Instant) -> Int? {
        guard let current, current.consent.questionAt(configuration: configuration) <= now else { return nil }
        self.current?.consent.questionAsked(configuration: configuration, now: now)
        return current.pair
    }

    /// "an agent MUST cease transmission" (RFC 7675 section 5.1): the pair whose consent is at an end.
    mutating func expireConsent(now: Instant) -> Int? {
        guard let current, now >= current.consent.expiresAt else { return nil }
        self.current = nil
        isConsentExpired = true
        return current.pair
    }

    /// The same for the previous generation's pair.
    mutating func expirePreviousConsent(now: Instant) -> Bool {
        guard let previous, now >= previous.consent.expiresAt else { return false }
        self.previous = nil
        return true
    }

    /// The same for a path that went with its address, when nothing has taken its place.
    mutating func expireLostConsent(now: Instant) -> Bool {
        guard carrier == nil, let end = consentEndsAt, now >= end else { return false }
        consentEndsAt = nil
        isConsentExpired = true
        return true
    }

    /// Pairs have ended with their address. Returns when the consent to one that carried data would have expired.
    mutating func lose(_ pairs: [Int]) -> Instant? {
        var endsAt: Instant?
        if let previous, pairs.contains(previous.pair) {
            endsAt = previous.consent.expiresAt
            self.previous = nil
        }
        if let current, pairs.contains(current.pair) {
            endsAt = current.consent.expiresAt
            self.current = nil
        }
        return endsAt
    }

    /// Nothing has taken the place of what was lost.
    mutating func awaitSuccessor(until end: Instant?) { consentEndsAt = end ?? consentEndsAt }

    // MARK: What the application sees

    /// Whether the path goes by these two addresses.
    func leads(to remote: SocketAddress, from local: SocketAddress) -> Bool {
        guard let way else { return false }
        return way.destination == remote && way.source == local
    }

    mutating func noteSent(_ bytes: Int, now: Instant) { tally.noteSent(bytes, now: now) }
    mutating func noteReceived(_ bytes: Int, now: Instant) { tally.noteReceived(bytes, now: now) }

    /// Datagrams are counted for this pair from now on. Returns what another one has carried, to be kept with it.
    mutating func count(for pair: CandidatePair?) -> (pair: Int, traffic: PathTraffic)? {
        tally.count(for: pair)
    }

    /// False when it is the path already.
    mutating func show(_ path: SelectedPath?) -> Bool {
        guard selectedPath != path else { return false }
        selectedPath = path
        way = path.map { Transmit(source: $0.relay ?? $0.base, destination: $0.remote) }
        return true
    }

    /// False when it is the state already, or when the end has come.
    mutating func enter(_ new: ICEState) -> Bool {
        guard state != .closed, state != new else { return false }
        state = new
        return true
    }

    func isQuiet(now: Instant) -> Bool {
        (current ?? previous)?.consent.isQuiet(configuration: configuration, now: now) ?? false
    }

    /// The state while no pair carries data.
    func stateWithoutPair(hasRemote: Bool, isExhausted: @autoclosure () -> Bool, now: Instant) -> ICEState {
        if isConsentExpired { return .failed }
        guard hasRemote else { return state == .new ? .new : state == .failed ? .failed : .checking }
        let isPatient = patienceEndsAt.map { now < $0 } ?? true
        if !isPatient, isExhausted() { return .failed }
        switch state {
        case .connected, .completed, .disconnected: return .disconnected
        case .new, .checking, .failed, .closed: return .checking
        }
    }

    // MARK: Time

    func nextTimeout(hasRemote: Bool, isExhausted: @autoclosure () -> Bool) -> Wake? {
        var wake: Wake?
        func consider(_ at: Instant?, _ reason: WakeReason) {
            if let at { wake = .earliest(wake, Wake(at: at, reason: reason)) }
        }
        consider(choiceDueAt, .iceCheck)
        // Asked after every packet: an array of the two would be an allocation each time.
        func consider(_ consent: Consent?) {
            guard let consent else { return }
            consider(consent.nextCheckAt, .iceConsent)
            consider(consent.expiresAt, .iceConsent)
            if state != .disconnected { consider(consent.quietAt(configuration: configuration), .iceDisconnected) }
        }
        consider(current?.consent)
        consider(previous?.consent)
        consider(current?.consent.questionAt(configuration: configuration), .iceKeepalive)
        guard carrier == nil else { return wake }
        consider(consentEndsAt, .iceConsent)
        switch state {
        case .new, .checking, .disconnected: if hasRemote, isExhausted() { consider(patienceEndsAt, .iceCheck) }
        case .connected, .completed, .failed, .closed: break
        }
        return wake
    }
}
