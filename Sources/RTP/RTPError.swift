/// Why bytes are not the RTP or RTCP packet they should be.
public enum RTPError: Error, Hashable, Sendable {
    /// Ends before a field that its header promises.
    case truncated
    /// Version other than 2 (RFC 3550 section 5.1).
    case unsupportedVersion
    /// More padding than packet, or padding of size 0.
    case malformedPadding
    /// An RTCP packet's count or length contradicts its size.
    case malformedReport
    /// A payload descriptor or feedback message that contradicts itself.
    case malformedPayload
}

extension RTPError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .truncated: "rtp: packet truncated"
        case .unsupportedVersion: "rtp: version is not 2"
        case .malformedPadding: "rtp: padding beyond the packet"
        case .malformedReport: "rtcp: length contradicts contents"
        case .malformedPayload: "rtp: payload malformed"
        }
    }
}

/// Why packets were dropped or requests not followed, for statistics.
public enum RTPDropReason: Int, CaseIterable, Sendable {
    /// RTP that cannot be parsed.
    case malformedPacket
    /// RTCP that cannot be parsed; what stood before the error was used.
    case malformedReport
    /// Feedback about a source that is not ours, or media of a source that was not announced.
    case unknownSource
    /// RTP of a payload type that was not agreed.
    case unknownPayloadType
    /// A payload descriptor that cannot be parsed.
    case malformedPayload
    /// Received twice.
    case duplicate
    /// Received after its place was given up.
    case tooLate
    /// So far ahead that the receiver starts over.
    case sequenceJump
    /// A NACK for a packet that the history no longer has.
    case retransmissionExpired
    /// A NACK for a packet that was sent less than a round trip ago, or is queued already.
    case retransmissionTooSoon
    /// A NACK for a packet that was resent as often as allowed.
    case retransmissionLimit
    /// A NACK for a packet from before a keyframe that has been sent since.
    case retransmissionSuperseded
    /// A NACK beyond the rate set aside for retransmissions.
    case retransmissionBudget
    /// A packet to send that the history has lost: it waited too long.
    case sendExpired
    /// A frame of more packets than the history holds.
    case frameTooLarge
    /// A FIR that repeats a sequence number seen before.
    case repeatedFullIntraRequest
}
