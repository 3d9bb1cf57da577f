public import JSON
public import Primitives

/// Which media a kiosk can give.
public struct MediaAvailability: Hashable, Sendable {
    public var video: Bool?
    public var audio: Bool?
    public init(video: Bool? = nil, audio: Bool? = nil) {
        self.video = video
        self.audio = audio
    }
}

public struct KioskRegistration: Hashable, Sendable {
    public var version: String?
    public var hostname: String?
    public var media: MediaAvailability?
    /// Sessions it still carries; nil leaves that to the grace period.
    public var sessions: [String]?
    public init(
        version: String? = nil, hostname: String? = nil, media: MediaAvailability? = nil, sessions: [String]? = nil
    ) {
        self.version = version
        self.hostname = hostname
        self.media = media
        self.sessions = sessions
    }
}

public struct MonitorRegistration: Hashable, Sendable {
    /// Which of the account's clients it is: a random name that a page keeps over a reload. Nil for one that does not say.
    public var clientId: String?
    /// Sessions it still carries, of those that this client began, or, without `clientId`, of all of the account's; nil
    /// leaves that to the grace period.
    public var sessions: [String]?
    public init(clientId: String? = nil, sessions: [String]? = nil) {
        self.clientId = clientId
        self.sessions = sessions
    }
}

/// `RTCSessionDescriptionInit`.
public struct DescriptionPayload: Hashable, Sendable {
    public enum Kind: String, Hashable, Sendable { case offer, answer, pranswer, rollback }
    public var type: Kind
    public var sdp: String
    public init(type: Kind, sdp: String) {
        self.type = type
        self.sdp = sdp
    }
}

/// `RTCIceCandidateInit`; an empty `candidate` is end-of-candidates.
public struct CandidatePayload: Hashable, Sendable {
    public var candidate: String
    public var sdpMid: String?
    public var sdpMLineIndex: Int?
    public var usernameFragment: String?
    public init(candidate: String, sdpMid: String? = nil, sdpMLineIndex: Int? = nil, usernameFragment: String? = nil) {
        self.candidate = candidate
        self.sdpMid = sdpMid
        self.sdpMLineIndex = sdpMLineIndex
        self.usernameFragment = usernameFragment
    }
}

/// One entry of `RTCConfiguration.iceServers`.
public struct ICEServer: Hashable, Sendable {
    public var urls: [String]
    public var username: String?
    public var credential: String?
    public init(urls: [String], username: String? = nil, credential: String? = nil) {
        self.urls = urls
        self.username = username
        self.credential = credential
    }

    /// When time-limited credentials end, by the server's clock: their username is `expiry:userId`. Nil for all others.
    public var credentialEnd: WallClock? {
        guard let username, let colon = username.firstIndex(of: ":"), let seconds = Int64(username[..<colon]),
            seconds > 0
        else { return nil }
        return WallClock(secondsSince1970: seconds)
    }
}

/// What a kiosk says of itself in a heartbeat. Values beyond `live` are forwarded to monitors as they came.
public struct KioskStatus: Hashable, Sendable {
    /// `camera`, `microphone`, `network`, `temperature`, `memory`, `outbox`, `live`, and `storage` and `clock`; absent ones
    /// are unchanged.
    public var fields: JSONObject
    public init(fields: JSONObject = JSONObject()) { self.fields = fields }
    public var live: Bool? { fields["live"]?.bool }
}

public struct CrewEvent: Hashable, Sendable {
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        case signOn = "crew-sign-on"
        case signOff = "crew-sign-off"
    }
    public var kind: Kind
    public var eventId: String
    public var crewId: String
    public var name: String?
    public var role: String?
    public var train: String?
    /// RFC 3339 with offset, as the kiosk wrote it.
    public var occurredAt: String
    /// Nil when the kiosk's clock was right, as far as it knows.
    public var clock: Clock?

    /// What there is to say about `occurredAt`.
    public enum Clock: String, Hashable, Sendable, CaseIterable {
        /// The kiosk's clock was wrong then; `occurredAt` is what the server's would have shown.
        case corrected
        /// The kiosk's clock was wrong then, and how wrong was never found out.
        case doubtful
    }

    public init(
        kind: Kind, eventId: String, crewId: String, name: String? = nil, role: String? = nil, train: String? = nil,
        occurredAt: String, clock: Clock? = nil
    ) {
        self.clock = clock
        self.kind = kind
        self.eventId = eventId
        self.crewId = crewId
        self.name = name
        self.role = role
        self.train = train
        self.occurredAt = occurredAt
    }
}

/// A kiosk as monitors see it.
public struct KioskEntry: Hashable, Sendable {
    public var kioskId: String
    public var displayName: String
    public var online: Bool
    /// ISO 8601; nil when it never was online.
    public var lastSeen: String?
    /// The monitor that watches it now.
    public var monitoredBy: String?
    public var status: KioskStatus?
    public init(
        kioskId: String, displayName: String, online: Bool, lastSeen: String?, monitoredBy: String?,
        status: KioskStatus?
    ) {
        self.kioskId = kioskId
        self.displayName = displayName
        self.online = online
        self.lastSeen = lastSeen
        self.monitoredBy = monitoredBy
        self.status = status
    }
}

/// What a kiosk tells of the media of one session, for the server and its audit.
public struct SessionReport: Hashable, Sendable {
    public enum State: String, Hashable, Sendable, CaseIterable {
        case mediaStarted = "media-started"
        case mediaStopped = "media-stopped"
        /// The media path ended for good on the kiosk: only a new offer can bring it back.
        case mediaFailed = "media-failed"
    }
    public var sessionId: String
    public var state: State
    public var firstFrameMs: Int?
    /// Why the media failed: a code of `SessionErrorCode`, or a newer kiosk's. With `media-stopped`: why it stopped for good.
    public var reason: String?
    /// Whether the kiosk's program ends on purpose, and the session with it.
    public var isFarewell: Bool {
        state == .mediaStopped && reason == SessionEndReason.kioskRestarting.rawValue
    }
    public init(sessionId: String, state: State, firstFrameMs: Int? = nil, reason: String? = nil) {
        self.sessionId = sessionId
        self.state = state
        self.firstFrameMs = firstFrameMs
        self.reason = reason
    }
}

/// What a kiosk cannot give: `{"code","message"}`. Codes of newer kiosks pass through.
public struct SessionErrorPayload: Hashable, Sendable {
    public var code: String
    public var message: String
    public init(_ code: SessionErrorCode, message: String) {
        self.code = code.rawValue
        self.message = message
    }
    public init(code: String, message: String) {
        self.code = code
        self.message = message
    }
}
