/// The RTP header extensions this project uses, by the URI that stands in `a=extmap`.
public enum HeaderExtensionKind: String, Hashable, Sendable, CaseIterable {
    /// The media section a packet belongs to (RFC 9143 section 15.2).
    case mid = "urn:ietf:params:rtp-hdrext:sdes:mid"
    /// 24 bits of send time, 6.18 seconds.
    case absoluteSendTime = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
    /// Transport-wide sequence number (draft-holmer-rmcat-transport-wide-cc-extensions-01).
    case transportSequence = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
    /// Bounds for the receiver's playout delay.
    case playoutDelay = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"
    /// NTP time of capture.
    case absoluteCaptureTime = "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time"
}

/// One `a=extmap` line (RFC 8285 section 5).
public struct HeaderExtensionMapping: Hashable, Sendable {
    /// 1 … 14 fit the one-byte form, up to 255 the two-byte form (RFC 8285 section 4).
    public var id: UInt8
    /// What the elements mean; compare with `HeaderExtensionKind`.
    public var uri: String
    /// From the describing side's view; `sendrecv` where the line does not say.
    public var direction: Direction

    /// Nothing is checked.
    public init(id: UInt8, uri: String, direction: Direction = .sendrecv) {
        self.id = id
        self.uri = uri
        self.direction = direction
    }

    /// Nil when this project does not use the extension.
    public var kind: HeaderExtensionKind? { HeaderExtensionKind(rawValue: uri) }
}

/// Which side sends and which receives, from the describing side's view (RFC 8866 section 6.7).
public enum Direction: String, Hashable, Sendable, CaseIterable {
    case sendrecv, sendonly, recvonly, inactive

    /// Neither of the two is `inactive`.
    public init(sends: Bool, receives: Bool) {
        self = sends ? (receives ? .sendrecv : .sendonly) : (receives ? .recvonly : .inactive)
    }

    /// Whether the describing side sends.
    public var sends: Bool { self == .sendrecv || self == .sendonly }
    /// Whether the describing side receives.
    public var receives: Bool { self == .sendrecv || self == .recvonly }
    /// The same from the other side's view.
    public var reversed: Direction { Direction(sends: receives, receives: sends) }
    /// Only what both allow, both from the same side's view.
    public func intersection(_ other: Direction) -> Direction {
        Direction(sends: sends && other.sends, receives: receives && other.receives)
    }
}
