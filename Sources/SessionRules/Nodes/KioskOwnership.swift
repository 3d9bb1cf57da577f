internal import Primitives
internal import Signaling

/// Which node owns which kiosk: the one that holds its socket, or held it last.
///
/// A kiosk that registers is claimed with a number greater than that of every claim known so far; of two that cross the greater node's
/// counts. A claim is settled when every other node has released the kiosk, and only then may a session begin: until then another node
/// may have one. A node that does not answer is waited for until it must have noticed by itself that the kiosk is gone.
struct KioskOwnership: Sendable {
    private struct Holding: Sendable {
        var claim: KioskClaim
        /// Nodes that have not released the kiosk.
        var waitsFor: Set<NodeID>
        var settlesAt: Instant
        var isSettled: Bool
        /// What `MonitoringSessions.kioskRegistered` is told once the claim is settled.
        var replaced: Address?
        /// What the node said last that held the kiosk before.
        var earlierState: KioskState?
    }

    /// A kiosk that another node holds.
    struct Remote: Sendable {
        var node: NodeID
        var number: UInt64
        /// Nil until its node has said more.
        var state: KioskState?
        /// Whether its node has been apart since.
        var isStale: Bool = false
    }

    private struct HandedOver: Sendable {
        let session: HandedOverSession
        let node: NodeID
        let until: Instant
    }

    let own: NodeID
    /// After so long a node that lost a kiosk without noticing has ended its session by itself.
    private let waitingLimit: Duration
    /// Since when each other node is apart; nil while it is joined.
    private var apartSince: [NodeID: Instant?]
    private var holdings: [String: Holding]
    private var remotes: [String: Remote]
    /// Sessions that the next owner has not acknowledged, by kiosk.
    private var handedOver: [String: HandedOver]

    init(_ own: NodeID, others: [NodeID], waitingLimit: Duration) {
        self.own = own
        self.waitingLimit = waitingLimit
        apartSince = Dictionary(uniqueKeysWithValues: others.map { ($0, Instant.zero) })
        holdings = [:]
        remotes = [:]
        handedOver = [:]
    }

    /// Nodes that hear us, in order.
    var joined: [NodeID] {
        guard !apartSince.isEmpty else { return [] }
        return apartSince.filter { $0.value == nil }.keys.sorted()
    }

    func isJoined(_ node: NodeID) -> Bool { apartSince[node] == .some(nil) }

    mutating func nodeJoined(_ node: NodeID) { apartSince[node] = .some(nil) }

    mutating func nodeLeft(_ node: NodeID, now: Instant) {
        apartSince[node] = .some(now)
        for (kiosk, remote) in remotes where remote.node == node { remotes[kiosk]?.isStale = true }
    }

    // MARK: Kiosks of this node

    /// A kiosk has registered here.
    /// - Parameter mayWait: false where its session is here, and so is nowhere else.
    mutating func claim(
        _ kioskId: String, carried: [String]?, replaced: Address?, mayWait: Bool, now: Instant
    ) -> KioskClaim {
        let remote = remotes.removeValue(forKey: kioskId)
        let number = 1 + max(holdings[kioskId]?.claim.number ?? 0, remote?.number ?? 0)
        let claim = KioskClaim(kioskId: kioskId, number: number, carried: carried)
        holdings[kioskId] = Holding(
            claim: claim, waitsFor: mayWait ? Set(apartSince.keys) : [], settlesAt: now + waitingLimit,
            isSettled: false,
            replaced: replaced, earlierState: remote?.state ?? holdings[kioskId]?.earlierState)
        return claim
    }

    struct Settlement {
        let claim: KioskClaim
        let replaced: Address?
        let earlierState: KioskState?
    }

    /// - Returns: once, when nobody is waited for any longer.
    mutating func settle(_ kioskId: String, now: Instant) -> Settlement? {
        guard let holding = holdings[kioskId], !holding.isSettled,
            holding.waitsFor.isEmpty || holding.settlesAt <= now
        else { return nil }
        holdings[kioskId]?.isSettled = true
        holdings[kioskId]?.waitsFor = []
        holdings[kioskId]?.earlierState = nil
        return Settlement(claim: holding.claim, replaced: holding.replaced, earlierState: holding.earlierState)
    }

    func holds(_ kioskId: String) -> Bool { holdings[kioskId] != nil }

    func number(of kioskId: String) -> UInt64? { holdings[kioskId]?.claim.number }

    /// Held here, and no other node may have a session of it.
    func isSettled(_ kioskId: String) -> Bool { holdings[kioskId]?.isSettled == true }

