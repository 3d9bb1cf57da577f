import Primitives
import STUN

/// A request of the peer that has proved to be the peer's, and was answered.
struct PeerCheck: Equatable, Sendable {
    let transaction: TransactionID
    /// Our address at which it arrived.
    let base: SocketAddress
    let remote: SocketAddress
    let priority: UInt32
    /// It says USE-CANDIDATE.
    let nominates: Bool
    /// Whether it has the current generation's credentials rather than the previous one's.
    let isCurrent: Bool
    /// Our new role, where the request has switched it; nil otherwise.
    fileprivate(set) var switchedTo: ICERole?
}

/// What a response has meant.
enum CheckAnswer: Equatable, Sendable {
    /// None of our checks has this transaction identifier.
    case notAsked
    /// It was dropped, or its result is not needed any more.
    case ignored
    /// At most the list has changed.
    case handled
    /// The peer has our role, too: we have switched, unless we had already, and ask again.
    case roleConflict(switchedTo: ICERole?)
    /// The pair works.
    case succeeded(pair: Int, nominates: Bool)
    /// The previous generation's pair still works.
    case previousSucceeded(CheckTransaction)
}

/// Connectivity checks (RFC 8445 sections 6 and 7): which pairs there are, in which order they are checked, what the
/// responses and the peer's requests tell, which agent controls, and, where it is ours, which pair is nominated.
///
/// Which pair carries data is not decided here. What the checks need to know of it comes with each call (`PathStanding`).
struct Checks: Sendable {
    private struct Refusal: Error {
        let drop: ICEDrop?
        let code: ErrorCode
        var key: IntegrityKey?
        var unknown: [AttributeType] = []
    }

    private let configuration: ICEConfiguration
    private let authenticator: MessageAuthenticator
    private(set) var role: ICERole
    /// Settles role conflicts (RFC 8445 section 7.3.1.1).
    private var tieBreaker: UInt64
    private var current: Generation
    /// The generation before a restart, which carries media until the current one can.
    private var previous: Generation?
    private var nextPairID: Int
    private var transactions: CheckTransactions
    private var responses: CheckResponses
    /// When the controlling side nominates what it has.
    private var nominateAt: Instant?

    init(
        role: ICERole, configuration: ICEConfiguration, authenticator: MessageAuthenticator, random: inout RandomSource
    ) {
        self.configuration = configuration
        self.authenticator = authenticator
        self.role = role
        tieBreaker = random.next()
        current = Generation(
            number: 0, local: .random(using: &random), maximumRemoteCandidates: configuration.maximumRemoteCandidates)
        previous = nil
        nextPairID = 0
        transactions = CheckTransactions(configuration: configuration)
        responses = CheckResponses()
        nominateAt = nil
    }

    /// Ours, of the current generation.
    var localCredentials: ICECredentials { current.local }
    /// The peer's, of the current generation.
    var remoteCredentials: ICECredentials? { current.remote }
    var hasRemote: Bool { current.remote != nil }
    /// The current generation's pairs.
    var list: CheckList { current.list }
    var remotes: [RemoteEndpoint] { current.remotes.endpoints }
    /// The peer's addresses of both generations.
    var allRemotes: [RemoteEndpoint] { current.remotes.endpoints + (previous?.remotes.endpoints ?? []) }

    /// A pair of either generation.
    func pair(_ id: Int) -> CandidatePair? { current.list[id: id] ?? previous?.list[id: id] }

    func previousPair(base: SocketAddress, remote: SocketAddress) -> CandidatePair? {
        guard let list = previous?.list, let index = list.index(base: base, remote: remote) else { return nil }
        return list.pairs[index]
    }

    /// Whether a pair of either generation joins these two addresses.
    func isPaired(base: SocketAddress, remote: SocketAddress) -> Bool {
        current.list.index(base: base, remote: remote) != nil
            || previous?.list.index(base: base, remote: remote) != nil
    }

    // MARK: Generations and roles

