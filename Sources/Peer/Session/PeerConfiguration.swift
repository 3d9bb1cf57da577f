public import ICE
public import SDP

/// Which side of offer and answer a session is.
public enum PeerRole: Sendable {
    /// Answers offers; in ICE it is controlled (controlling towards a lite peer).
    case answerer
    /// Makes the offer; in ICE it is controlling.
    case offerer
}

/// What a session is made with.
public struct PeerConfiguration: Sendable {
    /// Answerer on a kiosk; offerer in tests and in doctor's call to itself.
    public var role: PeerRole
    /// What can be sent (answerer) or is to be received (offerer).
    public var capabilities: LocalCapabilities
    /// Addresses, servers and timing of ICE.
    public var ice: ICEConfiguration
    /// The bounds of its media.
    public var bitrates: PeerBitrates

    /// A kiosk's session without any server of its own.
    public init(
        role: PeerRole = .answerer, capabilities: LocalCapabilities = .kiosk,
        ice: ICEConfiguration = ICEConfiguration(), bitrates: PeerBitrates = PeerBitrates()
    ) {
        self.bitrates = bitrates
        self.role = role
        self.capabilities = capabilities
        self.ice = ice
    }
}
