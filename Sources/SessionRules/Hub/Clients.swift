internal import Primitives
internal import Signaling
internal import SocketIO

/// The clients that this node has let in, and those that were lost and may return as what they were.
struct Clients: Sendable {
    /// Candidates that one client may send at once: more than any machine with interfaces, relays and both families has.
    static let candidateBurst = 256

    enum Admission: Equatable {
        case admitted
        case refused
        /// It goes on although it has been refused for long.
        case hopeless
    }

    private let messagesPerSecond: Int
    private var states: [SocketID: ClientState]
    private var recoverable: RecoverableClients
    /// What one account may have written down for the asking: starts of sessions, and reports on them.
    private var writingBudgets: TokenBuckets<String>

    init(messagesPerSecond: Int, recoveryWindow: Duration?) {
        self.messagesPerSecond = messagesPerSecond
        states = [:]
        recoverable = RecoverableClients(window: recoveryWindow)
        writingBudgets = TokenBuckets(burst: 120, perSecond: 0.5)
    }

    subscript(socket: SocketID) -> ClientState? { states[socket] }

    func count(of role: Role) -> Int { states.values.count { $0.role == role } }

    /// In the order of their sockets.
    var all: [(socket: SocketID, state: ClientState)] {
        states.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    /// - Parameter lost: the socket that it was and wants to go on as.
    /// - Returns: what it was, if it was that account's: knowing somebody's `pid` is not enough to hear what was meant for
    ///   that one.
    mutating func admitted(
        _ socket: SocketID, _ account: Account, _ claims: TokenClaims, from address: IPAddress?,
        recovers lost: SocketID?, now: Instant
    ) -> ClientState? {
        let earlier = lost.flatMap { recoverable.takeReturned($0, as: account.id) }
        states[socket] = ClientState(
            account: account.id, role: account.role, organization: account.organization, family: claims.family,
            issuedAt: claims.issuedAt, generation: claims.generation, address: address, isRegistered: false,
            clientId: earlier?.clientId,
            messages: MessageThrottle(perSecond: messagesPerSecond, now: now),
            candidates: MessageThrottle(perSecond: messagesPerSecond, burst: Clients.candidateBurst, now: now))
        return earlier
    }

    mutating func registered(_ socket: SocketID) { states[socket]?.isRegistered = true }

    mutating func registered(_ socket: SocketID, as clientId: String?) {
        states[socket]?.isRegistered = true
        states[socket]?.clientId = clientId
    }

    mutating func remove(_ socket: SocketID) -> ClientState? { states.removeValue(forKey: socket) }

    /// A registered client was lost that may not even know.
    mutating func mayReturn(_ socket: SocketID, _ state: ClientState, now: Instant) {
        recoverable.lost(socket, state, now: now)
    }

    /// Registered ones of an organization that are lost and will ask what they have missed, in order.
    func recoverableMonitors(of organization: String) -> [SocketID] { recoverable.monitors(of: organization) }

    /// Counts a message against what its client may send.
    mutating func admitMessage(from socket: SocketID, isCandidate: Bool, now: Instant) -> Admission {
        guard let index = states.index(forKey: socket) else { return .refused }
        let rate = messagesPerSecond
        // In its place: each message comes through here.
        func take(_ bucket: inout MessageThrottle) -> Admission {
            if bucket.admits(perSecond: rate, now: now) { return .admitted }
            return bucket.refusedInARow > 20 * rate ? .hopeless : .refused
        }
        return isCandidate ? take(&states.values[index].candidates) : take(&states.values[index].messages)
    }

    /// Counts something that is written down for an account.
    mutating func takeWriting(_ account: String, now: Instant) -> Bool { writingBudgets.take(account, now: now) }

    mutating func handleTimeout(now: Instant) { recoverable.handleTimeout(now: now) }
}
