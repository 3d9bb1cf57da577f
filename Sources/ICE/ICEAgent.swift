public import Primitives
public import STUN

/// API announcement: signatures are final, bodies follow.
public struct ICEAgent: Sendable {
    public init(
        role: ICERole, configuration: ICEConfiguration = ICEConfiguration(), authenticator: MessageAuthenticator,
        random: RandomSource
    ) { fatalError("ice agent: being written") }

    public var localCredentials: ICECredentials { fatalError("ice agent: being written") }
    public var remoteCredentials: ICECredentials? { fatalError("ice agent: being written") }
    public var role: ICERole { fatalError("ice agent: being written") }
    public var state: ICEState { fatalError("ice agent: being written") }
    /// The way for application data now, also before nomination as soon as one pair works; nil while there is none.
    public var selectedPath: SelectedPath? { fatalError("ice agent: being written") }
    /// All local candidates of this generation so far, for the answer's SDP.
    public var localCandidates: [Candidate] { fatalError("ice agent: being written") }
    public var isGatheringComplete: Bool { fatalError("ice agent: being written") }
    public var drops: Counter<ICEDrop> { fatalError("ice agent: being written") }

    /// A bound UDP socket's address is a host candidate. Its order of adding is its local preference.
    public mutating func addLocalAddress(_ base: SocketAddress, now: Instant) {}
    /// The interface is gone: its pairs end; a selected one is replaced by the best that still works, or by nil.
    public mutating func removeLocalAddress(_ base: SocketAddress, now: Instant) {}
    /// All local addresses were added.
    public mutating func finishLocalAddresses(now: Instant) {}
    /// What the remote description says, before its candidates. Other ones than before begin a restart's new remote
    /// generation.
    public mutating func setRemoteCredentials(_ credentials: ICECredentials, isLite: Bool = false, now: Instant) {}
    public mutating func addRemoteCandidate(_ candidate: Candidate, now: Instant) {}
    /// The answer to `.resolveName`.
    public mutating func addResolvedCandidate(_ candidate: Candidate, address: IPAddress, now: Instant) {}
    public mutating func endRemoteCandidates(now: Instant) {}
    /// New local credentials; the selected path goes on until the new generation has one. Call before
    /// `setRemoteCredentials` when answering a restart offer. Local addresses are kept and announced again.
    public mutating func restart(now: Instant) {}
    public mutating func close(now: Instant) {}

    /// A datagram that RFC 7983 gives to STUN (first byte 0…3) or TURN (64…79).
    public mutating func handle(_ bytes: Span<UInt8>, from: SocketAddress, local: SocketAddress, now: Instant)
        -> ICEInput
    { .consumed }
    /// Authenticated application data (SRTP, DTLS) came in on a path: it is alive.
    public mutating func noteReceived(from: SocketAddress, local: SocketAddress, now: Instant) {}
    /// Frames what is in `packet` for the selected path (a relayed one needs TURN's header) and says where it goes;
    /// nil when there is no path: the caller drops it.
    public mutating func frame(_ packet: inout PacketBuffer, now: Instant) -> Transmit? { nil }
    public mutating func handleTimeout(now: Instant) {}
    public mutating func pollTransmit(into packet: inout PacketBuffer, now: Instant) -> Transmit? { nil }
    public mutating func pollEvent() -> ICEEvent? { nil }
    public var nextTimeout: Wake? { nil }
}
