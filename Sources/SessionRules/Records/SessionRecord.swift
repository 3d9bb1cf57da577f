public import Primitives
public import Signaling

/// A session as it is kept.
public struct SessionRecord: Hashable, Sendable {
    public var sequence: Int64
    public var id: String
    public var organization: String
    public var kioskId: String
    public var monitorId: String
    public var startedAt: WallClock
    public var negotiatedAt: WallClock?
    public var mediaStartedAt: WallClock?
    public var firstFrameMs: Int64?
    public var mediaStoppedAt: WallClock?
    public var endedAt: WallClock?
    public var endReason: SessionEndReason?
    /// The client of the monitor that carried it last; nil where that one did not say which it was.
    public var clientId: String?

    public init(
        sequence: Int64, id: String, organization: String, kioskId: String, monitorId: String, startedAt: WallClock,
        negotiatedAt: WallClock? = nil, mediaStartedAt: WallClock? = nil, firstFrameMs: Int64? = nil,
        mediaStoppedAt: WallClock? = nil, endedAt: WallClock? = nil, endReason: SessionEndReason? = nil,
        clientId: String? = nil
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
    }
}
