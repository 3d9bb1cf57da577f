public import Primitives

/// What offer and answer agreed on: everything the transport and the media path need to know, without SDP.
public struct NegotiatedSession: Hashable, Sendable {
    /// One entry for each section of the offer, in its order, rejected ones too.
    public var media: [NegotiatedMedia]
    /// Credentials and first candidates of the peer.
    public var remoteICE: RemoteICE
    /// Our RTCP's name in every section (RFC 7022).
    public var cname: String
    /// Any one of these must match the peer's certificate.
    public var remoteFingerprints: [Fingerprint]
    /// Which side sends the ClientHello: `a=setup` of the answer (RFC 8842 section 5).
    public var dtlsRole: DTLSRole
    /// Whether this offer changed the peer's ICE credentials (RFC 8839 section 4.4.1.1.1). False for the first offer.
    public var isICERestart: Bool
    /// Whether the DTLS association must be made anew (RFC 8842 section 5.5). False for the first offer.
    public var isNewDTLSAssociation: Bool

    /// What the peer takes at most of everything, as media without headers; nil where it does not say (`b=`).
    public var maximumBitrate: Bitrate? = nil

    /// The accepted section whose media of this kind we send, if any.
    public func sending(_ kind: MediaKind) -> NegotiatedMedia? {
        media.first { $0.kind == kind && $0.isAccepted && $0.direction.sends }
    }

    /// The peer's side of the data channels, if a section for them was accepted.
    public var data: DataParameters? {
        media.lazy.filter(\.isAccepted).compactMap(\.data).first
    }

    /// The accepted section with this mid.
    public func section(mid: String) -> NegotiatedMedia? {
        media.first { $0.isAccepted && $0.mid == mid }
    }

    /// Why sections of audio or video were rejected, where a person should hear of it.
    public var refusals: [MediaRefusal] {
        media.compactMap { section in
            guard let kind = section.kind, let rejection = section.rejection else { return nil }
            switch rejection {
            case .noCommonCodec: break
            case .notBundled: if media.contains(where: { $0.kind == kind && $0.isAccepted }) { return nil }
            case .rejectedByOffer, .unsupportedMedia, .unsupportedTransport, .noSource: return nil
            }
            return MediaRefusal(mid: section.mid, kind: kind, reason: rejection)
        }
    }
}

/// A section that was rejected although somebody wanted it.
public struct MediaRefusal: Hashable, Sendable {
    /// Empty when the section has none.
    public var mid: String
    /// Audio or video; other kinds are not reported.
    public var kind: MediaKind
    /// Why.
    public var reason: Rejection

    /// Nothing is checked.
    public init(mid: String, kind: MediaKind, reason: Rejection) {
        self.mid = mid
        self.kind = kind
        self.reason = reason
    }
}

/// Why a section was rejected: answered with port 0.
public enum Rejection: String, Hashable, Sendable {
    /// The offer itself has it rejected or stopped.
    case rejectedByOffer = "rejected-by-offer"
    /// A kind that we do not serve.
    case unsupportedMedia = "unsupported-media"
    /// A transport profile without DTLS-SRTP, or no rtcp-mux.
    case unsupportedTransport = "unsupported-transport"
    case noCommonCodec = "no-common-codec"
    /// Outside the one bundle that is served.
    case notBundled = "not-bundled"
    /// A further section of a kind that another one already has.
    case noSource = "no-source"
}

