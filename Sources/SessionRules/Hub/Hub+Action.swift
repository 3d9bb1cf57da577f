public import Primitives
public import Signaling
public import SocketIO

extension Hub {
    /// What the driver is to do.
    public enum Action: Sendable {
        /// `recovering` lets it have what the socket that it was has missed.
        case accept(SocketID, recovering: Bool)
        case refuse(SocketID, SignalingError)
        case emit(ServerEvent, to: SocketID)
        /// The driver signs the credentials and puts the servers into the event.
        case emitWithICEServers(ICEServersEvent, ICECredentialArguments, to: SocketID)
        case broadcast(ServerEvent, to: [SocketID])
        case acknowledge(SocketID, AcknowledgementID, Acknowledgement)
        /// Ends the connection from this side.
        case disconnect(SocketID)
        case store(StoreRequest)
        case note(Note)
        /// For an address that is another node's.
        case send(NodeMessage, to: NodeID)
    }

    /// What the records are to keep, in this order.
    public enum StoreRequest: Sendable {
        case crew(CrewRecord, PendingReply)
        case sessionBegan(MonitoringSession)
        case sessionNegotiated(id: String, at: WallClock)
        case sessionMoved(id: String, clientId: String?)
        case sessionReported(SessionReport, at: WallClock)
        /// `principal` is nil where the monitor itself or circumstances ended it.
        case sessionEnded(id: String, SessionEndReason, principal: SessionEnder?, at: WallClock)
        case audit(AuditEntry)
        case lastSeen([(id: String, at: WallClock)])
        /// What it said of itself.
        case kioskRegistered(id: String, version: String?, hostname: String?)
    }

    /// What the log is told.
    public enum Note: Sendable {
        case kioskCame(id: String, address: IPAddress?, version: String?)
        case kioskWent(id: String)
    }
}