    /// The peer's credentials of this generation. False when they are known.
    mutating func setRemote(_ credentials: ICECredentials) -> Bool {
        guard current.remote != credentials else { return false }
        current.setRemote(credentials)
        return true
    }

    /// False when it is ours already.
    mutating func switchRole(to new: ICERole) -> Bool {
        guard role != new else { return false }
        role = new
        current.list.sort(role: new)
        previous?.list.sort(role: new)
        return true
    }

    /// Begins a new generation (RFC 8445 section 9).
    /// - Parameter keepsCurrent: The generation of now becomes the previous one, in place of the one before it.
    mutating func restart(keepsCurrent: Bool, random: inout RandomSource) {
        if keepsCurrent { previous = current }
        let kept = previous?.number
        transactions.endAll { $0.generation != kept || $0.kind != .consent }
        current = Generation(
            number: current.number + 1, local: .random(using: &random),
            maximumRemoteCandidates: configuration.maximumRemoteCandidates)
        nominateAt = nil
    }

    mutating func close() {
        transactions.endAll { _ in true }
        responses.removeAll()
        previous = nil
    }

    // MARK: Candidates and pairs

    mutating func addRemote(_ candidate: Candidate, now: Instant) -> RemoteCandidates.Outcome {
        taken(current.remotes.add(candidate, fragment: current.remote?.usernameFragment, now: now))
    }

    mutating func addResolved(
        _ candidate: Candidate, address: IPAddress, now: Instant
    ) -> RemoteCandidates.Outcome? {
        current.remotes.addResolved(candidate, address: address, now: now).map { taken($0) }
    }

    private mutating func taken(_ outcome: RemoteCandidates.Outcome) -> RemoteCandidates.Outcome {
        if case .revealed(let endpoint) = outcome {
            for pair in current.list.pairs where pair.remote.address == endpoint.address {
                current.list.update(pair.id) { $0.remote = endpoint }
            }
            current.list.sort(role: role)
        }
        return outcome
    }

    /// The address that a check has shown (RFC 8445 section 7.3.1.3); nil when there are too many.
    mutating func learnRemote(of check: PeerCheck, now: Instant) -> RemoteEndpoint? {
        current.remotes.learn(check.remote, priority: check.priority, now: now)
    }

    /// The current generation's pair of these two.
    func knownPair(_ local: LocalEndpoint, _ remote: RemoteEndpoint) -> Int? {
        current.list.index(base: local.base, remote: remote.address).map { current.list.pairs[$0].id }
    }

    /// Makes a pair; nil when the list is full of better ones.
    mutating func addPair(_ local: LocalEndpoint, _ remote: RemoteEndpoint, awaitsPermission: Bool) -> Int? {
        var pair = CandidatePair(id: nextPairID, local: local, remote: remote, role: role)
        pair.awaitsPermission = awaitsPermission
        guard current.list.insert(pair, limit: configuration.maximumPairs) else { return nil }
        nextPairID += 1
        return pair.id
    }

    /// A relay lets the peer in.
    mutating func permit(_ peer: IPAddress, at relayed: [SocketAddress]) {
        for pair in current.list.pairs where relayed.contains(pair.local.base) && pair.remote.address.address == peer {
            current.list.update(pair.id) { $0.awaitsPermission = false }
        }
    }

    /// A relay will not let the peer in.
    mutating func deny(_ peer: IPAddress, at relayed: [SocketAddress], standing: PathStanding, now: Instant) {
        for pair in current.list.pairs where relayed.contains(pair.local.base) && pair.remote.address.address == peer {
            fail(pair.id, standing: standing, now: now)
        }
    }

    /// Ends the pairs of a base that is gone, of either generation; their identifiers.
    mutating func remove(base: SocketAddress) -> [Int] {
        transactions.endAll { $0.base == base }
        return (previous?.list.removeAll { $0.local.base == base } ?? [])
            + current.list.removeAll { $0.local.base == base }
    }

    // MARK: The peer's requests

