/// What happened in a `DataChannels`.
public enum DataChannelEvent: Hashable, Sendable {
    /// The association is established.
    case connected
    /// The peer opened a channel; messages may be sent on it.
    case opened(ChannelID, StreamID, DataChannelParameters)
    /// The peer has taken a channel of ours, or was the first to use one that was agreed on.
    case accepted(ChannelID)
    case message(ChannelID, DataChannelMessage)
    /// What is buffered has fallen to the channel's threshold.
    case bufferedAmountLow(ChannelID)
    /// Both directions are closed, or the association has ended. The channel is gone.
    case closed(ChannelID)
    /// The last event; each channel's `closed` came before.
    case ended(AssociationEnd)
}
