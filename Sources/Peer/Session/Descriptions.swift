import Primitives
import SDP

/// Offer and answer: what was agreed, and what of ours a description has announced.
struct Descriptions: Sendable {
    enum Negotiation: Sendable {
        case answering(Negotiator)
        case offering(Offerer, NegotiatedSession?)
    }

    var negotiation: Negotiation
    /// The section whose transport carries the bundle, which our candidates belong to.
    private(set) var taggedSection: (mid: String, index: Int)
    /// Whether candidates of ours go out as events: the description that they complete has been given.
    var tricklesCandidates: Bool

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

    /// Our candidates belong to the first section that was accepted.
    mutating func tag(_ session: NegotiatedSession) {
        if let tagged = session.media.first(where: \.isAccepted) { taggedSection = (tagged.mid, tagged.index) }
    }
}
