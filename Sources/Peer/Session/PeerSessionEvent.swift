public import Primitives

/// What a peer session reports, in the order it happened.
public enum PeerSessionEvent: Sendable {
    /// A candidate of ours for the other side: `candidate:…`, without `a=`.
    case localCandidate(String, mid: String, sectionIndex: Int)
    /// The peer's candidates have names for addresses, which are found by multicast DNS (RFC 6762): open sockets that
    /// ask and hand their addresses to `setNameSockets`. Without any, nothing is asked, which is no harm. They are
    /// wanted from the beginning, without this event.
    case nameSocketsNeeded
    /// No name is asked for any more and the session is connected: the sockets can be closed.
    case nameSocketsIdle
    /// The TURN server behind the stream from this local address gives no relay, or no longer: close the stream, and
    /// open one to `alternate`, if the server wants that; its certificate is for `domain`, if it has another name.
    case relayStreamFailed(local: SocketAddress, alternate: SocketAddress?, domain: String?)
    /// A TURN server gives no relay, and why: what a session without a path is to be told with.
    case relayRefused(server: SocketAddress, transport: TransportProtocol, reason: String)
    /// No more candidates of ours will come, until an ICE restart.
    case endOfLocalCandidates(mid: String, sectionIndex: Int)
    /// ICE, DTLS and SRTP are ready: frames may be sent. Again when the peer has begun anew.
    case connected
    /// The first packet of the first picture is on its way.
    case firstVideoPacketSent
    /// The peer needs a keyframe now.
    case keyframeRequested
    /// How much of the sound was lost lately, 0 … 1, as the peer reports it: what its error correction is made for.
    case lossReported(fraction: Double)
    /// What the video encoder may make from now on.
    case videoBitrateChanged(Bitrate)
    /// What the audio encoder may make: less than it was configured for on a narrow path.
    case audioBitrateChanged(Bitrate)
    /// A later description asks for other kinds of media than the one before: `sends` says which.
    case sentKindsChanged
    /// Something happened on a data channel.
    case channel(PeerChannelEvent)
    /// The path went quiet; it may come back by itself.
    case disconnected
    /// The path carries again, after `disconnected` or an ICE restart.
    case reconnected
    /// The path is lost: only an ICE restart by the offerer helps.
    case restartNeeded
    /// The session is over; nothing is sent or received any more.
    case closed(PeerCloseReason)
}