    /// Judges a request and queues its response; nil when it is not the peer's or does not count.
    mutating func handleRequest(
        _ message: borrowing STUNMessage, from remote: SocketAddress, local: SocketAddress,
        drops: inout Counter<ICEDrop>
    ) -> PeerCheck? {
        do throws(Refusal) {
            return try judge(message, from: remote, local: local, drops: &drops)
        } catch {
            if let drop = error.drop { drops.add(drop) }
            // Every check of ICE has a FINGERPRINT, which tells STUN from other protocols on the same port (RFC 8489 section
            // 7): without one only a peer that has proved itself is answered.
            guard message.hasFingerprint || error.key != nil else {
                drops.add(.fingerprintMissing)
                return nil
            }
            responses.refuse(
                message.transactionID, error.code, key: error.key, unknown: error.unknown, base: local, remote: remote,
                drops: &drops)
            return nil
        }
    }

    private mutating func judge(
        _ message: borrowing STUNMessage, from remote: SocketAddress, local: SocketAddress,
        drops: inout Counter<ICEDrop>
    ) throws(Refusal) -> PeerCheck {
        guard let username = message.text(of: .username, limit: 513) else {
            throw Refusal(drop: .usernameMissing, code: .badRequest)
        }
        let fragment = username.prefix { $0 != ":" }
        let isCurrent = fragment == current.local.usernameFragment
        guard isCurrent || previous.map({ fragment == $0.local.usernameFragment }) ?? false,
            let key = isCurrent ? current.localKey : previous?.localKey
        else { throw Refusal(drop: .usernameUnknown, code: .unauthenticated) }
        switch message.integrity(key: key, using: authenticator) {
        case .missing: throw Refusal(drop: .integrityMissing, code: .badRequest)
        case .invalid: throw Refusal(drop: .integrityInvalid, code: .unauthenticated)
        case .valid: break
        }
        let unknown = message.notUnderstood
        guard unknown.isEmpty else {
            throw Refusal(drop: .unknownAttribute, code: .unknownAttribute, key: key, unknown: unknown)
        }
        guard let priority = message.uint32(of: .priority) else {
            throw Refusal(drop: .priorityMissing, code: .badRequest, key: key)
        }
        var check = PeerCheck(
            transaction: message.transactionID, base: local, remote: remote, priority: priority,
            nominates: message.has(.useCandidate), isCurrent: isCurrent, switchedTo: nil)
        if isCurrent { check.switchedTo = try settleRoleConflict(message, key: key) }
        responses.succeed(check, key: key, drops: &drops)
        return check
    }

    /// RFC 8445 section 7.3.1.1: our new role, where it is another one. The peer is refused when it has to switch.
    private mutating func settleRoleConflict(
        _ message: borrowing STUNMessage, key: IntegrityKey
    ) throws(Refusal) -> ICERole? {
        let theirs = message.uint64(of: role == .controlling ? .iceControlling : .iceControlled)
        guard let theirs else { return nil }
        // The agent with the larger number controls; the one that has the wrong role switches.
        let isLarger = tieBreaker >= theirs
        guard isLarger != (role == .controlling) else { throw Refusal(drop: nil, code: .roleConflict, key: key) }
        _ = switchRole(to: role.opposite)
        return role
    }

    /// Counts a request for a pair and checks the pair in return (triggered check, RFC 8445 section 7.3.1.4).
    mutating func checkBack(_ id: Int, now: Instant) {
        current.list.update(id) {
            $0.statistics.requestsReceived += 1
            $0.statistics.responsesSent += 1
            $0.statistics.lastRequestAt = now
        }
        guard let pair = current.list[id: id], pair.state != .succeeded else { return }
        if pair.state == .inProgress { transactions.cancel(checksOf: id) }
        current.list.trigger(id)
    }

    /// Takes USE-CANDIDATE for a pair of either generation. False when this very request has said it already: late or doubled
    /// by the network, it decides nothing.
    mutating func noteNomination(of id: Int, by transaction: TransactionID) -> Bool {
        guard let pair = pair(id), pair.lastNomination != transaction else { return false }
        current.list.update(id) { $0.lastNomination = transaction }
        previous?.list.update(id) { $0.lastNomination = transaction }
        return true
    }

