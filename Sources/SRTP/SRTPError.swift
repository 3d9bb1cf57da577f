/// Why a packet could not be protected or unprotected. Raw values count up from 0, for `Counter`.
public enum SRTPError: Int, Error, CaseIterable, Sendable {
    /// The packet came before, or is older than the replay window (RFC 3711 section 3.3.2).
    case replayed
    /// The tag does not fit: a wrong key, a changed packet, or not from the peer.
    case authenticationFailed
    /// Not an RTP or RTCP packet, or shorter than its own header says.
    case malformed
    /// The key has protected as many packets as it may (RFC 3711 section 9.2).
    case keyExpired
    /// The buffer has no room for the trailer.
    case noRoom
    /// Anything else libsrtp refuses.
    case failed
    /// From a source beyond those that a peer may speak for.
    case tooManySources
}
