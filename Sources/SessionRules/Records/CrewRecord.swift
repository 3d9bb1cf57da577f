public import Primitives
public import Signaling

/// A crew event as it is kept: what the kiosk said, and when that arrived.
public struct CrewRecord: Hashable, Sendable {
    /// Its place in the order of arrival; 0 before it is stored.
    public var sequence: Int64
    /// Of its kiosk.
    public var organization: String
    public var kioskId: String
    public var event: CrewEvent
    /// By the server's clock.
    public var receivedAt: WallClock

    public init(sequence: Int64 = 0, organization: String, kioskId: String, event: CrewEvent, receivedAt: WallClock) {
        self.sequence = sequence
        self.organization = organization
        self.kioskId = kioskId
        self.event = event
        self.receivedAt = receivedAt
    }
}