    // MARK: Responses to ours

    mutating func handleResponse(
        _ message: borrowing STUNMessage, from remote: SocketAddress, local: SocketAddress, standing: PathStanding,
        random: inout RandomSource, drops: inout Counter<ICEDrop>, now: Instant
    ) -> CheckAnswer {
        guard let transaction = transactions[message.transactionID] else { return .notAsked }
        let isCurrent = transaction.generation == current.number
        guard let key = isCurrent ? current.remoteKey : previous?.remoteKey,
            message.integrity(key: key, using: authenticator) == .valid
        else {
            // Anyone could have sent it, so the transaction goes on (RFC 8489 section 9.1.4).
            drops.add(.responseIntegrityInvalid)
            return .ignored
        }
        transactions.end(transaction.id)
        let isSuccess = message.type.messageClass == .successResponse
        guard isCurrent else { return isSuccess ? .previousSucceeded(transaction) : .handled }
        guard current.list[id: transaction.pair] != nil else { return .ignored }
        guard remote == transaction.remote, local == transaction.base else {
            // "the agent MUST set the candidate pair state to Failed" (RFC 8445 section 7.2.5.2.1)
            drops.add(.responseAsymmetric)
            fail(transaction.pair, standing: standing, now: now)
            return .handled
        }
        guard isSuccess else {
            return handleError(message.errorCode, to: transaction, standing: standing, random: &random, now: now)
        }
        guard let mapped = message.xorAddress(of: .xorMappedAddress) else {
            drops.add(.mappedAddressMissing)
            return .handled
        }
        current.list.update(transaction.pair) {
            $0.statistics.note(responseTo: transaction, now: now)
            $0.state = .succeeded
            $0.isValid = true
            $0.mappedAddress = mapped
        }
        current.list.unfreeze(like: transaction.pair)
        return .succeeded(pair: transaction.pair, nominates: transaction.nominates)
    }

    private mutating func handleError(
        _ code: ErrorCode?, to transaction: CheckTransaction, standing: PathStanding, random: inout RandomSource,
        now: Instant
    ) -> CheckAnswer {
        guard code == .roleConflict else {
            // A consent check that is refused is one that was not answered.
            if transaction.kind == .check { fail(transaction.pair, standing: standing, now: now) }
            return .handled
        }
        // RFC 8445 section 7.2.5.1: switch, unless we have switched since, and ask again.
        let isNew = transaction.role == role
        if isNew {
            _ = switchRole(to: role.opposite)
            tieBreaker = random.next()
        }
        current.list.trigger(transaction.pair)
        return .roleConflict(switchedTo: isNew ? role : nil)
    }

    /// Counts a response to a check of the previous generation's pair.
    mutating func notePrevious(responseTo transaction: CheckTransaction, now: Instant) {
        previous?.list.update(transaction.pair) { $0.statistics.note(responseTo: transaction, now: now) }
    }

    // MARK: What becomes of pairs

    /// Asks a pair before all others, unless it is being asked.
    mutating func ask(_ id: Int) {
        if let pair = current.list[id: id], pair.state != .inProgress { current.list.trigger(id) }
    }

    /// Every pair but the one in use has to prove itself again.
    mutating func recheck(except selected: Int?) { current.list.recheck(except: selected) }

    /// A check was refused or never answered.
    private mutating func fail(_ id: Int, standing: PathStanding, now: Instant) {
        guard let pair = current.list[id: id] else { return }
        current.list.update(id) { $0.state = .failed }
        // The pair in use ends when its consent expires, not with one unanswered check.
        guard standing.selected != id else { return }
        current.list.update(id) {
            $0.isValid = false
            $0.nominatesNext = false
        }
        if role == .controlling, pair.nominatesNext || pair.isValid, !standing.isNominated {
            nominateAt = now
            nominateIfTime(standing: standing, now: now)
        }
    }

