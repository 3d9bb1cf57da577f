import Primitives
import STUN

/// Everything that an ICE restart replaces (RFC 8445 section 9): credentials, remote candidates, pairs, the choice.
struct ICEGeneration: Sendable {
    let number: Int
    let local: ICECredentials
    let localKey: IntegrityKey
    private(set) var remote: ICECredentials?
    private(set) var remoteKey: IntegrityKey?
    /// USERNAME of our requests: their fragment, colon, ours.
    private(set) var username: String
    var remotes: [RemoteEndpoint]
    /// Names that were given out to be resolved, so that none is asked for twice.
    var namesAsked: [Candidate]
    var checkList: CheckList
    /// The pair that carries data.
    var selected: Int?
    /// Consent on the selected pair.
    var consent: Consent?
    var consentExpired: Bool
    /// Not before then does the generation fail, even if the peer has said that it has no further candidates: its checks
    /// may still show one (RFC 8863).
    var patienceEndsAt: Instant?
    /// When the controlling side nominates what it has.
    var nominateAt: Instant?
    /// When a pair was nominated for the first time.
    var firstNominatedAt: Instant?
    /// By when the pair in use has to answer, or the peer's other choice is followed.
    var choiceDueAt: Instant?

    init(number: Int, local: ICECredentials) {
        self.number = number
        self.local = local
        localKey = .shortTerm(password: local.password)
        remote = nil
        remoteKey = nil
        username = ""
        remotes = []
        namesAsked = []
        checkList = CheckList()
        selected = nil
        consent = nil
        consentExpired = false
        patienceEndsAt = nil
        nominateAt = nil
        firstNominatedAt = nil
        choiceDueAt = nil
    }

    mutating func setRemote(_ credentials: ICECredentials) {
        remote = credentials
        remoteKey = .shortTerm(password: credentials.password)
        username = "\(credentials.usernameFragment):\(local.usernameFragment)"
    }

    var selectedPair: CandidatePair? { selected.flatMap { checkList[id: $0] } }
    var hasNominated: Bool { selectedPair?.isNominated ?? false }
}

/// A request that waits for its response.
struct CheckTransaction: Sendable {
    enum Kind: Sendable {
        /// A connectivity check (RFC 8445 section 7.2), retransmitted.
        case check
        /// A consent check (RFC 7675): sent once.
        case consent
    }

    let id: TransactionID
    let kind: Kind
    let generation: Int
    let pair: Int
    let base: SocketAddress
    let remote: SocketAddress
    /// The role that the request claims, for the judgement of a 487.
    let role: ICERole
    let nominates: Bool
    let firstSentAt: Instant
    var transmissions: Int
    /// The wait after the transmission before.
    var wait: Duration
    /// When it is sent again, or given up.
    var nextAt: Instant
    /// Replaced by a triggered check: not sent again, but an answer still counts (RFC 8445 section 7.3.1.4).
    var isCancelled: Bool
}

/// A response that waits to be sent.
struct PendingResponse: Sendable {
    enum Kind: Sendable {
        case success(mapped: SocketAddress)
        case error(ErrorCode, unknown: [AttributeType])
    }

    var id: TransactionID
    var kind: Kind
    var base: SocketAddress
    var destination: SocketAddress
    /// What signs it; an answer to a request that could not be authenticated has none.
    var key: IntegrityKey?
}
