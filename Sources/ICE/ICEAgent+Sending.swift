public import Primitives
import STUN

/// What goes out and when: responses, checks at the pace Ta, retransmissions, consent.
extension ICEAgent {
    /// Writes the next datagram that is due into `packet`, replacing what is in it.
    public mutating func pollTransmit(into packet: inout PacketBuffer, now: Instant) -> Transmit? {
        if let transmit = pollRelays(into: &packet, now: now) { return transmit }
        guard state != .closed else { return nil }
        while true {
            packet.removeAll()
            guard let transmit = pollDirect(into: &packet, now: now) else { return nil }
            // A relay that cannot send it loses it, as a network would; the next one may go another way.
            if let routed = route(transmit, &packet) { return routed }
        }
    }

    private mutating func pollDirect(into packet: inout PacketBuffer, now: Instant) -> Transmit? {
        if let response = responses.popFirst() { return write(response, into: &packet) }
        if let index = transactions.firstIndex(where: { isRetransmissionDue($0, now: now) }) {
            return retransmit(index, into: &packet, now: now)
        }
        if let transmit = pollConsent(into: &packet, now: now) { return transmit }
        if let transmit = pollGathering(into: &packet, now: now) { return transmit }
        // Checks and allocations in turn: neither waits until the other has nothing left.
        if isAllocationsTurn, let transmit = pollAllocation(into: &packet, now: now) {
            isAllocationsTurn = false
            return transmit
        }
        if let transmit = pollCheck(into: &packet, now: now) {
            isAllocationsTurn = true
            return transmit
        }
        return pollAllocation(into: &packet, now: now)
    }

    // MARK: Responses

    private func write(_ response: PendingResponse, into packet: inout PacketBuffer) -> Transmit {
        packet.write { writer in
            switch response.kind {
            case .success(let mapped):
                let message = STUNMessageWriter(.bindingSuccess, response.id, into: &writer)
                message.write(.xorMappedAddress, xor: mapped, into: &writer)
                finish(message, key: response.key, into: &writer)
            case .error(let code, let unknown):
                let message = STUNMessageWriter(.bindingError, response.id, into: &writer)
                message.writeErrorCode(code, into: &writer)
                if !unknown.isEmpty { message.writeUnknownAttributes(unknown, into: &writer) }
                finish(message, key: response.key, into: &writer)
            }
        }
        return Transmit(source: response.base, destination: response.destination)
    }

    private func finish(_ message: STUNMessageWriter, key: IntegrityKey?, into writer: inout ByteWriter) {
        if let key { message.writeMessageIntegrity(key: key, using: authenticator, into: &writer) }
        message.writeFingerprint(into: &writer)
    }

    // MARK: Requests

    private mutating func pollCheck(into packet: inout PacketBuffer, now: Instant) -> Transmit? {
        guard hasCheckWork, now >= nextCheckAt, let id = current.checkList.next(ordinary: startsOrdinaryChecks),
            let pair = current.checkList[id: id]
        else { return nil }
        nextCheckAt = now + configuration.pacing
        let rto = retransmissionTimeout
        let transaction = CheckTransaction(
            id: .random(using: &random), kind: .check, generation: current.number, pair: id, base: pair.local.base,
            remote: pair.remote.address, role: role, nominates: role == .controlling && pair.nominatesNext,
            firstSentAt: now, transmissions: 1, wait: rto, nextAt: now + rto, isCancelled: false)
        current.checkList.update(id) {
            $0.state = .inProgress
            $0.statistics.requestsSent += 1
        }
        if current.selected == id { current.consent?.pathChecked(now: now) }
        transactions.append(transaction)
        return write(transaction, of: current, pair: pair, into: &packet)
    }

    /// RTO = MAX (500 ms, Ta · N · (waiting + in progress)) (RFC 8445 section 14.3).
    private var retransmissionTimeout: Duration {
        max(configuration.minimumRTO, configuration.pacing * current.checkList.pendingCount)
    }

    /// Ordinary checks end with nomination, unless the path in use needs a successor.
    private var startsOrdinaryChecks: Bool { !current.hasNominated || state == .disconnected }

    private var hasCheckWork: Bool {
        current.remote != nil && current.checkList.hasWork(ordinary: startsOrdinaryChecks)
    }

    private func isRetransmissionDue(_ transaction: CheckTransaction, now: Instant) -> Bool {
        transaction.kind == .check && !transaction.isCancelled && transaction.nextAt <= now
            && transaction.transmissions < configuration.maximumTransmissions
    }

    private mutating func retransmit(_ index: Int, into packet: inout PacketBuffer, now: Instant) -> Transmit? {
        let count = transactions[index].transmissions + 1
        transactions[index].transmissions = count
        // Waits of 1, 2, 4 … RTO, and of Rm times the first after the last (RFC 8489 section 6.2.1).
        let isLast = count >= configuration.maximumTransmissions
        let first = transactions[index].wait / (1 << min(count - 2, 16))
        transactions[index].wait = isLast ? first * configuration.lastWaitFactor : transactions[index].wait * 2
        transactions[index].nextAt = now + transactions[index].wait
        let transaction = transactions[index]
        guard let pair = current.checkList[id: transaction.pair], transaction.generation == current.number else {
            transactions.remove(at: index)
            return pollDirect(into: &packet, now: now)
        }
        current.checkList.update(pair.id) { $0.statistics.requestsSent += 1 }
        return write(transaction, of: current, pair: pair, into: &packet)
    }

