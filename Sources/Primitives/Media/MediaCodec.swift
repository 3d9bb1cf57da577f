/// A codec of pictures that a kiosk can send. Negotiation chooses it, each frame carries it, and encoder, packetizer and
/// depacketizer switch on it.
public enum VideoCodec: String, Sendable, Hashable, CaseIterable {
    /// RFC 6386, with the payload format of RFC 7741. The raw value is the encoding name in SDP.
    case vp8 = "VP8"
}

/// How the bytes of a stream's frames are encoded.
public enum MediaCodec: Sendable, Hashable {
    /// RFC 6716, with the payload format of RFC 7587.
    case opus
    case video(VideoCodec)

    /// Which of the two media it carries.
    public var kind: MediaKind {
        switch self {
        case .opus: .audio
        case .video: .video
        }
    }
}
