public import Primitives

/// One address at which an agent may be reached, as it stands in signaling (RFC 8445 section 5.1, RFC 8839).
public struct Candidate: Hashable, Sendable {
    /// Candidates of the same type, base address, transport and server share it: 1 to 32 ice-chars.
    public var foundation: String
    /// 1 for RTP, and with rtcp-mux for everything; 1 … 256.
    public var component: Int
    /// The transport protocol between the peers; only UDP candidates are paired.
    public var transport: CandidateTransport
    /// Larger is preferred. Ours are 1 … 2^31 - 1 (RFC 8445 section 5.1.2) and come from
    /// `priority(type:localPreference:component:)`; a peer's may be any number.
    public var priority: UInt32
    /// The transport address at which the agent may be reached.
    public var address: CandidateAddress
    /// How the address was learned.
    public var type: CandidateType
    /// For diagnosis only (RFC 8839 section 5.1): the base of a reflexive candidate, the mapped address of a relayed one.
    public var relatedAddress: CandidateAddress?
    /// Only for TCP candidates (RFC 6544).
    public var tcpType: TCPCandidateType?
    /// The ICE generation it belongs to, when the sender says so (`ufrag`, RFC 8838 and browsers).
    public var usernameFragment: String?
    /// Further name and value pairs, kept as they came.
    public var extensions: [CandidateExtension]

    /// Takes the values as they are; the grammar of RFC 8839 section 5.1 is checked where text is parsed, not here.
    public init(
        foundation: String, component: Int = 1, transport: CandidateTransport = .udp, priority: UInt32,
        address: CandidateAddress, type: CandidateType, relatedAddress: CandidateAddress? = nil,
        tcpType: TCPCandidateType? = nil, usernameFragment: String? = nil, extensions: [CandidateExtension] = []
    ) {
        self.foundation = foundation
        self.component = component
        self.transport = transport
        self.priority = priority
        self.address = address
        self.type = type
        self.relatedAddress = relatedAddress
        self.tcpType = tcpType
        self.usernameFragment = usernameFragment
        self.extensions = extensions
    }
}

/// How a candidate was learned (RFC 8445 section 4); the raw value is the `typ` of RFC 8839.
public enum CandidateType: String, Sendable, CaseIterable {
    /// The address of a socket of the agent.
    case host
    /// What a STUN or TURN server sees a host address as.
    case serverReflexive = "srflx"
    /// What the peer sees an address as, shown by a connectivity check.
    case peerReflexive = "prflx"
    /// An address of a TURN server.
    case relayed = "relay"

    /// The recommended type preference (RFC 8445 section 5.1.2.2).
    public var preference: UInt32 {
        switch self {
        case .host: 126
        case .peerReflexive: 110
        case .serverReflexive: 100
        case .relayed: 0
        }
    }
}

/// The `transport` of the candidate attribute (RFC 8839 section 5.1), read without regard to case.
public enum CandidateTransport: Hashable, Sendable {
    case udp, tcp
    /// One we do not know, as it was written; such a candidate is never paired.
    case other(String)
}

/// RFC 6544 section 4.5.
public enum TCPCandidateType: String, Sendable, CaseIterable {
    case active, passive
    case simultaneousOpen = "so"
}

/// An address, or a name that hides one: browsers give `….local` names (mDNS) until the camera is allowed.
public enum CandidateAddress: Hashable, Sendable {
    /// An address that can be sent to.
    case ip(SocketAddress)
    /// A name that has to be resolved first; names outside `.local` are not resolved.
    case name(String, port: UInt16)

    /// The address to send to; nil while only a name is known (`ICEEvent.resolveName`).
    public var socketAddress: SocketAddress? { if case .ip(let address) = self { address } else { nil } }
    /// The port of the address, or the one that stands beside the name.
    public var port: UInt16 {
        switch self {
        case .ip(let address): address.port
        case .name(_, let port): port
        }
    }
}

/// A name and value pair at the end of the candidate attribute (`extension-att-name` and `extension-att-value`, RFC 8839
/// section 5.1), such as `network-cost`, to which this project gives no meaning.
public struct CandidateExtension: Hashable, Sendable {
    /// One or more characters without blanks.
    public var name: String
    /// Characters without blanks.
    public var value: String

    /// Takes both as they are.
    public init(name: String, value: String) {
        self.name = name
        self.value = value
    }
}

extension Candidate {
    /// priority = 2^24 · type + 2^8 · local + (256 − component) (RFC 8445 section 5.1.2.1).
    public static func priority(type: CandidateType, localPreference: UInt16, component: Int = 1) -> UInt32 {
        type.preference << 24 | UInt32(localPreference) << 8 | UInt32(256 - min(max(component, 1), 256))
    }
}
