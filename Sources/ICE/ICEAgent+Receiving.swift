public import Primitives
import STUN

/// What comes in: the peer's requests and the responses to ours.
extension ICEAgent {
    /// A datagram that RFC 7983 gives to STUN (first byte 0 … 3) or to TURN channels (64 … 79).
    public mutating func handle(
        _ bytes: Span<UInt8>, from remote: SocketAddress, local: SocketAddress, now: Instant
    ) -> ICEInput {
        guard state != .closed else { return .consumed }
        if let input = handleRelay(bytes, from: remote, local: local, now: now) { return input }
        guard isKnownBase(local) else {
            drops.add(.unknownLocalAddress)
            return .consumed
        }
        handleMessage(bytes, from: remote, local: local, now: now)
        return .consumed
    }

    mutating func handleMessage(
        _ bytes: Span<UInt8>, from remote: SocketAddress, local: SocketAddress, now: Instant
    ) {
        do {
            let message = try STUNMessage(bytes)
            guard message.type.method == .binding else { return drops.add(.unknownMethod) }
            switch message.type.messageClass {
            case .request: handleRequest(message, from: remote, local: local, now: now)
            case .successResponse, .errorResponse: handleResponse(message, from: remote, local: local, now: now)
            // A keepalive: "no response" (RFC 8445 section 11). Unsigned, so it proves nothing.
            case .indication: break
            }
        } catch {
            switch error {
            case .notSTUN: drops.add(.notSTUN)
            case .fingerprintMismatch: drops.add(.fingerprintMismatch)
            case .truncated, .lengthMismatch, .attributeTruncated, .malformedAttribute, .attributeAfterFingerprint:
                drops.add(.malformed)
            }
        }
    }

    // MARK: Requests

    private mutating func handleRequest(
        _ message: borrowing STUNMessage, from remote: SocketAddress, local: SocketAddress, now: Instant
    ) {
        let hasFingerprint = message.hasFingerprint
        func respond(
            _ agent: inout ICEAgent, _ code: ErrorCode, key: IntegrityKey? = nil, unknown: [AttributeType] = []
        ) {
            // Every check of ICE has a FINGERPRINT, which tells STUN from other protocols on the same port (RFC 8489 section
            // 7): without one only a peer that has proved itself is answered.
            guard hasFingerprint || key != nil else { return agent.drops.add(.fingerprintMissing) }
            agent.enqueue(
                PendingResponse(
                    id: message.transactionID, kind: .error(code, unknown: unknown), base: local, destination: remote,
                    key: key))
        }
        guard let username = message.text(of: .username, limit: 513) else {
            drops.add(.usernameMissing)
            return respond(&self, .badRequest)
        }
        let fragment = String(username.prefix { $0 != ":" })
        let isCurrent = fragment == current.local.usernameFragment
        guard isCurrent || fragment == previous?.local.usernameFragment else {
            drops.add(.usernameUnknown)
            return respond(&self, .unauthenticated)
        }
        guard let key = isCurrent ? current.localKey : previous?.localKey else { return }
        switch message.integrity(key: key, using: authenticator) {
        case .missing:
            drops.add(.integrityMissing)
            return respond(&self, .badRequest)
        case .invalid:
            drops.add(.integrityInvalid)
            return respond(&self, .unauthenticated)
        case .valid: break
        }
        let unknown = message.notUnderstood
        guard unknown.isEmpty else {
            drops.add(.unknownAttribute)
            return respond(&self, .unknownAttribute, key: key, unknown: unknown)
        }
        guard let priority = message.uint32(of: .priority) else {
            drops.add(.priorityMissing)
            return respond(&self, .badRequest, key: key)
        }
        guard isCurrent else { return handlePreviousRequest(message, from: remote, local: local, now: now) }
        guard settleRoleConflict(message, now: now) else { return respond(&self, .roleConflict, key: key) }

        enqueue(
            PendingResponse(
                id: message.transactionID, kind: .success(mapped: remote), base: local, destination: remote, key: key))
        guard let base = bases.first(where: { $0.base == local }),
            let endpoint = learnPeerReflexive(remote, priority: priority, now: now),
            let id = pairUp(base, endpoint, now: now)
        else { return }
        current.checkList.update(id) {
            $0.statistics.requestsReceived += 1
            $0.statistics.responsesSent += 1
            $0.statistics.lastRequestAt = now
        }
        if current.selected == id { current.consent?.received(now: now) }
        trigger(id, now: now)
        if role == .controlled, message.has(.useCandidate) {
            nominate(id, by: message.transactionID, now: now)
        }
        updateState(now: now)
    }

