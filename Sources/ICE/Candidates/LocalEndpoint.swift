import Primitives

/// The local half of a pair: a base from which datagrams can really be sent.
struct LocalEndpoint: Hashable, Sendable {
    /// A socket's address, or a relayed transport address.
    let base: SocketAddress
    let type: CandidateType
    let localPreference: UInt16
    let foundation: String
    /// For a relayed address what the TURN server sees us as (RFC 8839 section 5.1).
    let relatedAddress: SocketAddress?

    var priority: UInt32 { Candidate.priority(type: type, localPreference: localPreference) }
    /// What the PRIORITY attribute says: the priority of the peer-reflexive candidate that a check may uncover
    /// (RFC 8445 section 7.1.1).
    var reflexivePriority: UInt32 { Candidate.priority(type: .peerReflexive, localPreference: localPreference) }

    /// Same family; link-local addresses only reach each other (RFC 8445 section 6.1.2.2), and so do loopback ones.
    func mayReach(_ remote: IPAddress) -> Bool {
        base.address.isIPv4 == remote.isIPv4 && base.address.isLinkLocal == remote.isLinkLocal
            && base.address.isLoopback == remote.isLoopback
    }
}
