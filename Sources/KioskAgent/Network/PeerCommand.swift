public import Signaling

/// What the agent asks of the network thread. Posted to `PeerDriver`, executed there in order.
///
/// A command that names a session other than the current one is stale and ignored.
public enum PeerCommand: Sendable {
    /// The server granted a monitor this session. An older session that is still open ends first. Nothing is sent
    /// before the monitor's offer.
    case sessionStarted(sessionId: String, monitorId: String, iceServers: [ICEServer])
    /// The monitor's offer; a later one of the same session renegotiates or restarts ICE.
    case offer(sessionId: String, sdp: String)
    /// One of the monitor's candidates; an empty one is end-of-candidates.
    case candidate(sessionId: String, CandidatePayload)
    /// The address of a STUN or TURN server of the session is known.
    case iceServer(sessionId: String, ResolvedICEServer)
    /// The session is over: everything of it is closed and forgotten at once.
    case sessionEnded(sessionId: String)
    /// The kernel reported a change of addresses or routes.
    case interfacesChanged
    /// End the session, close all sockets, end the thread.
    case shutdown
}

/// What the network thread reports. Every event but `statistics` names its session.
public enum PeerEvent: Sendable {
    case answer(sessionId: String, sdp: String)
    /// A candidate of ours; an empty one is end-of-candidates.
    case localCandidate(sessionId: String, CandidatePayload)
    /// ICE and DTLS are done: media may flow, the rings are open.
    case connected(sessionId: String)
    /// The first video frame left, so long after the offer arrived.
    case firstFrameSent(sessionId: String, milliseconds: Int)
    /// The path is lost: the monitor is to be asked for an ICE restart.
    case restartRequest(sessionId: String)
    /// What cannot be given, while the rest of the session goes on.
    case sessionError(sessionId: String, SessionErrorPayload)
    /// The peer connection is over from our side; `reason` is for the log and the status.
    case ended(sessionId: String, reason: String)
    /// About once a second while a session is connected.
    case statistics(PeerStatistics)
}

/// Numbers about the live session, for `status`.
public struct PeerStatistics: Hashable, Sendable {
    public var sessionId: String
    /// The candidate types of the pair in use, `host/srflx`.
    public var path: String?
    public var dtlsCipher: String?
    public var roundTripMilliseconds: Double?
    /// What the path is believed to carry.
    public var estimatedBitsPerSecond: Int?
    /// What is sent now, media and overhead.
    public var sentBitsPerSecond: Int
    public var packetsSent: Int
    public var packetsRetransmitted: Int
    /// Fraction of packets lost as the receiver reports it, 0 … 1.
    public var fractionLost: Double?
    public var framesSent: Int
    public var keyframeRequests: Int
    /// Packets from outside that were dropped, by reason.
    public var dropped: [String: Int]

    public init(sessionId: String) {
        self.sessionId = sessionId
        path = nil
        dtlsCipher = nil
        roundTripMilliseconds = nil
        estimatedBitsPerSecond = nil
        sentBitsPerSecond = 0
        packetsSent = 0
        packetsRetransmitted = 0
        fractionLost = nil
        framesSent = 0
        keyframeRequests = 0
        dropped = [:]
    }
}