    /// RFC 8445 section 7.3.1.1. False when the peer has to switch: it gets a 487.
    private mutating func settleRoleConflict(_ message: borrowing STUNMessage, now: Instant) -> Bool {
        switch role {
        case .controlling:
            guard let theirs = message.uint64(of: .iceControlling) else { return true }
            if tieBreaker >= theirs { return false }
            switchRole(to: .controlled)
        case .controlled:
            guard let theirs = message.uint64(of: .iceControlled) else { return true }
            if tieBreaker < theirs { return false }
            switchRole(to: .controlling)
        }
        return true
    }

    mutating func switchRole(to new: ICERole) {
        guard role != new else { return }
        role = new
        current.checkList.sort(role: new)
        previous?.checkList.sort(role: new)
        events.append(.roleChanged(new))
    }

    /// Triggered check (RFC 8445 section 7.3.1.4).
    private mutating func trigger(_ id: Int, now: Instant) {
        guard let pair = current.checkList[id: id] else { return }
        switch pair.state {
        case .succeeded: return
        case .inProgress:
            for index in transactions.indices where transactions[index].pair == id {
                transactions[index].isCancelled = true
            }
        case .frozen, .waiting, .failed: break
        }
        current.checkList.trigger(id)
    }

    /// USE-CANDIDATE (RFC 8445 section 7.3.1.5). The latest request decides, where `isFollowed` does not know better; the
    /// same request again, late or doubled by the network, decides nothing.
    private mutating func nominate(_ id: Int, by transaction: TransactionID, now: Instant) {
        guard let pair = current.checkList[id: id], pair.lastNomination != transaction else { return }
        for other in current.checkList.pairs where other.isChosenByPeer {
            current.checkList.update(other.id) { $0.isChosenByPeer = false }
        }
        current.checkList.update(id) {
            $0.lastNomination = transaction
            $0.isChosenByPeer = true
        }
        guard isFollowed(pair, now: now) else { return doubtSelected(now: now) }
        if mayCarry(pair, now: now) { return select(id, nominated: true, now: now) }
        // Answered once, but long ago: its next answer decides.
        if pair.state == .succeeded, current.selected != id { current.checkList.trigger(id) }
    }

    /// A request of the generation before a restart: answered, and followed if it moves the path.
    private mutating func handlePreviousRequest(
        _ message: borrowing STUNMessage, from remote: SocketAddress, local: SocketAddress, now: Instant
    ) {
        guard var generation = previous else { return }
        enqueue(
            PendingResponse(
                id: message.transactionID, kind: .success(mapped: remote), base: local, destination: remote,
                key: generation.localKey))
        guard let index = generation.checkList.index(base: local, remote: remote) else { return }
        let pair = generation.checkList.pairs[index]
        if generation.selected == pair.id {
            generation.consent?.received(now: now)
        } else if role == .controlled, message.has(.useCandidate), mayCarry(pair, now: now),
            generation.selected != nil, pair.lastNomination != message.transactionID
        {
            generation.checkList.update(pair.id) {
                $0.lastNomination = message.transactionID
                $0.isNominated = true
            }
            generation.selected = pair.id
            generation.consent = consent(of: pair, now: now)
        }
        previous = generation
        updateState(now: now)
    }

    mutating func enqueue(_ response: PendingResponse) {
        // A flood of requests must not become a flood of memory; whoever is serious asks again.
        guard responses.count < 64 else { return drops.add(.responseQueueFull) }
        responses.append(response)
    }

