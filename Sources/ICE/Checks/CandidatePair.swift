public import Primitives
import STUN

/// Where a pair stands (RFC 8445 section 6.1.2.6).
enum PairState: Sendable {
    /// Waits for another pair of its foundation. Next: waiting.
    case frozen
    /// Has its turn when it comes. Next: inProgress.
    case waiting
    /// A check is under way. Next: succeeded, failed, waiting (a triggered check replaces the one under way).
    case inProgress
    /// A check was answered. Next: waiting (asked again after the path went quiet).
    case succeeded
    /// No answer or a wrong one. Next: waiting (triggered by the peer's check).
    case failed
}

/// A base and a remote address that may work together (RFC 8445 section 6.1.2).
struct CandidatePair: Sendable {
    /// Never used again within an agent.
    let id: Int
    let local: LocalEndpoint
    var remote: RemoteEndpoint
    var priority: UInt64
    var state: PairState
    /// Answered at least once: it may carry data (RFC 8445's valid list).
    var isValid: Bool
    /// Whether our next check says USE-CANDIDATE.
    var nominatesNext: Bool
    /// The relay does not let the peer in yet; until then a check would be lost.
    var awaitsPermission: Bool
    /// The latest request that nominated: the same request must not nominate again when the network delivers it late or
    /// twice.
    var lastNomination: TransactionID?
    /// What the peer sees us as; nil before the first answer.
    var mappedAddress: SocketAddress?
    var statistics: CandidatePairStatistics

    init(id: Int, local: LocalEndpoint, remote: RemoteEndpoint, role: ICERole) {
        self.id = id
        self.local = local
        self.remote = remote
        priority = 0
        state = .frozen
        isValid = false
        nominatesNext = false
        awaitsPermission = false
        lastNomination = nil
        mappedAddress = nil
        statistics = CandidatePairStatistics()
        updatePriority(role: role)
    }

    /// 2^32 · MIN(G,D) + 2 · MAX(G,D) + (G > D ? 1 : 0) (RFC 8445 section 6.1.2.3).
    mutating func updatePriority(role: ICERole) {
        let controlling = UInt64(role == .controlling ? local.priority : remote.priority)
        let controlled = UInt64(role == .controlling ? remote.priority : local.priority)
        // Both are 32-bit values, so the sum wraps only when MIN is 2^32 - 1, which a hostile peer may claim.
        priority =
            min(controlling, controlled) << 32 &+ 2 &* max(controlling, controlled)
            &+ (controlling > controlled ? 1 : 0)
    }

    func hasFoundation(of other: CandidatePair) -> Bool {
        local.foundation == other.local.foundation && remote.foundation == other.remote.foundation
    }
}

/// Counts of a pair, named as in W3C webrtc-stats (`RTCIceCandidatePairStats`).
public struct CandidatePairStatistics: Hashable, Sendable {
    /// Binding requests sent over the pair, retransmissions and consent checks included.
    public var requestsSent: UInt64 = 0
    /// Authenticated Binding requests received over the pair, repeated ones included.
    public var requestsReceived: UInt64 = 0
    /// Success responses to these.
    public var responsesSent: UInt64 = 0
    /// Valid responses to our requests.
    public var responsesReceived: UInt64 = 0
    /// Those of `requestsSent` that asked for consent (RFC 7675 section 5.1).
    public var consentRequestsSent: UInt64 = 0
    /// Of the latest answered request that was sent only once.
    public var currentRoundTripTime: Duration?
    /// The sum over all answered requests that were sent only once.
    public var totalRoundTripTime: Duration = .zero
    /// When the latest valid response arrived; nil before the first.
    public var lastResponseAt: Instant?
    /// When the latest valid request of the peer arrived; nil before the first.
    public var lastRequestAt: Instant?
    /// What the pair has carried for the application.
    public var traffic = PathTraffic()

    /// Nothing counted yet.
    public init() {}
}
