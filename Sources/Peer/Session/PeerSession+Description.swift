import Crypto
import ICE
public import Primitives
import SDP

// Offer and answer (RFC 9429): where descriptions become settings of the machines.

/// Media that an answer does not give, although the offer asked for it.
public enum RefusedMedia: Hashable, Sendable {
    case noCommonCodec(MediaKind)
    /// Outside the one transport that is served.
    case notBundled(MediaKind)
}

extension PeerSession {
    /// The answer to an offer. A later offer renegotiates, and with new ICE credentials restarts ICE, while media goes
    /// on over the path in use. With another fingerprint it comes from a peer that began anew: keys are made anew with it,
    /// over a path that is found anew, and its media begins with them.
    ///
    /// - Throws: `PeerError`; the session then goes on as before.
    public mutating func accept(offer text: String, now: Instant) throws(PeerError) -> String {
        guard phase != .closed, case .answering(var negotiator) = descriptions.negotiation else { throw .wrongState }
        let offer = try parse(text)
        // The answer needs the credentials of a restart that only happens if there is an answer.
        var restarted = ice.value
        if negotiator.isICERestart(offer) { restarted.restart(now: now) }

        let answer: SessionDescription
        do throws(NegotiationError) {
            answer = try negotiator.answer(offer, with: transport(of: restarted))
        } catch {
            throw error == .noCommonCodec ? .noCommonCodec : .malformedDescription("\(error)")
        }
        guard let session = negotiator.session else { throw .wrongState }
        let remote = try remoteCredentials(of: session)
        let association = try keys.association(for: session)
        ice.value = restarted
        descriptions.negotiation = .answering(negotiator)
        if journal.timeline.describedAt == nil { journal.timeline.describedAt = now }
        apply(session, remote, association, now: now)
        return answer.text
    }

    /// An offer to receive what the peer has. Call it again for an ICE restart.
    public mutating func makeOffer(now: Instant) throws(PeerError) -> String {
        guard phase != .closed, case .offering(var offerer, let session) = descriptions.negotiation else {
            throw .wrongState
        }
        if session != nil { ice.value.restart(now: now) }
        let offer = offerer.offer(with: transport(of: ice.value))
        descriptions.negotiation = .offering(offerer, session)
        settle(now: now)
        discardAnnouncedCandidates()
        descriptions.tricklesCandidates = true
        return offer.text
    }

    /// The answer to our offer.
    public mutating func accept(answer text: String, now: Instant) throws(PeerError) {
        guard phase != .closed, case .offering(let offerer, let previous) = descriptions.negotiation else {
            throw .wrongState
        }
        let answer = try parse(text)
        let session: NegotiatedSession
        do throws(NegotiationError) {
            session = try offerer.negotiate(answer, previous: previous)
        } catch {
            throw error == .noCommonCodec ? .noCommonCodec : .malformedDescription("\(error)")
        }
        let remote = try remoteCredentials(of: session)
        let association = try keys.association(for: session)
        descriptions.negotiation = .offering(offerer, session)
        if journal.timeline.describedAt == nil { journal.timeline.describedAt = now }
        apply(session, remote, association, now: now)
    }

    /// Media that the last description asked for and does not get, for a `session-error`: in no codec of ours, or outside
    /// the transport that is served.
    public var refusals: [RefusedMedia] {
        (negotiated?.refusals ?? []).map { $0.reason == .notBundled ? .notBundled($0.kind) : .noCommonCodec($0.kind) }
    }

    private func parse(_ text: String) throws(PeerError) -> SessionDescription {
        do throws(SDPError) {
            return try SessionDescription(parsing: text)
        } catch {
            throw .malformedDescription("\(error)")
        }
    }

    private func transport(of ice: ICEAgent) -> LocalTransport {
        LocalTransport(
            credentials: SDP.ICECredentials(
                usernameFragment: ice.localCredentials.usernameFragment, password: ice.localCredentials.password),
            fingerprints: [keys.certificate.fingerprint()],
            candidates: ice.localCandidates.map(\.attribute), isEndOfCandidates: ice.isGatheringComplete)
    }

    private func remoteCredentials(of session: NegotiatedSession) throws(PeerError) -> ICE.ICECredentials {
        let credentials = session.remoteICE.credentials
        guard
            let remote = ICE.ICECredentials(
                usernameFragment: credentials.usernameFragment, password: credentials.password.unredacted)
        else { throw .malformedDescription("sdp: ice credentials outside their grammar") }
        return remote
    }

    /// Takes over what was agreed. Every step that can fail comes before the first change.
    private mutating func apply(
        _ session: NegotiatedSession, _ remote: ICE.ICECredentials, _ association: consuming DTLSEndpoint?,
        now: Instant
    ) {
        descriptions.tag(session)
        // The same peer goes on with the same media under other keys; another one knows nothing of what was sent.
        if association != nil, phase != .new, session.isNewDTLSAssociation { beginAnew() }
        keys.adopt(session.remoteFingerprints, association)
        media.configure(session, now: now)

        ice.value.setRemoteCredentials(remote, isLite: session.remoteICE.isLite, now: now)
        for candidate in session.remoteICE.candidates { addRemoteCandidate(candidate.text, now: now) }
        if phase == .new { phase = .connecting }

        settle(now: now)
        // What the description announces does not trickle again; what comes later does.
        if role == .answerer {
            discardAnnouncedCandidates()
            descriptions.tricklesCandidates = true
        }
    }

    /// The peer that there was is gone, and what was sent to it is of no use to the one that comes.
    private mutating func beginAnew() {
        phase = .connecting
        keys.forget()
        media.beginAnew()
    }

    /// Events about candidates that stand in the description itself would only repeat it.
    private mutating func discardAnnouncedCandidates() {
        var others: [Event] = []
        while let event = journal.events.popFirst() {
            switch event {
            case .localCandidate, .endOfLocalCandidates: break
            default: others.append(event)
            }
        }
        for event in others { journal.events.append(event) }
    }
}
