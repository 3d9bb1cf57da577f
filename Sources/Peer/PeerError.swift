/// Why a description was refused. The session goes on as it was.
public enum PeerError: Error, Sendable {
    /// The text is no session description, or nothing of it can be served.
    case malformedDescription(String)
    /// Offered audio or video, but in no codec of ours.
    case noCommonCodec
    /// An answer without an offer, or a description after the end.
    case wrongState
    /// OpenSSL could not make a certificate or an association.
    case cryptography(String)
}

extension PeerError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .malformedDescription(let why): why
        case .noCommonCodec: "sdp: no common codec"
        case .wrongState: "peer: description not expected now"
        case .cryptography(let why): why
        }
    }
}

/// Why a datagram was dropped before any protocol machine saw it, or something of ours on its way out.
public enum PeerDrop: Int, CaseIterable, Sendable {
    /// Belongs to none of the protocols (RFC 7983).
    case unknownProtocol
    /// DTLS before an offer named the peer's fingerprint.
    case dtlsBeforeDescription
    /// DTLS from an address with which ICE has nothing to do.
    case dtlsFromStranger
    /// Application data over DTLS while there is no association of data channels.
    case dtlsApplicationData
    /// The association failed after its handshake; media goes on with its keys for as long as the peer consents.
    case associationFailed
    /// Came after the session's end.
    case afterEnd
    /// A candidate that cannot be read.
    case malformedCandidate
    /// More names than anybody has.
    case tooManyNames
    /// A frame of ours while there was no path.
    case withoutPath
    /// A packet of ours that the relay does not take.
    case relayRefused
}
