import Primitives

/// How hard a message is tried (RFC 3758, RFC 8831 section 6.1).
public enum Reliability: Hashable, Sendable {
    /// Until it has arrived.
    case reliable
    /// It is sent at most once and so many times more.
    case maximumRetransmissions(UInt16)
    /// It is sent for so long after `send`, in packets and retransmissions; what waits longer is not sent at all.
    case maximumLifetime(Duration)
}

/// What `Association.send` refuses.
public enum SendRefusal: Error, Hashable, Sendable {
    /// SCTP has no empty messages (RFC 9260 section 6.2); data channels have substitutes.
    case messageEmpty
    /// More bytes than the peer takes.
    case messageTooLarge(limit: Int)
    /// The stream's buffer has no room; `bufferLow` tells when it has, where a threshold was set.
    case streamBufferFull(limit: Int)
    /// The buffer of all streams together has no room.
    case bufferFull(limit: Int)
    /// The association has no stream of this number.
    case streamUnknown(limit: Int)
    /// The stream is being reset.
    case streamResetting
    /// The association is being shut down, or has ended.
    case associationEnded
}

extension SendRefusal: CustomStringConvertible {
    public var description: String {
        switch self {
        case .messageEmpty: "sctp send: the message is empty; send one byte with a protocol number for empty messages"
        case .messageTooLarge(let limit): "sctp send: the message is larger than \(limit) bytes; send it in parts"
        case .streamBufferFull(let limit): "sctp send: the stream holds \(limit) bytes; wait until it holds fewer"
        case .bufferFull(let limit): "sctp send: the association holds \(limit) bytes; wait until it holds fewer"
        case .streamUnknown(let limit): "sctp send: the association has \(limit) streams; use a lower number"
        case .streamResetting: "sctp send: the stream is being closed; open another one"
        case .associationEnded: "sctp send: the association has ended; make a new one"
        }
    }
}

/// A message on its way out.
struct OutgoingMessage: Sendable {
    /// Shared with the application, never copied.
    var payload: [UInt8]
    var stream: StreamID
    var payloadProtocol: PayloadProtocol
    var isUnordered: Bool
    /// The most retransmissions of each chunk; nil: without limit.
    var maximumRetransmissions: UInt16?
    /// When it is given up; nil: never.
    var expiresAt: Instant?
    /// In its stream; of ordered messages that were begun.
    var sequence: StreamSequence
    /// Bytes that have a number.
    var begun: Int
    /// Chunks of it that are neither acknowledged for good nor skipped.
    var openChunks: Int
    var isAbandoned: Bool

    init(
        _ payload: [UInt8], stream: StreamID, payloadProtocol: PayloadProtocol, isUnordered: Bool,
        reliability: Reliability, now: Instant
    ) {
        self.payload = payload
        self.stream = stream
        self.payloadProtocol = payloadProtocol
        self.isUnordered = isUnordered
        maximumRetransmissions = nil
        expiresAt = nil
        switch reliability {
        case .reliable: break
        case .maximumRetransmissions(let count): maximumRetransmissions = count
        case .maximumLifetime(let lifetime): expiresAt = now + lifetime
        }
        sequence = .zero
        begun = 0
        openChunks = 0
        isAbandoned = false
    }

    var isBegunWhole: Bool { begun == payload.count }
    func isExpired(at now: Instant) -> Bool { expiresAt.map { $0 <= now } ?? false }
}
