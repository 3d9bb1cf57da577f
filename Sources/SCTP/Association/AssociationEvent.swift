/// What happened in an association.
public enum AssociationEvent: Hashable, Sendable {
    /// Data may flow both ways. What was sent before goes now.
    case established
    /// The peer began anew (RFC 9260 section 5.2.4.1): what was on its way in either direction is lost, streams count from zero.
    case restarted
    case message(AssociationMessage)
    /// The peer has reset these of its streams; empty: all of them. Messages behind this event are of the new streams.
    case peerReset([StreamID])
    /// The peer has taken our reset of these streams: they take messages again.
    case reset([StreamID])
    /// The peer knows no resets, or refused.
    case resetRefused([StreamID])
    /// What is buffered of the stream has fallen to its threshold.
    case bufferLow(StreamID)
    /// The last event.
    case ended(AssociationEnd)
}

/// How an association ended.
public enum AssociationEnd: Hashable, Sendable {
    /// By SHUTDOWN of either side: all data have arrived.
    case shutdown
    /// We aborted it.
    case aborted
    /// The peer aborted it, and why where it said so.
    case abortedByPeer(ErrorCause?)
    /// The peer broke a rule that makes going on impossible; it was told why.
    case peerViolation(ErrorCause)
    /// The peer did not answer INIT or COOKIE ECHO, or refused the cookie each time.
    case handshakeTimedOut
    /// The peer does not acknowledge any more.
    case peerUnreachable
}

extension AssociationEnd: CustomStringConvertible {
    public var description: String {
        switch self {
        case .shutdown: "sctp: shut down"
        case .aborted: "sctp: aborted by us"
        case .abortedByPeer(let cause): "sctp: aborted by the peer (\(cause.map { "\($0)" } ?? "no cause"))"
        case .peerViolation(let cause): "sctp: aborted, the peer broke a rule (\(cause))"
        case .handshakeTimedOut: "sctp: the peer did not answer the handshake"
        case .peerUnreachable: "sctp: the peer does not acknowledge any more"
        }
    }
}
