public import Primitives
import STUN

/// What the agent reports to the peer session, which owns it.
public enum ICEEvent: Hashable, Sendable {
    /// A candidate to be signalled to the peer (trickle, RFC 8838).
    case localCandidate(Candidate)
    /// No further local candidates will come in this generation: signal end-of-candidates.
    case gatheringComplete
    case stateChanged(ICEState)
    /// Media goes this way from now on; nil when there is no way left.
    case selectedPathChanged(SelectedPath?)
    /// The remote candidate is a name: resolve it and call `addResolvedCandidate`. No answer is no harm.
    case resolveName(String, Candidate)
    /// The peer has not agreed for 30 s to receive: nothing may be sent any more (RFC 7675 section 5.1).
    case consentExpired
    /// The TURN server behind the stream from this local address gives no relay, or no longer; `alternate` is the server
    /// that it wants to be asked instead (300, RFC 8489 section 10).
    case turnStreamFailed(local: SocketAddress, alternate: AlternateServer?)
    /// A TURN server gives no relay, or takes back the one it gave.
    case relayRefused(server: SocketAddress, transport: TransportProtocol, TURNFailure)
    /// The role was switched by a role conflict (RFC 8445 section 7.3.1.1).
    case roleChanged(ICERole)
}

/// The agent's state as the application sees it, named as `RTCIceConnectionState` is.
public enum ICEState: String, Sendable, CaseIterable {
    /// No remote credentials or no pair yet. Next: checking.
    case new
    /// Pairs are being checked. Next: connected, failed.
    case checking
    /// There is a working pair. Next: completed, disconnected, checking (restart without a path).
    case connected
    /// A working pair is nominated. Next: connected (restart), disconnected.
    case completed
    /// The path has gone quiet. Next: connected or completed when it answers again, failed.
    case disconnected
    /// No pair works, or consent has expired. A restart leads out, and so does an address that is added.
    case failed
    /// `close` was called. No further state follows.
    case closed
}

/// Which side decides which pair is used (RFC 8445 section 3).
public enum ICERole: Sendable {
    case controlling, controlled
    /// The role that the peer has when this one is ours.
    public var opposite: ICERole { self == .controlling ? .controlled : .controlling }
}

/// The way that application data takes.
public struct SelectedPath: Hashable, Sendable {
    /// The local address whose socket sends it: the base, or for a relayed path the socket towards the TURN server.
    public var base: SocketAddress
    /// The peer's address. On a relayed path the datagram itself goes to the TURN server.
    public var remote: SocketAddress
    /// The type of our candidate.
    public var localType: CandidateType
    /// The type of the peer's candidate.
    public var remoteType: CandidateType
    /// The relayed transport address whose TURN allocation frames the data; nil on a direct path.
    public var relay: SocketAddress?
    /// Whether the controlling side has decided for it.
    public var isNominated: Bool

    /// Made by `ICEAgent` whenever another pair carries data; takes the values as they are.
    public init(
        base: SocketAddress, remote: SocketAddress, localType: CandidateType, remoteType: CandidateType,
        relay: SocketAddress? = nil, isNominated: Bool
    ) {
        self.base = base
        self.remote = remote
        self.localType = localType
        self.remoteType = remoteType
        self.relay = relay
        self.isNominated = isNominated
    }
}

/// What became of a datagram that was handed to the agent.
public enum ICEInput: Hashable, Sendable {
    /// It was the agent's own business (or was dropped and counted).
    case consumed
    /// Bytes in this range are the application's (DTLS, SRTP): a relay delivered them in a TURN frame from `from`,
    /// to the relayed address `local`.
    case application(Range<Int>, from: SocketAddress, local: SocketAddress)
}

/// Why something that came from outside was dropped.
public enum ICEDrop: Int, Sendable, CaseIterable {
    case notSTUN, malformed, fingerprintMismatch
    /// A request without FINGERPRINT whose sender has not been authenticated as the peer.
    case fingerprintMissing
    case unknownMethod, unknownLocalAddress, unknownAttribute
    case integrityMissing, integrityInvalid, usernameMissing, usernameUnknown, priorityMissing
    case transactionUnknown, responseIntegrityInvalid, responseAsymmetric, mappedAddressMissing
    case candidateUnsupported, candidateUnusable, candidateDuplicate, candidateOverLimit, candidateForOtherGeneration
    case pairOverLimit, responseQueueFull
    case relayFrameMalformed, relayUnknownPeer

    init(_ error: STUNParseError) {
        switch error {
        case .notSTUN: self = .notSTUN
        case .fingerprintMismatch: self = .fingerprintMismatch
        case .truncated, .lengthMismatch, .attributeTruncated, .malformedAttribute, .attributeAfterFingerprint:
            self = .malformed
        }
    }
}
