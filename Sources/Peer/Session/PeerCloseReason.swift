/// Why a session ended.
public enum PeerCloseReason: Error, Hashable, Sendable {
    /// `close` was called.
    case closedLocally
    /// The peer's close_notify, and no other association after it.
    case closedByPeer
    /// No candidate pair worked.
    case iceFailed
    /// The peer no longer consents to receive (RFC 7675).
    case consentExpired
    /// The handshake failed or took too long; the text says how, for the log.
    case dtlsFailed(String)
    /// The peer's certificate is not the one its description announced.
    case fingerprintMismatch

    /// The code of the signaling contract's `session-error`; nil for an end that was wanted here.
    public var errorCode: String? {
        switch self {
        case .closedLocally: nil
        case .iceFailed: "ice-failed"
        case .consentExpired: "consent-expired"
        case .dtlsFailed, .fingerprintMismatch, .closedByPeer: "dtls-failed"
        }
    }
}

extension PeerCloseReason: CustomStringConvertible {
    public var description: String {
        switch self {
        case .closedLocally: "closed here"
        case .closedByPeer: "closed by the peer"
        case .iceFailed: "no network path to the peer works"
        case .consentExpired: "the peer stopped answering for 30 s"
        case .dtlsFailed(let why): "the encryption handshake failed (\(why))"
        case .fingerprintMismatch: "the peer's certificate is not the one its description announced"
        }
    }
}
