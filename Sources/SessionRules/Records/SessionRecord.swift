public import Primitives
public import Signaling

/// A session as it is kept.
public struct SessionRecord: Hashable, Sendable {
    /// Its place in the order of beginnings.
    public var sequence: Int64
    /// The session's name, unique.
    public var id: String
    /// Of kiosk and monitor.
    public var organization: String
    /// The kiosk's account.
    public var kioskId: String
    /// The monitor's account.
    public var monitorId: String
    /// By the server's clock; so are the others.
    public var startedAt: WallClock
    /// When offer and answer had passed; nil before.
    public var negotiatedAt: WallClock?
    /// When the kiosk first reported media; nil before.
    public var mediaStartedAt: WallClock?
    /// From the session's start to the first frame, as the kiosk reported it, in milliseconds.
    public var firstFrameMs: Int64?
    /// When the kiosk last reported that media had stopped.
    public var mediaStoppedAt: WallClock?
    /// Nil while it goes on.
    public var endedAt: WallClock?
    /// Nil while it goes on, and for a reason that this program does not know.
    public var endReason: SessionEndReason?
    /// The client of the monitor that carried it last; nil where that one did not say which it was.
    public var clientId: String?
    /// The node whose kiosk's session it is; nil where the record does not say, as a single node's do not.
    public var node: NodeID?

    /// As the records have it.
    public init(
        sequence: Int64, id: String, organization: String, kioskId: String, monitorId: String, startedAt: WallClock,
        negotiatedAt: WallClock? = nil, mediaStartedAt: WallClock? = nil, firstFrameMs: Int64? = nil,
        mediaStoppedAt: WallClock? = nil, endedAt: WallClock? = nil, endReason: SessionEndReason? = nil,
        clientId: String? = nil, node: NodeID? = nil
    ) {
        self.sequence = sequence
        self.id = id
        self.organization = organization
        self.kioskId = kioskId
        self.monitorId = monitorId
        self.startedAt = startedAt
        self.negotiatedAt = negotiatedAt
        self.mediaStartedAt = mediaStartedAt
        self.firstFrameMs = firstFrameMs
        self.mediaStoppedAt = mediaStoppedAt
        self.endedAt = endedAt
        self.endReason = endReason
        self.clientId = clientId
        self.node = node
    }
}
