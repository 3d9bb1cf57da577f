/// Where an association is, with what there is in each phase.
enum AssociationPhase: Equatable, Sendable {
    /// Next: cookieWait, established, ended.
    case idle
    /// INIT is out. Next: cookieEchoed, established, ended.
    case cookieWait
    /// The peer is known, and has not seen its cookie. Next: established, cookieWait (a stale cookie), ended.
    case cookieEchoed(RemoteEndpoint, cookie: [UInt8], report: [UInt8])
    /// Next: shutdownPending, shutdownReceived, ended.
    case established(RemoteEndpoint)
    /// Nothing new is taken to send. Next: shutdownSent, shutdownReceived, ended.
    case shutdownPending(RemoteEndpoint)
    /// Next: shutdownAckSent, ended.
    case shutdownSent(RemoteEndpoint)
    /// The peer has sent all that it had. Next: shutdownAckSent, ended.
    case shutdownReceived(RemoteEndpoint)
    /// Next: ended.
    case shutdownAckSent(RemoteEndpoint)
    case ended

    var remote: RemoteEndpoint? {
        switch self {
        case .idle, .cookieWait, .ended: nil
        case .cookieEchoed(let remote, _, _), .established(let remote), .shutdownPending(let remote),
            .shutdownSent(let remote), .shutdownReceived(let remote), .shutdownAckSent(let remote):
            remote
        }
    }
    /// The handshake is over.
    var isEstablished: Bool {
        switch self {
        case .idle, .cookieWait, .cookieEchoed, .ended: false
        case .established, .shutdownPending, .shutdownSent, .shutdownReceived, .shutdownAckSent: true
        }
    }
    /// Chunks of data are taken.
    var takesData: Bool {
        switch self {
        case .established, .shutdownPending, .shutdownSent: true
        case .idle, .cookieWait, .cookieEchoed, .shutdownReceived, .shutdownAckSent, .ended: false
        }
    }
    /// Chunks of data are sent.
    var sendsData: Bool {
        switch self {
        case .established, .shutdownPending, .shutdownReceived: true
        case .idle, .cookieWait, .cookieEchoed, .shutdownSent, .shutdownAckSent, .ended: false
        }
    }

    /// There is an association, or one is being made.
    var isAssociated: Bool {
        switch self {
        case .idle, .ended: false
        case .cookieWait, .cookieEchoed, .established, .shutdownPending, .shutdownSent, .shutdownReceived,
            .shutdownAckSent:
            true
        }
    }

    /// What is sent again until it is answered.
    var repeated: ControlQueue.Due? {
        switch self {
        case .cookieWait: .initiation
        case .cookieEchoed: .cookieEcho
        case .shutdownSent: .shutdown
        case .shutdownAckSent: .shutdownAck
        case .idle, .established, .shutdownPending, .shutdownReceived, .ended: nil
        }
    }
}
