public import Primitives
public import Signaling

/// What the signaling thread reports.
public enum LinkEvent: Hashable, Sendable {
    /// The phase of the link has changed: for the status and the supervisor.
    case phaseChanged(LinkPhase)
    /// The server knows this kiosk again; what waited may be sent.
    case registered
    /// An event of the server for this kiosk, such as a session or an offer.
    case server(ServerEvent)
    /// The server's answer to a crew event.
    case crewAnswered(eventId: String, Acknowledgement)
    /// The server's clock minus this machine's, as the last heartbeat measured it.
    case clockOffset(Duration)
    /// The link cannot even begin: the trusted certificates cannot be read.
    case impossible(String)
}

/// Where the link to the server stands, for the status.
public enum LinkPhase: Hashable, Sendable {
    /// An attempt is under way: log-in, WebSocket, registration.
    case connecting
    /// The server knows this kiosk and forwards offers to it.
    case registered
    /// Not connected; the next attempt comes after this long.
    case waiting(LinkTrouble, retryIn: Duration)
    /// The thread has ended.
    case stopped
}

/// What the supervisor asks of the signaling thread.
public enum LinkCommand: Sendable {
    /// Sent when registered; kept for a while when not.
    case send(ClientEvent)
    /// Sent once when registered and then answered by `crewAnswered`; dropped when not, as registration asks again.
    case deliver(CrewEvent)
    /// The heartbeat's contents from now on, sent at once.
    case status(KioskStatus)
    /// The sessions the kiosk carries, for the next registration.
    case carried([String])
    /// The machine's addresses are others: these carry packets now.
    case networkChanged(usable: Set<IPAddress>)
    /// Where the next login reads the password.
    case passwordFile(String)
    /// Say goodbye, close, end the thread.
    case stop
}
