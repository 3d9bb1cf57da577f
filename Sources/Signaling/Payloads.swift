public import JSON
public import Primitives

/// Which media a kiosk can give.
public struct MediaAvailability: Hashable, Sendable {
    /// Nil: the kiosk does not say.
    public var video: Bool?
    /// Nil: the kiosk does not say.
    public var audio: Bool?
    /// Absent members stay out of the JSON.
    public init(video: Bool? = nil, audio: Bool? = nil) {
        self.video = video
        self.audio = audio
    }
}

/// The payload of `register-kiosk`. Every member is optional.
public struct KioskRegistration: Hashable, Sendable {
    /// The agent's version, shown in lists.
    public var version: String?
    /// The machine's name, shown in lists.
    public var hostname: String?
    /// What the kiosk has devices for.
    public var media: MediaAvailability?
    /// Sessions it still carries; nil leaves that to the grace period.
    public var sessions: [String]?
    /// Absent members stay out of the JSON.
    public init(
        version: String? = nil, hostname: String? = nil, media: MediaAvailability? = nil, sessions: [String]? = nil
    ) {
        self.version = version
        self.hostname = hostname
        self.media = media
        self.sessions = sessions
    }
}

/// The payload of `register-monitor`. Every member is optional.
public struct MonitorRegistration: Hashable, Sendable {
    /// Which of the account's clients it is: a random name that a page keeps over a reload. Nil for one that does not say.
    public var clientId: String?
    /// Sessions it still carries, of those that this client began, or, without `clientId`, of all of the account's; nil
    /// leaves that to the grace period.
    public var sessions: [String]?
    /// Absent members stay out of the JSON.
    public init(clientId: String? = nil, sessions: [String]? = nil) {
        self.clientId = clientId
        self.sessions = sessions
    }
}

/// `RTCSessionDescriptionInit`.
public struct DescriptionPayload: Hashable, Sendable {
    /// `RTCSdpType`. The server forwards `pranswer` and `rollback`, kiosks send `answer` only.
    public enum Kind: String, Hashable, Sendable { case offer, answer, pranswer, rollback }
    /// Whether it is an offer or an answer.
    public var type: Kind
    /// At most `SignalingLimit.sdp` bytes, checked when JSON is read. This target does not parse it.
    public var sdp: String
    /// Nothing is checked.
    public init(type: Kind, sdp: String) {
        self.type = type
        self.sdp = sdp
    }
}

/// `RTCIceCandidateInit`; an empty `candidate` is end-of-candidates.
public struct CandidatePayload: Hashable, Sendable {
    /// `candidate:…` without `a=`, at most `SignalingLimit.candidate` bytes when read from JSON.
    public var candidate: String
    /// The section's `a=mid`. Nil: not told; `sdpMLineIndex` decides then.
    public var sdpMid: String?
    /// The section's place in the description, from 0. Nil: not told.
    public var sdpMLineIndex: Int?
    /// Which ICE generation it belongs to. Nil: the one in use.
    public var usernameFragment: String?
    /// Nothing is checked.
    public init(candidate: String, sdpMid: String? = nil, sdpMLineIndex: Int? = nil, usernameFragment: String? = nil) {
        self.candidate = candidate
        self.sdpMid = sdpMid
        self.sdpMLineIndex = sdpMLineIndex
        self.usernameFragment = usernameFragment
    }
}

/// One entry of `RTCConfiguration.iceServers`.
public struct ICEServer: Hashable, Sendable {
    /// `stun:`, `turn:` and `turns:` addresses (RFC 7064, RFC 7065).
    public var urls: [String]
    /// For TURN. Nil for STUN servers.
    public var username: String?
    /// For TURN. Nil for STUN servers. It never goes into a log.
    public var credential: String?
    /// Nothing is checked.
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
    /// Empty: nothing has changed.
    public init(fields: JSONObject = JSONObject()) { self.fields = fields }
    /// Whether media leaves the kiosk now; nil when the heartbeat does not say.
    public var live: Bool? { fields["live"]?.bool }
}

/// Somebody signed on or off duty at a kiosk.
public struct CrewEvent: Hashable, Sendable {
    /// Which of the two; the raw value is the event's name on the wire.
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        case signOn = "crew-sign-on"
        case signOff = "crew-sign-off"
    }
    /// Sign-on or sign-off.
    public var kind: Kind
    /// Chosen by the kiosk. Two events of one kiosk with the same `eventId` are one event.
    public var eventId: String
    /// What was typed, read from the badge or given over the control socket.
    public var crewId: String
    /// The person's name, where the kiosk knows it.
    public var name: String?
    /// Driver, guard and so on, where the kiosk knows it.
    public var role: String?
    /// The train's number, where the kiosk knows it.
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

    /// Nothing is checked; reading from JSON checks lengths, characters and `occurredAt`.
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
    /// The kiosk's account name.
    public var kioskId: String
    /// For people; the account's name where none was given.
    public var displayName: String
    /// Whether it is registered and its heartbeats come.
    public var online: Bool
    /// ISO 8601; nil when it never was online.
    public var lastSeen: String?
    /// The monitor that watches it now.
    public var monitoredBy: String?
    /// Its last heartbeat's content; nil before the first.
    public var status: KioskStatus?
    /// Nothing is checked: the server's side.
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
    /// The raw value stands on the wire.
    public enum State: String, Hashable, Sendable, CaseIterable {
        case mediaStarted = "media-started"
        case mediaStopped = "media-stopped"
        /// The media path ended for good on the kiosk: only a new offer can bring it back.
        case mediaFailed = "media-failed"
    }
    /// The session that is spoken of.
    public var sessionId: String
    /// What happened to its media.
    public var state: State
    /// Milliseconds from the offer to the first frame sent; nil where the kiosk does not say.
    public var firstFrameMs: Int?
    /// Why the media failed: a code of `SessionErrorCode`, or a newer kiosk's. With `media-stopped`: why it stopped for good.
    public var reason: String?
    /// Whether the kiosk's program ends on purpose, and the session with it.
    public var isFarewell: Bool {
        state == .mediaStopped && reason == SessionEndReason.kioskRestarting.rawValue
    }
    /// Nothing is checked.
    public init(sessionId: String, state: State, firstFrameMs: Int? = nil, reason: String? = nil) {
        self.sessionId = sessionId
        self.state = state
        self.firstFrameMs = firstFrameMs
        self.reason = reason
    }
}

/// What a kiosk cannot give: `{"code","message"}`. Codes of newer kiosks pass through.
public struct SessionErrorPayload: Hashable, Sendable {
    /// A code of `SessionErrorCode`, or a newer kiosk's.
    public var code: String
    /// For people, in English.
    public var message: String
    /// What this version of the kiosk says.
    public init(_ code: SessionErrorCode, message: String) {
        self.code = code.rawValue
        self.message = message
    }
    /// What came from the wire, known or not.
    public init(code: String, message: String) {
        self.code = code
        self.message = message
    }
}