    /// In order of their names.
    var claims: [KioskClaim] { holdings.values.map(\.claim).sorted { $0.kioskId < $1.kioskId } }

    mutating func released(_ kioskId: String, number: UInt64, by node: NodeID) {
        guard holdings[kioskId]?.claim.number == number else { return }
        holdings[kioskId]?.waitsFor.remove(node)
    }

    // MARK: Kiosks of other nodes

    func remote(_ kioskId: String) -> Remote? { remotes[kioskId] }

    /// - Returns: false where a later claim is known.
    mutating func claimed(_ claim: KioskClaim, by node: NodeID) -> Bool {
        if let holding = holdings[claim.kioskId], (claim.number, node) < (holding.claim.number, own) { return false }
        if let remote = remotes[claim.kioskId], (claim.number, node) < (remote.number, remote.node) { return false }
        holdings[claim.kioskId] = nil
        guard remotes[claim.kioskId]?.node != node || remotes[claim.kioskId]?.state == nil else {
            remotes[claim.kioskId]?.number = claim.number
            return true
        }
        remotes[claim.kioskId] = Remote(node: node, number: claim.number, state: nil)
        return true
    }

    struct Change {
        /// What was known of the kiosk before its node was apart, where its session of then is no more.
        var missedEnd: KioskState?
    }

    /// - Returns: nil where it is not the owner that says so.
    mutating func changed(_ state: KioskState, by node: NodeID) -> Change? {
        guard let remote = remotes[state.kioskId], remote.node == node, remote.number == state.number else {
            return nil
        }
        remotes[state.kioskId] = Remote(node: node, number: state.number, state: state)
        guard remote.isStale, let before = remote.state, before.sessionId != state.sessionId else { return Change() }
        return Change(missedEnd: before)
    }

    /// Kiosks of one node that were online, in order.
    func onlineKiosks(of node: NodeID) -> [String] {
        remotes.filter { $0.value.node == node && $0.value.state?.online == true }.keys.sorted()
    }

    /// A session of another node, by its name.
    func remoteSession(_ id: String) -> Remote? { remotes.values.first { $0.state?.sessionId == id } }

    // MARK: Handing over

    mutating func handOver(_ session: HandedOverSession, to node: NodeID, now: Instant) {
        handedOver[session.kioskId] = HandedOver(session: session, node: node, until: now + waitingLimit)
    }

    /// A session that the node may have, or may not.
    func handedOver(_ kioskId: String, to node: NodeID) -> HandedOverSession? {
        handedOver[kioskId].flatMap { $0.node == node ? $0.session : nil }
    }

    /// It has arrived, or come back.
    mutating func taken(_ sessionId: String) {
        if let found = handedOver.first(where: { $0.value.session.id == sessionId }) { handedOver[found.key] = nil }
    }

    // MARK: Time

    struct Due {
        /// Kiosks whose claim is not waited for any longer.
        var claims: [String] = []
        /// Sessions that nobody has acknowledged.
        var sessions: [HandedOverSession] = []
        /// Sessions whose node has been apart for too long to have them still.
        var orphans: [KioskState] = []
    }

    mutating func handleTimeout(now: Instant) -> Due {
        var due = Due()
        guard !apartSince.isEmpty else { return due }
        due.claims = holdings.filter { !$0.value.isSettled && $0.value.settlesAt <= now }.keys.sorted()
        for (kiosk, handed) in handedOver where handed.until <= now {
            due.sessions.append(handed.session)
            handedOver[kiosk] = nil
        }
        for (kiosk, remote) in remotes where remote.state?.sessionId != nil {
            guard case .some(.some(let since)) = apartSince[remote.node], since + waitingLimit <= now else { continue }
            if let state = remote.state { due.orphans.append(state) }
            remotes[kiosk]?.state?.sessionId = nil
            remotes[kiosk]?.state?.monitoredBy = nil
        }
        due.sessions.sort { $0.id < $1.id }
        due.orphans.sort { $0.kioskId < $1.kioskId }
        return due
    }

    var nextTimeout: Instant? {
        guard !apartSince.isEmpty else { return nil }
        let claims = holdings.values.filter { !$0.isSettled }.map(\.settlesAt)
        let orphans = remotes.values.filter { $0.state?.sessionId != nil }.compactMap { remote -> Instant? in
            guard case .some(.some(let since)) = apartSince[remote.node] else { return nil }
            return since + waitingLimit
        }
        return (claims + handedOver.values.map(\.until) + orphans).min()
    }
}
