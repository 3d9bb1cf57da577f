public import Primitives

// Answering an offer (RFC 9429 section 5.3, RFC 3264 sections 6 and 8).
//
// The monitor always offers and the kiosk always answers, so only that half of JSEP exists here. One transport
// carries everything: the first bundle group with something to serve, and of an offer without bundles the first video
// section, or else the first section that can be served. Everything else is rejected with its reason, and never fails the rest.
//
//   offer ─▶ transport section ─▶ each section: reject, or agree on codecs, extensions, direction ─▶ answer
//                                                                                                 └▶ NegotiatedSession
//
// A later offer is judged against what the one before led to: a section keeps its codec and source identifiers by
// its mid, changed ICE credentials are an ICE restart, changed fingerprints a new DTLS association, and our DTLS role
// stays. An offer that cannot be answered leaves everything as it was.
//
// Sections come and go for as long as the peer likes, and each of them could want a source of its own for ever: past
// `streamsPerKind` a new section takes over the source of the one that was declared longest ago. There is one camera and
// one microphone, so that one is silent by then.

/// Answers the offers of one session.
public struct Negotiator: Sendable {
    /// What every answer of the session is made from.
    public let capabilities: LocalCapabilities
    /// What the last answered offer led to.
    public private(set) var session: NegotiatedSession?
    let cname: String
    let streamID: String
    let sessionID: String
    var version: UInt64
    /// How many sections of a kind have a source of their own.
    static let streamsPerKind = 4
    /// What was declared, the latest last, so that it can be declared again.
    var streams: [DeclaredStream]
    var random: RandomSource

    /// `random` gives session id, CNAME, sources and stream names.
    public init(capabilities: LocalCapabilities, random: RandomSource) {
        var random = random
        self.capabilities = capabilities
        session = nil
        cname = Negotiator.token(using: &random)
        streamID = Negotiator.token(using: &random)
        // A positive 63-bit number (RFC 9429 section 5.2.1).
        sessionID = String(UInt64.random(in: 1...UInt64(Int64.max), using: &random))
        version = 0
        streams = []
        self.random = random
    }

    /// Whether answering this offer takes new ICE credentials of ours (RFC 8839 section 4.4.1.1.1): ask before
    /// `answer`, which wants them. False for a first offer and for one that cannot be answered.
    public func isICERestart(_ offer: SessionDescription) -> Bool {
        guard let session, let transport = try? selectTransport(of: offer) else { return false }
        return session.remoteICE.credentials != transport.ice.credentials
    }

    /// The answer to an offer, and what both mean. On an ICE restart `transport` must carry new credentials.
    ///
    /// - Throws: `NegotiationError` when nothing of the offer can be served; the session stays as it was.
    public mutating func answer(
        _ offer: SessionDescription, with transport: LocalTransport
    ) throws(NegotiationError) -> SessionDescription {
        let remote = try selectTransport(of: offer)
        // Sections stay in their place as long as it is the same peer connection that offers (RFC 3264 section 8).
        if let session, Set(session.remoteFingerprints) == Set(remote.fingerprints),
            offer.media.count < session.media.count
        {
            throw .sectionsRemoved
        }
        let isNewAssociation = isNewAssociation(remote)
        let role = dtlsRole(for: remote, isNewAssociation: isNewAssociation)
        let isRestart = session.map { $0.remoteICE.credentials != remote.ice.credentials } ?? false

        // From here on nothing fails.
        var negotiated = NegotiatedSession(
            media: negotiate(offer, over: remote), remoteICE: remote.ice, cname: cname,
            remoteFingerprints: remote.fingerprints,
            dtlsRole: role, isICERestart: isRestart, isNewDTLSAssociation: session != nil && isNewAssociation)
        negotiated.maximumBitrate = BandwidthLimit.media(of: offer.bandwidth)
        session = negotiated
        version += 1
        return writeAnswer(to: offer, negotiated, over: remote, with: transport)
    }

    /// What was declared in one section.
    struct DeclaredStream: Sendable {
        var section: String
        var kind: MediaKind
        var stream: LocalStream
    }

    func sectionName(_ media: NegotiatedMedia) -> String {
        // A recycled section has a new mid; one without mids is known by its place.
        media.mid.isEmpty ? "#\(media.index)" : media.mid
    }

    static func token(using random: inout RandomSource) -> String {
        let letters = Array("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
        return String((0..<16).map { _ in letters.randomElement(using: &random) ?? "a" })
    }
}
