public import JSON
public import Primitives
public import Signaling
public import SocketIO

/// What a client is to receive, wherever its socket is.
public enum Delivery: Hashable, Sendable {
    case event(ServerEvent)
    /// An event that names ICE servers: the node of the socket knows them and signs the credentials.
    case eventWithICEServers(ICEServersEvent, ICECredentialArguments)
    case acknowledgement(AcknowledgementID, Acknowledgement)
}

/// What one node says to another. The way between them (`NodeLink`) brings each message once and in order. Addresses are as the sender
/// sees them.
public enum NodeMessage: Hashable, Sendable {
    /// To a client of the node that hears this.
    case deliver(Delivery, to: SocketID)
    /// The sender holds a kiosk's socket; who held it before lets go of it, and answers `kioskReleased`.
    case kioskClaimed(KioskClaim)
    case kioskReleased(KioskRelease)
    /// A session that was handed over has arrived.
    case sessionTaken(String)
    /// For the lists of the monitors of the node that hears this.
    case kioskChanged(KioskState, KioskChange)
    /// A monitor wants something of a kiosk that the receiver owns, as far as the sender knows.
    /// - Parameter forwards: how many nodes have passed it on.
    case request(MonitorRequest, from: Party, PendingReply, forwards: Int)
    /// `carried` is as in `register-monitor`.
    case monitorRegistered(Party, carried: [String]?)
    case monitorLost(id: String, SocketID)
    /// A session has been handed over whose monitor is away, as far as its earlier owner knew: who has it says `monitorRegistered`.
    case monitorSought(id: String)
    /// The records hold a new crew event.
    case crewStored(CrewRecord)
    /// Somebody of the organization who may do so ends a session by HTTP.
    /// - Parameter reason: why, in an administrator's words.
    case sessionEnded(sessionId: String, by: Account, reason: String?)
}

/// Whose socket a node holds, and since when in the order of all claims to that kiosk.
public struct KioskClaim: Hashable, Sendable {
    /// The kiosk's account.
    public var kioskId: String
    /// Greater than that of each earlier claim that the node knew of.
    public var number: UInt64
    /// The sessions that the kiosk says it still carries; nil when it does not say.
    public var carried: [String]?
}

/// What a node gives away that held a kiosk, or may have held it.
public struct KioskRelease: Hashable, Sendable {
    /// The kiosk's account.
    public var kioskId: String
    /// Of the claim that it answers.
    public var number: UInt64
    /// Its session, if it goes on; nobody's until it is taken.
    public var session: HandedOverSession?
    /// How sessions ended that the kiosk asks for, or that it has not been told of.
    public var ended: [EndedSession]
}

/// A kiosk as the monitors of other nodes see it.
public struct KioskState: Hashable, Sendable {
    /// The kiosk's account.
    public var kioskId: String
    /// Of the claim under which its node holds it.
    public var number: UInt64
    /// Whether it is registered and its heartbeats come.
    public var online: Bool
    /// By its node's clock.
    public var lastSeen: WallClock?
    /// What it said of itself last.
    public var status: JSONObject?
    /// Of the session that goes on.
    public var sessionId: String?
    /// That session's monitor.
    public var monitoredBy: String?
}

/// Which event tells monitors of a kiosk's entry.
public enum KioskChange: Hashable, Sendable {
    case online, offline, status

    func event(_ entry: KioskEntry) -> ServerEvent {
        switch self {
        case .online: .kioskOnline(entry)
        case .offline: .kioskOffline(entry)
        case .status: .kioskStatus(entry)
        }
    }
}

/// What a monitor asks of one kiosk.
public enum MonitorRequest: Hashable, Sendable {
    case start(kioskId: String)
    case stop(kioskId: String, sessionId: String?)
    case relay(RelayedMessage, kioskId: String, sessionId: String?)

    var kioskId: String {
        switch self {
        case .start(let id), .stop(let id, _), .relay(_, let id, _): id
        }
    }
}

/// A session on its way from one owner to the next. Clocks of two nodes have nothing in common, so spans stand for moments.
public struct HandedOverSession: Hashable, Sendable {
    /// Its name stays what it is.
    public var id: String
    /// The kiosk's account.
    public var kioskId: String
    /// The monitor's account.
    public var monitorId: String
    /// Of both.
    public var organization: String
    /// By the clock of the node where it began; for people and records.
    public var startedAt: WallClock
    /// Since its start.
    public var age: Duration
    /// The client of the monitor that carries it; nil where that one did not say.
    public var clientId: String?
    /// Nil while the monitor is away.
    public var monitorAddress: Address?
    /// What waits for the monitor while it is away.
    public var waitingForMonitor: [ServerEvent]
    /// What waits for the kiosk.
    public var waitingForKiosk: [ServerEvent]
    /// Whether an offer has passed.
    public var hasOffer: Bool
    /// Whether an answer has passed.
    public var hasAnswer: Bool
    /// What is left of the grace period of media that failed.
    public var mediaGrace: Duration?
}

extension Address {
    /// An address that `sender` wrote, as `reader` sees it.
    func read(by reader: NodeID, from sender: NodeID) -> Address {
        switch self {
        case .here(let socket): .node(sender, socket)
        case .node(reader, let socket): .here(socket)
        case .node: self
        }
    }
}
