internal import Primitives
internal import Signaling
internal import SocketIO

/// The clients that this node has let in, and those that were lost and may return as what they were.
struct Clients: Sendable {
    /// What becomes of an event.
    enum Verdict: Hashable, Sendable {
        case admitted(ClientEvent, from: Party, Role)
        case refused(Refusal)
        /// Its sender is to be disconnected.
        case hopeless
        /// Of a socket that is no client's, or no longer.
        case ignored
    }

    private var states: [SocketID: ClientState]
    private var recoverable: RecoverableClients
    private var audiences: Audiences
    private var admission: EventAdmission
    /// Events of sockets that are no client's.
    private(set) var ignoredEvents: UInt64

    init(messagesPerSecond: Int, recoveryWindow: Duration?) {
        states = [:]
        recoverable = RecoverableClients(window: recoveryWindow)
        audiences = Audiences()
        admission = EventAdmission(messagesPerSecond: messagesPerSecond)
        ignoredEvents = 0
    }

    subscript(socket: SocketID) -> ClientState? { states[socket] }

    func count(of role: Role) -> Int { states.values.count { $0.role == role } }

    /// Events let through, by name.
    var admittedEvents: [ClientEvent.Kind: UInt64] { admission.admitted }

    /// In the order of their sockets.
    var all: [(socket: SocketID, state: ClientState)] {
        states.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    /// Those whose tokens count no longer, with their accounts, in the order of their sockets.
    func revoked(by directory: Directory) -> [(socket: SocketID, account: String)] {
        all.filter { (try? directory.admit($0.state.claims)) == nil }.map { ($0.socket, $0.state.account) }
    }

    /// Those of one account, or all. The newest come first: an earlier socket of the same client may be dead without anybody
    /// having noticed.
    func registeredMonitors(_ id: String? = nil) -> [Party] {
        all.reversed().filter {
            $0.state.isRegistered && $0.state.role == .monitor && (id == nil || $0.state.account == id)
        }.map { $0.state.party($0.socket) }
    }

    /// Who hears of an organization's kiosks: its registered monitors in order, then those who are lost and will ask what they have missed.
    func listeners(of organization: String) -> [SocketID] {
        audiences.monitors(of: organization) + recoverable.monitors(of: organization)
    }

    // MARK: Clients come and go

    /// - Parameter lost: the socket that it was and wants to go on as.
    /// - Returns: whether it goes on as that, and so is registered: not when that was another account's. Knowing somebody's `pid` is not
    ///   enough to hear what was meant for that one.
    mutating func admitted(
        _ socket: SocketID, _ account: Account, _ claims: TokenClaims, from address: IPAddress?,
        recovers lost: SocketID?, now: Instant
    ) -> Bool {
        states[socket] = ClientState(
            account: account.id, role: account.role, organization: account.organization, family: claims.family,
            issuedAt: claims.issuedAt, generation: claims.generation, address: address, phase: .connected,
            throttles: admission.throttles(now: now))
        guard let earlier = lost.flatMap({ recoverable.takeReturned($0, as: account.id) }) else { return false }
        registered(socket, as: earlier.clientId)
        return true
    }

    /// - Parameter clientId: which of a monitor's clients it is; nil where it does not say, and of kiosks.
    mutating func registered(_ socket: SocketID, as clientId: String? = nil) {
        guard let index = states.index(forKey: socket) else { return }
        states.values[index].phase = .registered(clientId: clientId)
        switch states.values[index].role {
        case .monitor: audiences.joined(socket, states.values[index].organization)
        case .kiosk, .admin: break
        }
    }

    mutating func remove(_ socket: SocketID) -> ClientState? {
        guard let state = states.removeValue(forKey: socket) else { return nil }
        audiences.left(socket, state.organization)
        return state
    }

    /// A registered client was lost that may not even know.
    mutating func mayReturn(_ socket: SocketID, _ state: ClientState, now: Instant) {
        recoverable.lost(socket, state, now: now)
    }

    // MARK: What they say

    /// A socket sent an event.
    mutating func admit(_ event: SocketIOEvent, from socket: SocketID, now: Instant) -> Verdict {
        // In its place: each message comes through here.
        guard let index = states.index(forKey: socket) else {
            ignoredEvents += 1
            return .ignored
        }
        switch admission.judge(event, of: &states.values[index], now: now) {
        case .admitted(let event):
            return .admitted(event, from: states.values[index].party(socket), states.values[index].role)
        case .refused(let refusal): return .refused(refusal)
        case .hopeless: return .hopeless
        }
    }

    mutating func handleTimeout(now: Instant) { recoverable.handleTimeout(now: now) }
}
