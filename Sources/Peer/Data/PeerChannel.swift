public import SCTP

/// A data channel of a session. It is never used again: a channel of a later association is another one.
public struct PeerChannel: Hashable, Sendable {
    /// Which of the session's associations it belongs to, from 1.
    let association: UInt32
    let id: ChannelID
}

/// What happens on the data channels of a session.
public enum PeerChannelEvent: Hashable, Sendable {
    /// The peer opened it: messages may be sent.
    case opened(PeerChannel, DataChannelParameters)
    /// The peer has taken one of ours.
    case accepted(PeerChannel)
    case message(PeerChannel, DataChannelMessage)
    /// What waits to be sent has fallen to the channel's threshold.
    case bufferedAmountLow(PeerChannel)
    /// Both directions are closed, or the association has ended.
    case closed(PeerChannel)
}
