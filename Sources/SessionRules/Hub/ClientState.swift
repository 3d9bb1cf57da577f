internal import Primitives
internal import Signaling
internal import SocketIO

/// A client that was let in.
struct ClientState: Sendable {
    let account: String
    let role: Role
    let organization: String
    /// Of its token: when that is revoked, the socket goes.
    let family: String
    let issuedAt: WallClock
    let generation: Int64?
    let address: IPAddress?
    var isRegistered: Bool
    /// Which of a monitor's clients it is; nil until it registers, and where it does not say.
    var clientId: String?
    var messages: MessageThrottle
    /// Candidates come at once, as many as a machine has addresses, and a lost one is sent by nobody again: they have a
    /// bucket of their own.
    var candidates: MessageThrottle

    func party(_ socket: SocketID) -> Party {
        Party(id: account, organization: organization, address: .here(socket), clientId: clientId)
    }
}
