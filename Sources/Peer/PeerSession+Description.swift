import Crypto
import ICE
public import Primitives
import SDP

// Offer and answer (RFC 9429): where descriptions become settings of the machines.

extension PeerSession {
    /// The answer to an offer. A later offer renegotiates, and with new ICE credentials restarts ICE, while media goes
    /// on over the path in use.
    ///
    /// - Throws: `PeerError`; the session then goes on as before.
    public mutating func accept(offer text: String, now: Instant) throws(PeerError) -> String {
        guard phase != .closed, case .answering(var negotiator) = negotiation else { throw .wrongState }
        let offer = try parse(text)
        let isRestart = negotiator.isICERestart(offer)
        if isRestart { ice.restart(now: now) }
        if dtls == nil { timeline.describedAt = now }

        let answer: SessionDescription
        do throws(NegotiationError) {
            answer = try negotiator.answer(offer, with: localTransport)
        } catch {
            throw error == .noCommonCodec ? .noCommonCodec : .malformedDescription("\(error)")
        }
        guard let session = negotiator.session else { throw .wrongState }
        negotiation = .answering(negotiator)
        try apply(session, now: now)
        return answer.text
    }

    /// An offer to receive what the peer has. Call it again for an ICE restart.
    public mutating func makeOffer(now: Instant) throws(PeerError) -> String {
        guard phase != .closed, case .offering(var offerer, let session) = negotiation else { throw .wrongState }
        if session != nil { ice.restart(now: now) }
        let offer = offerer.offer(with: localTransport)
        negotiation = .offering(offerer, session)
        tricklesCandidates = true
        discardAnnouncedCandidates()
        return offer.text
    }

    /// The answer to our offer.
    public mutating func accept(answer text: String, now: Instant) throws(PeerError) {
        guard phase != .closed, case .offering(let offerer, let previous) = negotiation else { throw .wrongState }
        let answer = try parse(text)
        let session: NegotiatedSession
        do throws(NegotiationError) {
            session = try offerer.negotiate(answer, previous: previous)
        } catch {
            throw error == .noCommonCodec ? .noCommonCodec : .malformedDescription("\(error)")
        }
        negotiation = .offering(offerer, session)
        if dtls == nil { timeline.describedAt = now }
        try apply(session, now: now)
    }

    /// Kinds of media that the last description asked for in no codec of ours, for a `session-error`.
    public var refusedKinds: [MediaKind] {
        switch negotiation {
        case .answering(let negotiator): negotiator.session?.refusals.map(\.kind) ?? []
        case .offering(_, let session): session?.refusals.map(\.kind) ?? []
        }
    }

    private func parse(_ text: String) throws(PeerError) -> SessionDescription {
        do throws(SDPError) {
            return try SessionDescription(parsing: text)
        } catch {
            throw .malformedDescription("\(error)")
        }
    }

    private var localTransport: LocalTransport {
        LocalTransport(
            credentials: SDP.ICECredentials(
                usernameFragment: ice.localCredentials.usernameFragment, password: ice.localCredentials.password),
            fingerprints: [certificate.fingerprint()],
            candidates: ice.localCandidates.map(\.attribute), isEndOfCandidates: ice.isGatheringComplete)
    }

    private mutating func apply(_ session: NegotiatedSession, now: Instant) throws(PeerError) {
        if let tagged = session.media.first(where: \.isAccepted) { taggedSection = (tagged.mid, tagged.index) }
        remoteFingerprints = session.remoteFingerprints
        if dtls == nil {
            do throws(CryptoError) {
                dtls = try DTLSEndpoint(role: session.dtlsRole, borrowing: certificate)
            } catch {
                throw .cryptography("\(error)")
            }
        }
        media.configure(session, random: &random, now: now)

        let credentials = session.remoteICE.credentials
        guard
            let remote = ICE.ICECredentials(
                usernameFragment: credentials.usernameFragment, password: credentials.password.unredacted)
        else { throw .malformedDescription("sdp: ice credentials outside their grammar") }
        ice.setRemoteCredentials(remote, isLite: session.remoteICE.isLite, now: now)
        for candidate in session.remoteICE.candidates { addRemoteCandidate(candidate.text, now: now) }
        if session.remoteICE.isEndOfCandidates { ice.endRemoteCandidates(now: now) }
        if phase == .new { phase = .connecting }

        // What the description announces does not trickle again; what comes later does.
        if role == .answerer {
            discardAnnouncedCandidates()
            tricklesCandidates = true
        }
        settle(now: now)
    }

    /// Events about candidates that stand in the description itself would only repeat it.
    private mutating func discardAnnouncedCandidates() {
        var others: [Event] = []
        while let event = events.popFirst() {
            switch event {
            case .localCandidate, .endOfLocalCandidates: break
            default: others.append(event)
            }
        }
        for event in others { events.append(event) }
    }
}
