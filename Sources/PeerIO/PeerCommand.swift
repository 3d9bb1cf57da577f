public import Primitives
public import Signaling

/// What the agent asks of the network thread. Posted to `NetworkThread`, executed there in order.
///
/// A command that names a session that is not open is stale and ignored.
public enum PeerCommand: Hashable, Sendable {
    /// The server granted a monitor this session. Where `NetworkThread.mostSessions` are open, the oldest ends first. Nothing
    /// is sent before the monitor's offer.
    case sessionStarted(sessionId: String, monitorId: String, iceServers: [ICEServer])
    /// The monitor's offer; a later one of the same session renegotiates or restarts ICE.
    case offer(sessionId: String, sdp: String)
    /// One of the monitor's candidates; an empty one is end-of-candidates.
    case candidate(sessionId: String, CandidatePayload)
    /// Signaling has given the session's servers anew, with credentials that last longer.
    case iceServersRenewed(sessionId: String, iceServers: [ICEServer])
    /// The address of a STUN or TURN server of the session is known, or its credentials are new.
    case iceServer(sessionId: String, ResolvedICEServer)
    /// No further server's address will be known.
    case iceServersKnown(sessionId: String)
    /// The session is over: everything of it is closed and forgotten at once.
    case sessionEnded(sessionId: String)
    /// The kernel reported a change of addresses or routes.
    case interfacesChanged
    /// End all sessions, close all sockets, end the thread.
    case shutdown
}

/// What the network thread reports. Each names its session.
public enum PeerEvent: Sendable {
    /// The answer to the session's latest offer, for the monitor.
    case answer(sessionId: String, sdp: String)
    /// A candidate of ours; an empty one is end-of-candidates.
    case localCandidate(sessionId: String, CandidatePayload)
    /// The kinds of media that the monitor takes now: before `connected`, and whenever it negotiates others.
    case sending(sessionId: String, Set<MediaKind>)
    /// ICE and DTLS are done: media may flow, and is taken from the hub.
    case connected(sessionId: String)
    /// The first video frame left, so long after the offer arrived.
    case firstFrameSent(sessionId: String, milliseconds: Int)
    /// The path is lost: the monitor is to be asked for an ICE restart.
    case restartRequest(sessionId: String)
    /// A TURN server gives no relay; the text says which and why.
    case relayRefused(sessionId: String, String)
    /// An offer was refused, or a part of what it asks for cannot be provided; the session goes on.
    case sessionError(sessionId: String, SessionErrorPayload)
    /// The peer connection is over from our side; `reason` is for the log, the status and the monitor, `code` one of
    /// `session-error`'s.
    case ended(sessionId: String, reason: String, code: SessionErrorCode)
    /// An offer of the session that came when its peer connection had just ended: it was not answered.
    case offerAfterEnd(sessionId: String, sdp: String)
    /// A candidate of the session that came when its peer connection had just ended.
    case candidateAfterEnd(sessionId: String, CandidatePayload)
    /// About once a second while a session is connected.
    case statistics(PeerStatistics)
    /// The last numbers of a session that is being closed, and why.
    case summary(PeerStatistics, reason: String)

    /// The session that it is about.
    public var sessionId: String {
        switch self {
        case .answer(let id, _), .localCandidate(let id, _), .sending(let id, _), .connected(let id),
            .firstFrameSent(let id, _), .restartRequest(let id), .relayRefused(let id, _), .sessionError(let id, _),
            .ended(let id, _, _), .offerAfterEnd(let id, _), .candidateAfterEnd(let id, _):
            id
        case .statistics(let statistics), .summary(let statistics, _): statistics.sessionId
        }
    }
}