    private mutating func pollConsent(into packet: inout PacketBuffer, now: Instant) -> Transmit? {
        var generation = current
        if let transaction = consentCheck(&generation, now: now), let pair = generation.selectedPair {
            current = generation
            transactions.append(transaction)
            return write(transaction, of: current, pair: pair, into: &packet)
        }
        guard let previous, previous.consent != nil else { return nil }
        generation = previous
        guard let transaction = consentCheck(&generation, now: now), let pair = generation.selectedPair else {
            return nil
        }
        self.previous = generation
        transactions.append(transaction)
        return write(transaction, of: generation, pair: pair, into: &packet)
    }

    private mutating func consentCheck(_ generation: inout ICEGeneration, now: Instant) -> CheckTransaction? {
        guard let pair = generation.selectedPair, var consent = generation.consent, now >= consent.nextCheckAt,
            generation.remote != nil
        else { return nil }
        consent.checkSent(configuration: configuration, random: &random, now: now)
        generation.consent = consent
        generation.checkList.update(pair.id) {
            $0.statistics.requestsSent += 1
            $0.statistics.consentRequestsSent += 1
        }
        return CheckTransaction(
            id: .random(using: &random), kind: .consent, generation: generation.number, pair: pair.id,
            base: pair.local.base, remote: pair.remote.address, role: role, nominates: false, firstSentAt: now,
            transmissions: 1, wait: configuration.consentTimeout, nextAt: now + configuration.consentTimeout,
            isCancelled: false)
    }

    private func write(
        _ transaction: CheckTransaction, of generation: ICEGeneration, pair: CandidatePair,
        into packet: inout PacketBuffer
    ) -> Transmit? {
        guard let key = generation.remoteKey else { return nil }
        packet.write { writer in
            let message = STUNMessageWriter(.bindingRequest, transaction.id, into: &writer)
            message.write(.username, utf8: generation.username, into: &writer)
            message.write(
                transaction.role == .controlling ? .iceControlling : .iceControlled, tieBreaker, into: &writer)
            message.write(.priority, pair.local.reflexivePriority, into: &writer)
            if transaction.nominates { message.write(.useCandidate, into: &writer) }
            finish(message, key: key, into: &writer)
        }
        return Transmit(source: transaction.base, destination: transaction.remote)
    }

    // MARK: Time

    /// Does what is due by now. Poll for datagrams and events afterwards.
    public mutating func handleTimeout(now: Instant) {
        guard state != .closed else { return }
        expireTransactions(now: now)
        expireGathering(now: now)
        handleRelayTimeouts(now: now)
        expireConsent(now: now)
        nominateIfTime(now: now)
        settleDoubt(now: now)
        askQuietPath(now: now)
        updateState(now: now)
    }

    private mutating func expireTransactions(now: Instant) {
        var index = 0
        while index < transactions.count {
            let transaction = transactions[index]
            let isOver =
                transaction.kind == .consent || transaction.isCancelled
                || transaction.transmissions >= configuration.maximumTransmissions
            guard isOver, transaction.nextAt <= now else {
                index += 1
                continue
            }
            transactions.remove(at: index)
            let pairState = current.checkList[id: transaction.pair]?.state
            if transaction.kind == .check, !transaction.isCancelled, transaction.generation == current.number,
                pairState == .inProgress
            {
                failPair(transaction.pair, now: now)
            }
        }
    }

    /// A path that has been silent is asked by a connectivity check, whose retransmissions survive loss; consent
    /// checks alone come too seldom to tell a pause from an end.
    private mutating func askQuietPath(now: Instant) {
        guard let selected = current.selected, var consent = current.consent,
            consent.questionAt(configuration: configuration) <= now
        else { return }
        consent.questionAsked(configuration: configuration, now: now)
        current.consent = consent
        if current.checkList[id: selected]?.state != .inProgress { current.checkList.trigger(selected) }
    }

    /// The earliest moment at which something is due.
    public var nextTimeout: Wake? {
        guard state != .closed else { return nil }
        var wake: Wake?
        func consider(_ at: Instant?, _ reason: WakeReason) {
            if let at { wake = .earliest(wake, Wake(at: at, reason: reason)) }
        }
        if !responses.isEmpty { consider(nextCheckAt, .iceCheck) }
        if hasCheckWork { consider(nextCheckAt, .iceCheck) }
        consider(gatheringWakeAt, .iceGathering)
        wake = .earliest(wake, relayWake)
        for transaction in transactions { consider(transaction.nextAt, .iceRetransmission) }
        if role == .controlling, let at = current.nominateAt, current.checkList.hasValid { consider(at, .iceCheck) }
        consider(current.choiceDueAt, .iceCheck)
        // Asked after every packet: an array of the two would be an allocation each time.
        func consider(_ consent: Consent?) {
            guard let consent else { return }
            consider(consent.nextCheckAt, .iceConsent)
            consider(consent.expiresAt, .iceConsent)
            if state != .disconnected { consider(consent.quietAt(configuration: configuration), .iceDisconnected) }
        }
        consider(current.consent)
        consider(previous?.consent)
        if carrier == nil { consider(consentEndsAt, .iceConsent) }
        if current.selected != nil {
            consider(current.consent?.questionAt(configuration: configuration), .iceKeepalive)
        }
        if state == .checking || state == .new || state == .disconnected, carrier == nil, current.remote != nil,
            current.checkList.isExhausted
        {
            consider(current.patienceEndsAt, .iceCheck)
        }
        return wake
    }
}