    /// The peer's consent to this pair is at an end.
    mutating func invalidate(_ id: Int) {
        current.list.update(id) {
            $0.isValid = false
            $0.state = .failed
        }
    }

    /// What a pair has carried, to be kept for when it is selected again.
    mutating func keep(_ traffic: PathTraffic, of id: Int) {
        current.list.update(id) { $0.statistics.traffic = traffic }
        previous?.list.update(id) { $0.statistics.traffic = traffic }
    }

    // MARK: Nomination by us

    /// A pair works: unless one is nominated already, the best one is nominated, at once or after `nominationDelay`.
    mutating func planNomination(standing: PathStanding, now: Instant) {
        guard role == .controlling, !standing.isNominated || standing.isQuiet else { return }
        nominateAt = min(nominateAt ?? .distantFuture, now + configuration.nominationDelay)
        nominateIfTime(standing: standing, now: now)
    }

    /// Regular nomination (RFC 8445 section 8.1.1): the best valid pair, as soon as no better one can still come up,
    /// or when the time for better ones is over.
    private mutating func nominateIfTime(standing: PathStanding, now: Instant) {
        guard role == .controlling, let time = nominateAt else { return }
        // A selected pair that has gone quiet is no choice.
        let quiet = standing.isQuiet ? standing.selected : nil
        guard let best = current.list.bestValid(since: now - configuration.consentTimeout, except: quiet) else {
            // What was valid is too old to be trusted: the next success sets a new time.
            if now >= time { nominateAt = nil }
            return
        }
        let betterMayCome = current.list.pairs.contains {
            $0.priority > best.priority && $0.state != .failed && !$0.isValid
        }
        guard !betterMayCome || now >= time else { return }
        nominateAt = nil
        for pair in current.list.pairs where pair.nominatesNext {
            current.list.update(pair.id) { $0.nominatesNext = false }
        }
        current.list.update(best.id) { $0.nominatesNext = true }
        current.list.trigger(best.id)
    }

    /// The pair is nominated, by either side: the previous generation only answers requests from now on.
    mutating func endNomination(with id: Int) {
        current.list.update(id) { $0.nominatesNext = false }
        nominateAt = nil
        let number = current.number
        transactions.endAll { $0.generation != number }
    }

    // MARK: Sending

    mutating func pollResponse(into packet: inout PacketBuffer) -> Transmit? {
        responses.pollTransmit(into: &packet, authenticator: authenticator)
    }

    mutating func pollRetransmission(into packet: inout PacketBuffer, now: Instant) -> Transmit? {
        while let transaction = transactions.nextRetransmission(now: now) {
            guard let pair = current.list[id: transaction.pair], transaction.generation == current.number else {
                transactions.end(transaction.id)
                continue
            }
            current.list.update(pair.id) { $0.statistics.requestsSent += 1 }
            return write(transaction, of: current, pair: pair, into: &packet)
        }
        return nil
    }

    /// The next check, when its turn has come, and the pair that is checked.
    mutating func pollCheck(
        into packet: inout PacketBuffer, standing: PathStanding, pacing: inout StartPacing, random: inout RandomSource,
        now: Instant
    ) -> (transmit: Transmit, pair: Int)? {
        guard hasWork(standing), pacing.isOpen(now: now),
            let id = current.list.next(ordinary: standing.leavesRoomForChecks), let pair = current.list[id: id]
        else { return nil }
        pacing.start(now: now)
        // RTO = MAX (500 ms, Ta · N · (waiting + in progress)) (RFC 8445 section 14.3).
        let wait = max(configuration.minimumRTO, configuration.pacing * current.list.pendingCount)
        let transaction = CheckTransaction(
            id: .random(using: &random), kind: .check, generation: current.number, pair: pair, role: role,
            nominates: role == .controlling && pair.nominatesNext, wait: wait, now: now)
        current.list.update(id) {
            $0.state = .inProgress
            $0.statistics.requestsSent += 1
        }
        transactions.begin(transaction)
        return write(transaction, of: current, pair: pair, into: &packet).map { ($0, id) }
    }

