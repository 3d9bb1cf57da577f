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
                $0.isNominatedOnSuccess = false
                $0.nominatesNext = false
            }
            current.nominateAt = nil
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
