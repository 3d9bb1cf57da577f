/// Where an association is, with what there is in each phase.
enum AssociationPhase: Sendable {
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

    // MARK: The end (RFC 9260 section 9.2)

    /// What a SHUTDOWN of the peer is.
    enum PeerShutdown: Equatable, Sendable {
        case unexpected
        /// It is being answered already.
        case repeated
        /// The peer has nothing more to send.
        case taken
        /// Both at once: "SHOULD immediately respond with a SHUTDOWN ACK".
        case crossed
    }

    /// The peer has sent SHUTDOWN.
    mutating func peerShutsDown() -> PeerShutdown {
        switch self {
        case .idle, .cookieWait, .cookieEchoed, .ended: return .unexpected
        case .shutdownAckSent: return .repeated
        case .established(let remote), .shutdownPending(let remote):
            self = .shutdownReceived(remote)
            return .taken
        case .shutdownReceived: return .taken
        case .shutdownSent(let remote):
            self = .shutdownAckSent(remote)
            return .crossed
        }
    }

    /// All that was to be sent has arrived: what is sent next, where the end has begun.
    mutating func sendingIsDone() -> ControlQueue.Due? {
        switch self {
        case .shutdownPending(let remote): self = .shutdownSent(remote)
        case .shutdownReceived(let remote): self = .shutdownAckSent(remote)
        case .idle, .cookieWait, .cookieEchoed, .established, .shutdownSent, .shutdownAckSent, .ended: return nil
        }
        return repeated
    }
}
