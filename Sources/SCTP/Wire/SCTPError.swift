/// Why bytes are not the packet, chunk or message they should be.
public enum SCTPError: Error, Hashable, Sendable {
    /// Ends before a field that must be there.
    case truncated
    /// A length that is below its minimum or beyond the bytes.
    case lengthInvalid(Int)
    /// A mandatory field has a value that its standard forbids.
    case fieldInvalid
    /// A data channel message of unknown type (RFC 8832 section 8.2.1).
    case messageTypeUnknown(UInt8)
    /// A label or protocol that is no UTF-8.
    case textInvalid
}

extension SCTPError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .truncated: "sctp: packet truncated"
        case .lengthInvalid(let length): "sctp: length does not fit (\(length))"
        case .fieldInvalid: "sctp: field with a forbidden value"
        case .messageTypeUnknown(let type): "dcep: message type unknown (\(type))"
        case .textInvalid: "dcep: label or protocol is not UTF-8"
        }
    }
}

/// Why packets, chunks and messages were dropped, for statistics.
public enum SCTPDrop: Int, CaseIterable, Sendable {
    /// No SCTP packet: too short, or nothing in it.
    case malformedPacket
    /// The checksum is wrong.
    case checksumInvalid
    /// For other ports than the association's.
    case portMismatch
    /// A verification tag that is not ours (RFC 9260 section 8.5).
    case verificationTagMismatch
    /// A chunk or parameter whose length or fields contradict its type.
    case malformedChunk
    /// A chunk of unknown type.
    case unknownChunk
    /// A chunk that the association's phase does not expect.
    case unexpectedChunk
    /// INIT with a zero tag, a window below 1,500 bytes, or together with other chunks (RFC 9260 sections 3.3.2 and 4.3).
    case initiationInvalid
    /// A state cookie that we have not made, or whose tags fit no case of RFC 9260 section 5.2.4.
    case cookieInvalid
    /// A state cookie older than its life.
    case cookieStale
    /// More answers are due than are kept.
    case replyQueueFull
    /// A chunk of data that was received before.
    case duplicateData
    /// Data further ahead than is tracked, or in more pieces.
    case dataBeyondWindow
    /// Data that the receive buffer has no room for.
    case receiveBufferFull
    /// Data on a stream beyond those that we accept.
    case streamInvalid
    /// A fragment whose message has no beginning: it was skipped.
    case fragmentOrphaned
    /// A message that was begun and not ended before the next one.
    case messageUnfinished
    /// A message with an older stream sequence number than its stream has reached.
    case messageOutdated
    /// Messages of a stream that were not there when nothing before them could come any more.
    case streamSequenceSkipped
    /// FORWARD TSN to where the peer cannot be.
    case forwardTSNInvalid
    /// SACK for less than was acknowledged before.
    case acknowledgementOutdated
    /// A heartbeat's answer that answers none of ours.
    case heartbeatUnknown
    /// A request or response of RFC 6525 that does not belong to any.
    case reconfigurationInvalid
    /// What the application sent and no longer wants to arrive: its lifetime or its retransmissions are used up.
    case messageAbandoned
    /// A data channel message of the peer that cannot be read (RFC 8832).
    case establishmentMalformed
    /// A channel that the peer opened on a stream of our parity, or on one that is in use.
    case establishmentRefused
    /// A channel beyond the limit.
    case tooManyChannels
    /// A message on a stream without a channel.
    case channelUnknown
    /// A message with a payload protocol identifier that data channels do not have.
    case payloadProtocolUnknown
    /// A text that is no UTF-8.
    case textInvalid
}
