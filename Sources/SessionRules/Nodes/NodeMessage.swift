public import Signaling
public import SocketIO

/// What a client is to receive, wherever its socket is.
public enum Delivery: Hashable, Sendable {
    case event(ServerEvent)
    /// An event that names ICE servers: the node of the socket knows them and signs the credentials.
    case eventWithICEServers(ICEServersEvent, ICECredentialArguments)
    case acknowledgement(AcknowledgementID, Acknowledgement)
}

/// What one node says to another.
public enum NodeMessage: Hashable, Sendable {
    /// To a client of the node that hears this.
    case deliver(Delivery, to: SocketID)
}
