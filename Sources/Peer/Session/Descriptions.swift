import Crypto
import ICE
import Primitives
import SDP

// Offer and answer (RFC 9429): the side that negotiates, and the events about our candidates.
//
//   offer of the peer ── read ─▶ Offer ── answer (with our transport) ─▶ text, Agreement ── adopt ─▶ session
//   our offer ── the peer's answer ── read ─▶ Agreement ── adopt ─▶ session
//
// An agreement changes nothing before it is adopted, so that whatever fails on the way leaves the session as it was.

/// Offer and answer: what was agreed, and what of ours a description has announced.
struct Descriptions: Sendable {
    fileprivate enum Negotiation: Sendable {
        case answering(Negotiator)
        case offering(Offerer, NegotiatedSession?)
    }

    /// An offer of the peer's, read.
    struct Offer: Sendable {
        fileprivate let description: SessionDescription
        /// Its answer takes new ICE credentials of ours.
        let isICERestart: Bool
    }

    /// What an offer and its answer come to.
    struct Agreement: Sendable {
        let session: NegotiatedSession
        /// The peer's.
        let credentials: ICE.ICECredentials
        fileprivate let negotiation: Negotiation

        fileprivate init(_ session: NegotiatedSession, _ negotiation: Negotiation) throws(PeerError) {
            let remote = session.remoteICE.credentials
            guard
                let credentials = ICE.ICECredentials(
                    usernameFragment: remote.usernameFragment, password: remote.password.unredacted)
            else { throw .malformedDescription("sdp: ice credentials outside their grammar") }
            self.session = session
            self.credentials = credentials
            self.negotiation = negotiation
        }
    }

    private var negotiation: Negotiation
    /// The section whose transport carries the bundle, which our candidates belong to.
    private var taggedSection: (mid: String, index: Int)
    /// Whether candidates of ours go out as events: the description that they complete has been given.
    private var tricklesCandidates: Bool

    init(_ role: PeerRole, _ capabilities: LocalCapabilities, random: inout RandomSource) {
        switch role {
        case .answerer: negotiation = .answering(Negotiator(capabilities: capabilities, random: random.split()))
        case .offerer: negotiation = .offering(Offerer(capabilities: capabilities, random: random.split()), nil)
        }
        taggedSection = ("0", 0)
        tricklesCandidates = false
    }

    /// What was agreed last; nil before the first answer.
    var session: NegotiatedSession? {
        switch negotiation {
        case .answering(let negotiator): negotiator.session
        case .offering(_, let session): session
        }
    }

    // MARK: Answering

    /// - Throws: `wrongState` where this side offers.
    func read(offer text: String) throws(PeerError) -> Offer {
        guard case .answering(let negotiator) = negotiation else { throw .wrongState }
        let offer = try Descriptions.parse(text)
        return Offer(description: offer, isICERestart: negotiator.isICERestart(offer))
    }

    /// The answer to an offer, and what both come to. On an ICE restart `transport` must carry new credentials.
    func answer(
        _ offer: Offer, with transport: LocalTransport
    ) throws(PeerError) -> (text: String, agreement: Agreement) {
        guard case .answering(var negotiator) = negotiation else { throw .wrongState }
        let answer: SessionDescription
        do throws(NegotiationError) {
            answer = try negotiator.answer(offer.description, with: transport)
        } catch {
            throw PeerError(error)
        }
        guard let session = negotiator.session else { throw .wrongState }
        return (answer.text, try Agreement(session, .answering(negotiator)))
    }

    // MARK: Offering

    /// - Throws: `wrongState` where this side answers.
    mutating func offer(with transport: LocalTransport) throws(PeerError) -> String {
        guard case .offering(var offerer, let session) = negotiation else { throw .wrongState }
        let offer = offerer.offer(with: transport)
        negotiation = .offering(offerer, session)
        return offer.text
    }

    /// What the answer to our last offer comes to.
    func read(answer text: String) throws(PeerError) -> Agreement {
        guard case .offering(let offerer, let previous) = negotiation else { throw .wrongState }
        let answer = try Descriptions.parse(text)
        let session: NegotiatedSession
        do throws(NegotiationError) {
            session = try offerer.negotiate(answer, previous: previous)
        } catch {
            throw PeerError(error)
        }
        return try Agreement(session, .offering(offerer, session))
    }

    // MARK: Both

    /// From now on this is what was agreed. Our candidates belong to the first section that was accepted.
    mutating func adopt(_ agreement: Agreement) {
        negotiation = agreement.negotiation
        if let tagged = agreement.session.media.first(where: \.isAccepted) {
            taggedSection = (tagged.mid, tagged.index)
        }
    }

    private static func parse(_ text: String) throws(PeerError) -> SessionDescription {
        do throws(SDPError) {
            return try SessionDescription(parsing: text)
        } catch {
            throw .malformedDescription("\(error)")
        }
    }

    // MARK: Our candidates

    /// The description that our candidates complete goes out now: those that come later are told.
    mutating func beginTrickle() { tricklesCandidates = true }

    /// A candidate of ours, for the peer; nil while a description will have it.
    func event(of candidate: Candidate) -> PeerSessionEvent? {
        guard tricklesCandidates else { return nil }
        let attribute = candidate.attribute
        let text = attribute.hasPrefix("candidate:") ? attribute : "candidate:" + attribute
        return .localCandidate(text, mid: taggedSection.mid, sectionIndex: taggedSection.index)
    }

    /// No more candidates of ours will come, for the peer; nil while a description will say it.
    var endOfCandidates: PeerSessionEvent? {
        guard tricklesCandidates else { return nil }
        return .endOfLocalCandidates(mid: taggedSection.mid, sectionIndex: taggedSection.index)
    }
}

extension LocalTransport {
    /// What ICE and the certificate give a description.
    init(of agent: ICEAgent, _ fingerprint: Fingerprint) {
        self.init(
            credentials: SDP.ICECredentials(
                usernameFragment: agent.localCredentials.usernameFragment, password: agent.localCredentials.password),
            fingerprints: [fingerprint], candidates: agent.localCandidates.map(\.attribute),
            isEndOfCandidates: agent.isGatheringComplete)
    }
}

extension PeerError {
    fileprivate init(_ error: NegotiationError) {
        self = error == .noCommonCodec ? .noCommonCodec : .malformedDescription("\(error)")
    }
}
