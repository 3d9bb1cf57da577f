internal import SocketIO

/// An event that waits for the records, or for another node, before it is answered.
public struct PendingReply: Hashable, Sendable {
    var address: Address
    var event: String
    var acknowledgement: AcknowledgementID?
}