    /// Asks for consent to the pair, of either generation.
    mutating func askConsent(
        _ id: Int, into packet: inout PacketBuffer, random: inout RandomSource, now: Instant
    ) -> Transmit? {
        guard let pair = pair(id) else { return nil }
        if current.list.index(of: id) != nil {
            current.list.update(id) { $0.statistics.noteConsentRequest() }
            return askConsent(pair, of: current, into: &packet, random: &random, now: now)
        }
        previous?.list.update(id) { $0.statistics.noteConsentRequest() }
        return previous.flatMap { askConsent(pair, of: $0, into: &packet, random: &random, now: now) }
    }

    private mutating func askConsent(
        _ pair: CandidatePair, of generation: Generation, into packet: inout PacketBuffer, random: inout RandomSource,
        now: Instant
    ) -> Transmit? {
        let transaction = CheckTransaction(
            id: .random(using: &random), kind: .consent, generation: generation.number, pair: pair, role: role,
            nominates: false, wait: configuration.consentTimeout, now: now)
        transactions.begin(transaction)
        return write(transaction, of: generation, pair: pair, into: &packet)
    }

    private func write(
        _ transaction: CheckTransaction, of generation: Generation, pair: CandidatePair, into packet: inout PacketBuffer
    ) -> Transmit? {
        guard let key = generation.remoteKey else { return nil }
        packet.write { writer in
            let message = STUNMessageWriter(.bindingRequest, transaction.id, into: &writer)
            message.write(.username, utf8: generation.username, into: &writer)
            message.write(
                transaction.role == .controlling ? .iceControlling : .iceControlled, tieBreaker, into: &writer)
            message.write(.priority, pair.local.reflexivePriority, into: &writer)
            if transaction.nominates { message.write(.useCandidate, into: &writer) }
            message.finish(key: key, using: authenticator, into: &writer)
        }
        return Transmit(source: transaction.base, destination: transaction.remote)
    }

    // MARK: Time

    private func hasWork(_ standing: PathStanding) -> Bool {
        hasRemote && current.list.hasWork(ordinary: standing.leavesRoomForChecks)
    }

    /// Fails the pairs whose checks were not answered in time.
    mutating func expireTransactions(standing: PathStanding, now: Instant) {
        while let transaction = transactions.nextExpired(now: now) {
            if transaction.kind == .check, !transaction.isCancelled, transaction.generation == current.number,
                current.list[id: transaction.pair]?.state == .inProgress
            {
                fail(transaction.pair, standing: standing, now: now)
            }
        }
    }

    /// Nominates when the time for better pairs is over.
    mutating func handleTimeout(standing: PathStanding, now: Instant) { nominateIfTime(standing: standing, now: now) }

    func nextTimeout(standing: PathStanding, pacing: StartPacing) -> Wake? {
        var wake: Wake?
        if !responses.isEmpty || hasWork(standing) { wake = Wake(at: pacing.nextAt, reason: .iceCheck) }
        if let at = transactions.nextTimeout { wake = .earliest(wake, Wake(at: at, reason: .iceRetransmission)) }
        if role == .controlling, let at = nominateAt, current.list.hasValid {
            wake = .earliest(wake, Wake(at: at, reason: .iceCheck))
        }
        return wake
    }
}

extension CandidatePairStatistics {
    fileprivate mutating func note(responseTo transaction: CheckTransaction, now: Instant) {
        responsesReceived += 1
        lastResponseAt = now
        // Which of several transmissions was answered cannot be told (Karn).
        guard transaction.transmissions == 1 else { return }
        let time = now - transaction.firstSentAt
        currentRoundTripTime = time
        totalRoundTripTime += time
    }

    fileprivate mutating func noteConsentRequest() {
        requestsSent += 1
        consentRequestsSent += 1
    }
}
