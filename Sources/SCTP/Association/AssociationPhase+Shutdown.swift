// How an association ends in agreement (RFC 9260 section 9.2): what each event makes of the phase, and what is to be done.
//
//     established ─shutdown─▶ shutdownPending ─all sent─▶ shutdownSent ─SHUTDOWN ACK─▶ (SHUTDOWN COMPLETE) ended
//          │                        │                         │ SHUTDOWN
//          │ SHUTDOWN               │ SHUTDOWN                ▼
//          └────────────────────────┴─▶ shutdownReceived ─▶ shutdownAckSent ─SHUTDOWN COMPLETE, SHUTDOWN ACK─▶ ended
//                                                    all sent

extension AssociationPhase {
    /// What the application's wish to end is.
    enum ShutdownRequest: Equatable, Sendable {
        /// What was taken is sent first.
        case begun
        /// There is nothing that could be ended in agreement.
        case notEstablished
        /// It ends already.
        case repeated
    }

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

    /// The application has nothing more to send.
    mutating func applicationShutsDown() -> ShutdownRequest {
        switch self {
        case .established(let remote):
            self = .shutdownPending(remote)
            return .begun
        case .idle, .cookieWait, .cookieEchoed: return .notEstablished
        case .shutdownPending, .shutdownSent, .shutdownReceived, .shutdownAckSent, .ended: return .repeated
        }
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

    /// Whom a SHUTDOWN ACK is answered by SHUTDOWN COMPLETE, with which the association ends; nil where none is expected.
    var shutdownAckSender: RemoteEndpoint? {
        switch self {
        case .shutdownSent(let remote), .shutdownAckSent(let remote): remote
        case .idle, .cookieWait, .cookieEchoed, .established, .shutdownPending, .shutdownReceived, .ended: nil
        }
    }

    /// Whether a SHUTDOWN COMPLETE ends the association.
    var awaitsShutdownComplete: Bool {
        switch self {
        case .shutdownAckSent: true
        case .idle, .cookieWait, .cookieEchoed, .established, .shutdownPending, .shutdownSent, .shutdownReceived,
            .ended:
            false
        }
    }
}
