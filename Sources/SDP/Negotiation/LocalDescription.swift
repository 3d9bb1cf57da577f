public import Primitives

/// What this side can do with one kind of media, in the order of preference.
public struct LocalCapabilities: Hashable, Sendable {
    /// Nil: every audio section is rejected.
    public var audio: MediaCapability?
    /// Nil: every video section is rejected.
    public var video: MediaCapability?
    /// Nil: every section for data channels is rejected.
    public var data: DataCapability?

    /// Nil for a kind of which every section is rejected.
    public init(audio: MediaCapability?, video: MediaCapability?, data: DataCapability? = nil) {
        self.audio = audio
        self.video = video
        self.data = data
    }

    subscript(kind: MediaKind) -> MediaCapability? {
        switch kind {
        case .audio: audio
        case .video: video
        }
    }

    /// Every codec of pictures and Opus, sent only: what a kiosk can do.
    public static var kiosk: LocalCapabilities {
        LocalCapabilities(audio: .opus(direction: .sendonly), video: .video(direction: .sendonly))
    }
}

/// What we can do with data channels (RFC 8841).
public struct DataCapability: Hashable, Sendable {
    /// The SCTP port of ours, which the peer's packets must carry (`a=sctp-port`).
    public var port: UInt16
    /// Bytes of the largest message that we take (`a=max-message-size`).
    public var maximumMessageSize: Int

    /// The port that every implementation uses, and messages of 256 KiB.
    public init(port: UInt16 = 5000, maximumMessageSize: Int = 262_144) {
        self.port = port
        self.maximumMessageSize = maximumMessageSize
    }
}

/// What we can do with audio or with video.
public struct MediaCapability: Hashable, Sendable {
    /// Whether we can send, receive, or both.
    public var direction: Direction
    /// Best first; the first that the peer has too is sent.
    public var codecs: [CodecCapability]
    /// Those we understand; the answer has what the offer has too.
    public var headerExtensions: Set<HeaderExtensionKind>

    /// Nothing is checked.
    public init(direction: Direction, codecs: [CodecCapability], headerExtensions: Set<HeaderExtensionKind>) {
        self.direction = direction
        self.codecs = codecs
        self.headerExtensions = headerExtensions
    }

    /// Pictures in these codecs, best first, with retransmission (RFC 4588).
    public static func video(_ codecs: [VideoCodec] = VideoCodec.allCases, direction: Direction) -> MediaCapability {
        MediaCapability(
            direction: direction,
            codecs: codecs.map {
                CodecCapability(name: $0.rawValue, clockRate: 90_000, feedback: Set(Feedback.allCases))
            },
            headerExtensions: Set(HeaderExtensionKind.allCases))
    }

    /// Opus, mono, with in-band error correction (RFC 7587). The parameters say what we like to receive, and with
    /// `sprop-stereo=0` what we send.
    public static func opus(direction: Direction) -> MediaCapability {
        MediaCapability(
            direction: direction,
            codecs: [
                CodecCapability(
                    name: "opus", clockRate: 48_000, channels: 2,
                    parameters: FormatParameters([("minptime", "10"), ("useinbandfec", "1"), ("sprop-stereo", "0")]),
                    feedback: [.transportWide, .nack])
            ],
            headerExtensions: [.mid, .absoluteSendTime, .transportSequence, .absoluteCaptureTime])
    }
}

/// A codec of ours. Retransmission is taken wherever the offer has it.
public struct CodecCapability: Hashable, Sendable {
    /// The encoding name, such as `opus`.
    public var name: String
    /// Hertz of the RTP clock.
    public var clockRate: UInt32
    /// Audio channels as in `a=rtpmap`: 2 for Opus whatever is sent (RFC 7587 section 7).
    public var channels: Int
    /// The `a=fmtp` of our answer.
    public var parameters: FormatParameters
    /// The feedback we understand; the answer has what the offer has too.
    public var feedback: Set<Feedback>

    /// Nothing is checked.
    public init(
        name: String, clockRate: UInt32, channels: Int = 1, parameters: FormatParameters = FormatParameters(),
        feedback: Set<Feedback>
    ) {
        self.name = name
        self.clockRate = clockRate
        self.channels = channels
        self.parameters = parameters
        self.feedback = feedback
    }

    func matches(_ codec: Codec) -> Bool {
        // Opus is always signalled with two channels (RFC 7587 section 7); offers that leave them out mean the same.
        codec.isNamed(name) && codec.clockRate == clockRate && (codec.channels == channels || codec.channels == 1)
    }
}

/// Our side of the transport, as the answer states it: one for the whole session (BUNDLE and rtcp-mux).
public struct LocalTransport: Hashable, Sendable {
    /// What the peer's connectivity checks must carry.
    public var credentials: ICECredentials
    /// Of our certificate; the peer refuses a description without any.
    public var fingerprints: [Fingerprint]
    /// Candidates already gathered, `candidate:…` each; the rest trickles.
    public var candidates: [String]
    /// Whether no more will come.
    public var isEndOfCandidates: Bool

    /// Nothing is checked.
    public init(
        credentials: ICECredentials, fingerprints: [Fingerprint], candidates: [String] = [],
        isEndOfCandidates: Bool = false
    ) {
        self.credentials = credentials
        self.fingerprints = fingerprints
        self.candidates = candidates
        self.isEndOfCandidates = isEndOfCandidates
    }
}
