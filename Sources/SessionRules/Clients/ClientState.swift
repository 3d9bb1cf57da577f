internal import Primitives
internal import Signaling
internal import SocketIO

/// A client that was let in.
///
///     connected ──register-kiosk, register-monitor, or as the client that it was──▶ registered
struct ClientState: Sendable {
    enum Phase: Hashable, Sendable {
        /// It may do nothing but register.
        case connected
        /// - Parameter clientId: which of a monitor's clients it is; nil where it does not say.
        case registered(clientId: String?)
    }

    let account: String
    let role: Role
    let organization: String
    /// Of its token: when that is revoked, the socket goes.
    let family: String
    let issuedAt: WallClock
    let generation: Int64?
    let address: IPAddress?
    var phase: Phase
    var throttles: MessageThrottles

    var isRegistered: Bool {
        switch phase {
        case .connected: false
        case .registered: true
        }
    }

    var clientId: String? {
        switch phase {
        case .connected: nil
        case .registered(let clientId): clientId
        }
    }

    /// Of its token, as far as that can be void before it expires.
    var claims: TokenClaims {
        TokenClaims(
            subject: account, role: role, organization: organization, issuedAt: issuedAt, expiresAt: issuedAt,
            tokenId: "", family: family, generation: generation)
    }

    func party(_ socket: SocketID) -> Party {
        Party(id: account, organization: organization, address: .here(socket), clientId: clientId)
    }
}
