internal import JSON
public import Primitives
public import Signaling

/// One monitor watching one kiosk.
public struct MonitoringSession: Hashable, Sendable {
    /// Unique.
    public let id: String
    /// The kiosk's account.
    public let kioskId: String
    /// The monitor's account.
    public let monitorId: String
    /// Of both.
    public let organization: String
    /// For people and records; spans are measured otherwise.
    public let startedAt: WallClock
    let started: Instant

    /// The client of the monitor that carries it; nil where that one does not say which it is.
    public internal(set) var clientId: String?
    var kiosk: Side
    var monitor: Side
    var hasOffer: Bool
    var hasAnswer: Bool
    /// Until when a new offer may come, after the kiosk has reported that its media failed; nil while media may flow.
    var mediaGraceEnds: Instant?

    /// Which end of the session; a key path would cost each message more than its routing.
    enum End: Sendable { case kiosk, monitor }

    subscript(end: End) -> Side {
        get {
            switch end {
            case .kiosk: kiosk
            case .monitor: monitor
            }
        }
        set {
            switch end {
            case .kiosk: kiosk = newValue
            case .monitor: monitor = newValue
            }
        }
    }

    /// One end of the session.
    enum Side: Hashable, Sendable {
        case connected(Address)
        /// Its socket was lost: until when it may come back, and what waits for it.
        case away(until: Instant, waiting: [ServerEvent])

        /// Candidates of a whole ICE restart, with room to spare.
        static let waitingLimit = 64

        static func lost(until: Instant) -> Side { .away(until: until, waiting: []) }

        /// Nil while it is away.
        var address: Address? {
            switch self {
            case .connected(let address): address
            case .away: nil
            }
        }

        /// Nil while it is connected.
        var graceEnds: Instant? {
            switch self {
            case .connected: nil
            case .away(let until, _): until
            }
        }
    }

    /// Whether both descriptions have passed.
    public var isNegotiated: Bool { hasOffer && hasAnswer }
}

/// Who sends an event: an account at one of its addresses.
public struct Party: Hashable, Sendable {
    /// The account.
    public var id: String
    /// The account's.
    public var organization: String
    /// Where it is connected.
    public var address: Address
    /// Which of the account's clients; nil where it did not say.
    public var clientId: String?

    /// Nothing is checked: the hub knows who it is.
    public init(id: String, organization: String, address: Address, clientId: String? = nil) {
        self.id = id
        self.organization = organization
        self.address = address
        self.clientId = clientId
    }
}

/// What passes between the two ends of a session.
public enum RelayedMessage: Hashable, Sendable {
    case offer(DescriptionPayload)
    case answer(DescriptionPayload)
    case iceCandidate(CandidatePayload)
    case restartRequest
    case sessionError(SessionErrorPayload)

    func event(from id: String, session: String) -> ServerEvent {
        switch self {
        case .offer(let offer): .offer(fromId: id, sessionId: session, offer)
        case .answer(let answer): .answer(fromId: id, sessionId: session, answer)
        case .iceCandidate(let candidate): .iceCandidate(fromId: id, sessionId: session, candidate)
        case .restartRequest: .restartRequest(fromId: id, sessionId: session)
        case .sessionError(let error): .sessionError(fromId: id, sessionId: session, error)
        }
    }
}