    // MARK: Responses

    private mutating func handleResponse(
        _ message: borrowing STUNMessage, from remote: SocketAddress, local: SocketAddress, now: Instant
    ) {
        guard let index = transactions.firstIndex(where: { $0.id == message.transactionID }) else {
            if !handleGatheringResponse(message, from: remote, local: local, now: now) {
                drops.add(.transactionUnknown)
            }
            return
        }
        let transaction = transactions[index]
        let isCurrent = transaction.generation == current.number
        guard let key = isCurrent ? current.remoteKey : previous?.remoteKey,
            message.integrity(key: key, using: authenticator) == .valid
        else {
            // Anyone could have sent it, so the transaction goes on (RFC 8489 section 9.1.4).
            return drops.add(.responseIntegrityInvalid)
        }
        transactions.remove(at: index)
        guard isCurrent else {
            handlePreviousResponse(message, to: transaction, now: now)
            return updateState(now: now)
        }
        guard current.checkList[id: transaction.pair] != nil else { return }
        guard remote == transaction.remote, local == transaction.base else {
            // "the agent MUST set the candidate pair state to Failed" (RFC 8445 section 7.2.5.2.1)
            drops.add(.responseAsymmetric)
            failPair(transaction.pair, now: now)
            return updateState(now: now)
        }
        if message.type.messageClass == .errorResponse {
            handleErrorResponse(message.errorCode, to: transaction, now: now)
        } else if let mapped = message.xorAddress(of: .xorMappedAddress) {
            handleSuccess(mapped: mapped, to: transaction, now: now)
        } else {
            drops.add(.mappedAddressMissing)
        }
        updateState(now: now)
    }

    private mutating func handleErrorResponse(_ code: ErrorCode?, to transaction: CheckTransaction, now: Instant) {
        guard code == .roleConflict else {
            // A consent check that is refused is one that was not answered.
            if transaction.kind == .check { failPair(transaction.pair, now: now) }
            return
        }
        // RFC 8445 section 7.2.5.1: switch, unless we have switched since, and ask again.
        if transaction.role == role {
            switchRole(to: role.opposite)
            tieBreaker = random.next()
        }
        current.checkList.trigger(transaction.pair)
    }

    private mutating func handleSuccess(mapped: SocketAddress, to transaction: CheckTransaction, now: Instant) {
        let id = transaction.pair
        current.checkList.update(id) {
            $0.statistics.note(responseTo: transaction, now: now)
            $0.state = .succeeded
            $0.isValid = true
            $0.mappedAddress = mapped
        }
        current.checkList.unfreeze(like: id)
        if current.selected == id { current.consent?.answered(configuration: configuration, now: now) }
        guard let pair = current.checkList[id: id] else { return }
        switch role {
        case .controlled:
            if pair.isChosenByPeer, isFollowed(pair, now: now) { return select(id, nominated: true, now: now) }
        case .controlling:
            if transaction.nominates { return select(id, nominated: true, now: now) }
            if !current.hasNominated || state == .disconnected {
                current.nominateAt = min(current.nominateAt ?? .distantFuture, now + configuration.nominationDelay)
                nominateIfTime(now: now)
            }
        }
        if !current.hasNominated { selectBestValid(now: now) }
    }

    private mutating func handlePreviousResponse(
        _ message: borrowing STUNMessage, to transaction: CheckTransaction, now: Instant
    ) {
        guard message.type.messageClass == .successResponse, previous?.selected == transaction.pair else { return }
        previous?.checkList.update(transaction.pair) { $0.statistics.note(responseTo: transaction, now: now) }
        previous?.consent?.answered(configuration: configuration, now: now)
    }
}

extension CandidatePairStatistics {
    mutating func note(responseTo transaction: CheckTransaction, now: Instant) {
        responsesReceived += 1
        lastResponseAt = now
        // Which of several transmissions was answered cannot be told (Karn).
        guard transaction.transmissions == 1 else { return }
        let time = now - transaction.firstSentAt
        currentRoundTripTime = time
        totalRoundTripTime += time
    }
}