/// One media section after negotiation.
public struct NegotiatedMedia: Hashable, Sendable {
    /// The section's place in offer and answer, for `sdpMLineIndex`.
    public var index: Int
    /// Empty when the offer has none.
    public var mid: String
    /// Nil for data channels, and for kinds that we do not know.
    public var kind: MediaKind?
    /// Nil when accepted.
    public var rejection: Rejection?
    /// From our side: `sendonly` when we send.
    public var direction: Direction
    /// What was agreed on, most wanted first; never empty in accepted audio or video. Parameters are the peer's: what it
    /// likes to receive.
    public var codecs: [NegotiatedCodec]
    /// Agreed extensions, each with the direction from our side.
    public var headerExtensions: [HeaderExtensionMapping]
    /// Whether header extensions of one and two bytes may be mixed (RFC 8285 section 4.1.2).
    public var allowsMixedExtensions: Bool
    /// Whether RTCP packets need not be compound (RFC 5506).
    public var usesReducedSizeRTCP: Bool
    /// What we declared to send; nil when we do not send.
    public var local: LocalStream?
    /// Sources the peer announced for what it sends.
    public var remoteSources: [SSRC]
    /// The peer's retransmission sources by media source.
    public var remoteRetransmissionSources: [SSRC: SSRC]
    /// What the peer takes at most of this media, without headers; nil where it does not say (`b=`).
    public var maximumBitrate: Bitrate? = nil
    /// How much media, in milliseconds, one packet may hold; nil where the peer does not say (`a=maxptime`, RFC 8866
    /// section 6.4).
    public var maximumPacketTime: Int? = nil
    /// Pictures per second that the peer takes at most; nil where it does not say (`a=framerate`, RFC 8866 section 6.13).
    public var maximumFrameRate: Int? = nil
    /// The peer's side of the data channels; nil in every other section.
    public var data: DataParameters? = nil

    /// Whether the section's port in the answer is not 0.
    public var isAccepted: Bool { rejection == nil }

    /// The identifier of an agreed extension that we may send.
    public func sendExtensionID(_ kind: HeaderExtensionKind) -> UInt8? {
        headerExtensions.first { $0.kind == kind && $0.direction.sends }?.id
    }

    /// The identifier of an agreed extension that we may receive.
    public func receiveExtensionID(_ kind: HeaderExtensionKind) -> UInt8? {
        headerExtensions.first { $0.kind == kind && $0.direction.receives }?.id
    }
}

/// What a description says about the SCTP association of its data channels (RFC 8841).
public struct DataParameters: Hashable, Sendable {
    /// The SCTP port that our packets must carry as their destination.
    public var port: UInt16
    /// Bytes of the largest message that the peer takes; `Int.max` where it sets no limit.
    public var maximumMessageSize: Int

    /// Nothing is checked.
    public init(port: UInt16, maximumMessageSize: Int) {
        self.port = port
        self.maximumMessageSize = maximumMessageSize
    }
}

/// A codec both sides have.
public struct NegotiatedCodec: Hashable, Sendable {
    /// With the peer's parameters and the feedback both sides have.
    public var codec: Codec
    /// The payload type of retransmissions, when agreed.
    public var retransmissionType: PayloadType?

    /// Nothing is checked.
    public init(codec: Codec, retransmissionType: PayloadType?) {
        self.codec = codec
        self.retransmissionType = retransmissionType
    }

    /// Which codec of ours it is; nil for sound.
    public var video: VideoCodec? { VideoCodec.allCases.first { codec.isNamed($0.rawValue) } }
}

/// What we declare to send in one section. It stays the same over all renegotiations of a session.
public struct LocalStream: Hashable, Sendable {
    /// The media source that our packets carry.
    public var ssrc: SSRC
    /// The source of retransmissions, where a retransmission type was agreed.
    public var retransmissionSSRC: SSRC?
    /// The same in all sections: their timelines belong together (RFC 7022).
    public var cname: String
    /// The stream's identifier, shared by audio and video so that the peer plays them in sync (RFC 8830).
    public var streamID: String
    /// The track's name within the stream, in `a=msid`.
    public var trackID: String
}

/// The peer's side of ICE, from whichever sections carried it.
public struct RemoteICE: Hashable, Sendable {
    /// What our connectivity checks must carry.
    public var credentials: ICECredentials
    /// The peer only answers checks: we are then controlling (RFC 8445 section 6.1.1).
    public var isLite: Bool
    /// `trickle`, `ice2`, `renomination` …
    public var options: Set<String>
    /// The candidates the offer came with; ICE parses them.
    public var candidates: [RemoteCandidate]
    /// Whether no more will trickle.
    public var isEndOfCandidates: Bool
}

/// A candidate line with the section it stood in.
public struct RemoteCandidate: Hashable, Sendable {
    /// Empty when the section has none.
    public var mid: String
    /// The section's place in the description, from 0.
    public var sectionIndex: Int
    /// `candidate:…`
    public var text: String

    /// Nothing is checked.
    public init(mid: String, sectionIndex: Int, text: String) {
        self.mid = mid
        self.sectionIndex = sectionIndex
        self.text = text
    }
}
