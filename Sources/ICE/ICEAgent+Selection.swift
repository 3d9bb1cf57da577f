import Primitives

/// Which valid pair carries data.
extension ICEAgent {
    /// Data takes this pair from now on.
    mutating func select(_ id: Int, nominated: Bool, now: Instant) {
        guard let pair = current.checkList[id: id], pair.isValid else { return }
        if nominated {
            for other in current.checkList.pairs where other.isNominated && other.id != id {
                current.checkList.update(other.id) { $0.isNominated = false }
            }
            current.checkList.update(id) {
                $0.isNominated = true
                $0.isChosenByPeer = false
                $0.nominatesNext = false
            }
            current.nominateAt = nil
            current.firstNominatedAt = current.firstNominatedAt ?? now
            // The new generation has taken over; the old one only goes on answering.
            previous?.selected = nil
            previous?.consent = nil
            transactions.removeAll { $0.generation != current.number }
        }
        if current.selected != id {
            bindChannelIfRelayed(pair, now: now)
            current.selected = id
            current.consent = consent(of: pair, now: now)
        }
        current.consentExpired = false
    }

    func mayCarry(_ pair: CandidatePair, now: Instant) -> Bool {
        // Half the time that consent lasts is left for asking again; an older answer is renewed before media follows.
        pair.isValid
            && pair.statistics.lastResponseAt.map { now - $0 < configuration.consentTimeout / 2 } ?? false
    }

    /// Whether the peer's choice is followed by its word alone.
    ///
    /// With aggressive nomination (RFC 5245 section 8.1.1.2) every check of the peer has USE-CANDIDATE, and of the pairs
    /// that work both sides take the best: in the beginning a check that comes late must not move us below the pair that
    /// the peer uses. With regular nomination it means what it says: then it is followed as soon as the peer sends data that
    /// way, or the pair in use does not answer.
    func isFollowed(_ pair: CandidatePair, now: Instant) -> Bool {
        guard let selected = current.selectedPair, selected.isNominated, state != .disconnected,
            let first = current.firstNominatedAt, now < first + configuration.nominationSettling
        else { return true }
        return pair.priority >= selected.priority
    }

    /// A choice of the peer that is not followed puts the pair in use to the question.
    mutating func doubtSelected(now: Instant) {
        guard let selected = current.selected, current.choiceDueAt == nil else { return }
        current.choiceDueAt = now + configuration.minimumRTO
        if current.checkList[id: selected]?.state != .inProgress { current.checkList.trigger(selected) }
    }

    mutating func settleDoubt(now: Instant) {
        guard let dueAt = current.choiceDueAt, now >= dueAt else { return }
        current.choiceDueAt = nil
        let answeredAt = current.selectedPair?.statistics.lastResponseAt
        guard answeredAt.map({ $0 < dueAt - configuration.minimumRTO }) ?? true else { return }
        followUnusedChoice(now: now)
    }

    /// The peer sends data over a pair that is not the one in use.
    mutating func followData(from remote: SocketAddress, local: SocketAddress, now: Instant) {
        guard role == .controlled, let index = current.checkList.index(base: local, remote: remote) else { return }
        let pair = current.checkList.pairs[index]
        guard pair.isChosenByPeer, mayCarry(pair, now: now) else { return }
        select(pair.id, nominated: true, now: now)
        updateState(now: now)
    }

    /// The path in use has gone quiet: what the peer chose besides is all the better now. False when there is no such pair.
    @discardableResult
    mutating func followUnusedChoice(now: Instant) -> Bool {
        guard role == .controlled,
            let pair = current.checkList.pairs.first(where: { $0.isChosenByPeer && $0.id != current.selected }),
            mayCarry(pair, now: now)
        else { return false }
        select(pair.id, nominated: true, now: now)
        return true
    }

    mutating func consent(of pair: CandidatePair, now: Instant) -> Consent {
        let answeredAt = pair.statistics.lastResponseAt ?? now
        return Consent(
            configuration: configuration, answeredAt: answeredAt,
            lastReceivedAt: max(answeredAt, pair.statistics.lastRequestAt ?? answeredAt), random: &random, now: now)
    }

    /// Before the peer has decided, or after its choice is gone, the best pair that works is used. During a restart
    /// the old path is better than a new one that may not stay.
    mutating func selectBestValid(now: Instant) {
        guard !current.hasNominated, previous?.selected == nil,
            let best = current.checkList.bestValid(since: now - configuration.consentTimeout)
        else { return }
        select(best.id, nominated: best.isNominated, now: now)
    }

    /// Regular nomination (RFC 8445 section 8.1.1): the best valid pair, as soon as no better one can still come up,
    /// or when the time for better ones is over.
    mutating func nominateIfTime(now: Instant) {
        guard role == .controlling, let time = current.nominateAt else { return }
        guard let best = pairToNominate(now: now) else {
            // What was valid is too old to be trusted: the next success sets a new time.
            if now >= time { current.nominateAt = nil }
            return
        }
        let betterMayCome = current.checkList.pairs.contains {
            $0.priority > best.priority && $0.state != .failed && !$0.isValid
        }
        guard !betterMayCome || now >= time else { return }
        current.nominateAt = nil
        for pair in current.checkList.pairs where pair.nominatesNext {
            current.checkList.update(pair.id) { $0.nominatesNext = false }
        }
        current.checkList.update(best.id) { $0.nominatesNext = true }
        current.checkList.trigger(best.id)
    }

    /// The best valid pair; a selected one that has gone quiet is no choice.
    private func pairToNominate(now: Instant) -> CandidatePair? {
        let quiet = state == .disconnected ? current.selected : nil
        return current.checkList.bestValid(since: now - configuration.consentTimeout, except: quiet)
    }

    /// A check was refused or never answered.
    mutating func failPair(_ id: Int, now: Instant) {
        guard let pair = current.checkList[id: id] else { return }
        current.checkList.update(id) { $0.state = .failed }
        // The pair in use ends by its consent, not by one question.
        guard current.selected != id else { return }
        current.checkList.update(id) {
            $0.isValid = false
            $0.isNominated = false
            $0.nominatesNext = false
        }
        if role == .controlling, pair.nominatesNext || pair.isValid, !current.hasNominated {
            current.nominateAt = now
            nominateIfTime(now: now)
        }
    }

    /// "an agent MUST cease transmission" (RFC 7675 section 5.1).
    mutating func expireConsent(now: Instant) {
        if let consent = current.consent, now >= consent.expiresAt, let selected = current.selected {
            current.checkList.update(selected) {
                $0.isValid = false
                $0.isNominated = false
                $0.state = .failed
            }
            current.selected = nil
            current.consent = nil
            current.consentExpired = true
            selectBestValid(now: now)
            if carrier == nil { events.append(.consentExpired) }
        }
        if let consent = previous?.consent, now >= consent.expiresAt {
            previous?.selected = nil
            previous?.consent = nil
            selectBestValid(now: now)
            if carrier == nil { events.append(.consentExpired) }
        }
        // The path went with its address, and nothing has taken its place.
        if carrier == nil, let end = consentEndsAt, now >= end {
            consentEndsAt = nil
            current.consentExpired = true
            events.append(.consentExpired)
        }
    }
}
