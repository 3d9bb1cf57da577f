public import Primitives
public import STUN

/// Interactive Connectivity Establishment (RFC 8445) with trickle (RFC 8838), patience (RFC 8863) and consent
/// (RFC 7675), as one machine without sockets, clock or names.
///
/// Two agents have told each other, over signaling, addresses at which each may be reached: their candidates. Every
/// local base and every remote address make a pair, and each agent asks over each pair, every 50 ms the next, whether
/// the other is there: a Binding request, signed with a password that only signaling has carried. A request that
/// arrives is answered, shows an address of the peer that may be new (peer-reflexive), and makes the agent ask back
/// over the same pair at once (triggered check). A pair that was answered is valid and may carry data. The
/// controlling agent says USE-CANDIDATE over the one it wants; the controlled one follows the latest such word,
/// and the data that the peer sends where the word alone is not clear (`isFollowed`).
///
///     new ──remote credentials──▶ checking ──first answer──▶ connected ──nominated──▶ completed
///                                    │                           ▲ │                     ▲ │
///                                    │ nothing works,            │ ▼ quiet               │ ▼
///                                    ▼ patience at an end        └─ disconnected ────────┘
///                                  failed ◀──── consent expired ───────┘
///
/// **Data before nomination.** The best valid pair carries data from its first answer on, so that DTLS need not
/// wait for the peer's decision ("may send on any valid pair", RFC 8445 section 12.1).
///
/// **Restart.** `restart` begins a new generation: credentials, remote candidates and pairs are new, sockets stay.
/// The generation before keeps its selected pair, its consent and its password until the new one has a nominated
/// pair, so media never pauses.
///
/// **Time.** A check whose turn it is goes out with the next `pollTransmit`, also in the same turn in which its cause
/// arrived; only two starts within Ta are kept apart.
public struct ICEAgent: Sendable {
    let configuration: ICEConfiguration
    let authenticator: MessageAuthenticator
    var random: RandomSource

    public internal(set) var role: ICERole
    public internal(set) var state: ICEState
    /// Settles role conflicts (RFC 8445 section 7.3.1.1).
    var tieBreaker: UInt64

    /// Sockets, in the order in which they were added.
    var bases: [LocalEndpoint]
    /// All local candidates of this generation so far, for a description.
    public internal(set) var localCandidates: [Candidate]
    var localAddressesFinished: Bool
    /// No further local candidate comes in this generation.
    public internal(set) var isGatheringComplete: Bool

    var stunServers: [SocketAddress]
    var gathering: [GatheringTransaction]
    var reflexive: [ReflexiveAddress]
    var turnServers: [TURNServer]
    var relays: [Relay]
    var reallocations: [Reallocation]
    /// When the next relay is asked to let a peer in.
    var nextPermissionAt: Instant?
    var lostRelayDrops: Counter<TURNDrop>

    var current: ICEGeneration
    /// The one before a restart, which carries media until the current one can.
    var previous: ICEGeneration?
    /// When the peer's consent to the path that was lost with its address ends; nil while there is a path.
    var consentEndsAt: Instant?

    var nextPairID: Int
    var transactions: [CheckTransaction]
    var responses: RingBuffer<PendingResponse>
    var events: RingBuffer<ICEEvent>
    /// Not before then does a new check start (Ta).
    var nextCheckAt: Instant
    /// Whether the next transaction to start is an allocation's, if there is one.
    var isAllocationsTurn: Bool
    /// The way for application data, kept for the media path.
    public internal(set) var selectedPath: SelectedPath?
    /// How often another pair became the selected one, and how often there was none any more.
    public internal(set) var selectedPairChanges: UInt64
    /// What the selected pair has carried.
    var traffic: PathTraffic
    /// The pair that `traffic` is counted for.
    var trafficPair: Int?
    /// What was dropped, by reason.
    public internal(set) var drops: Counter<ICEDrop>

    /// - Parameters:
    ///   - role: The offerer of the first offer is controlling; towards an ICE-lite peer we always are.
    ///   - authenticator: HMAC-SHA1 from whoever has cryptography.
    ///   - random: Of transaction identifiers, credentials and timers: `.system` in service.
    public init(
        role: ICERole, configuration: ICEConfiguration = ICEConfiguration(), authenticator: MessageAuthenticator,
        random: RandomSource
    ) {
        var random = random
        self.configuration = configuration
        self.authenticator = authenticator
        self.role = role
        state = .new
        tieBreaker = random.next()
        bases = []
        localCandidates = []
        localAddressesFinished = false
        isGatheringComplete = false
        stunServers = []
        gathering = []
        reflexive = []
        turnServers = []
        relays = []
        reallocations = []
        nextPermissionAt = nil
        lostRelayDrops = Counter()
        current = ICEGeneration(number: 0, local: .random(using: &random))
        previous = nil
        consentEndsAt = nil
        nextPairID = 0
        transactions = []
        responses = RingBuffer()
        events = RingBuffer()
        nextCheckAt = Instant(nanoseconds: .min)
        isAllocationsTurn = false
        selectedPath = nil
        selectedPairChanges = 0
        traffic = PathTraffic()
        trafficPair = nil
        drops = Counter()
        self.random = random
    }

    /// Ours, of the current generation.
    public var localCredentials: ICECredentials { current.local }
    /// The peer's, of the current generation.
    public var remoteCredentials: ICECredentials? { current.remote }

    public mutating func pollEvent() -> ICEEvent? { events.popFirst() }

    /// Ends everything: nothing is sent or answered any more.
    public mutating func close(now: Instant) {
        transactions.removeAll()
        responses.removeAll()
        gathering.removeAll()
        reflexive.removeAll()
        reallocations.removeAll()
        for index in relays.indices { relays[index].client.close(now: now) }
        previous = nil
        current.selected = nil
        current.consent = nil
        consentEndsAt = nil
        count(for: nil)
        setSelectedPath(nil)
        setState(.closed)
    }

    // MARK: Data

    /// Frames what is in `packet` for the selected path and says where it goes; nil when there is no path: the
    /// caller drops it.
    public mutating func frame(_ packet: inout PacketBuffer, now: Instant) -> Transmit? {
        guard let path = selectedPath else { return nil }
        let size = packet.count
        let way = Transmit(source: path.relay ?? path.base, destination: path.remote)
        guard let transmit = path.relay == nil ? way : route(way, &packet) else { return nil }
        traffic.noteSent(size, now: now)
        return transmit
    }

    /// Authentic application data (SRTP, DTLS) came in: if it came over the path in use, the path is alive.
    public mutating func noteReceived(from remote: SocketAddress, local: SocketAddress, now: Instant) {
        guard isSelected(remote, local) else { return }
        if current.selected != nil {
            current.consent?.received(now: now)
        } else {
            previous?.consent?.received(now: now)
        }
        if state == .disconnected { updateState(now: now) }
    }

    func isSelected(_ remote: SocketAddress, _ local: SocketAddress) -> Bool {
        guard let path = selectedPath else { return false }
        return path.remote == remote && (path.relay ?? path.base) == local
    }

    /// Whether a pair joins these two addresses: the peer has named the remote one in signaling, or has shown by a check
    /// with our password that it is there. What others send there is not the peer's.
    public func isPaired(_ remote: SocketAddress, with local: SocketAddress) -> Bool {
        current.checkList.index(base: local, remote: remote) != nil
            || previous?.checkList.index(base: local, remote: remote) != nil
    }

    /// Whether the selected path was found with the credentials of now, rather than with those before a restart.
    public var isPathCurrent: Bool { current.selected != nil }

    // MARK: State

    /// The generation whose pair carries data.
    var carrier: ICEGeneration? {
        if current.selected != nil { return current }
        if let previous, previous.selected != nil { return previous }
        return nil
    }

    func setStateIsAllowed(_ new: ICEState) -> Bool { state != .closed && state != new }

    mutating func setState(_ new: ICEState) {
        guard setStateIsAllowed(new) else { return }
        state = new
        events.append(.stateChanged(new))
    }

    mutating func setSelectedPath(_ path: SelectedPath?) {
        guard selectedPath != path else { return }
        selectedPath = path
        events.append(.selectedPathChanged(path))
    }

    /// Derives path and state from what the generations hold. Called after everything that can change them.
    mutating func updateState(now: Instant) {
        guard state != .closed else { return }
        guard let carrier, let pair = carrier.selectedPair else {
            count(for: nil)
            setSelectedPath(nil)
            setState(stateWithoutPath(now: now))
            return
        }
        consentEndsAt = nil
        count(for: pair)
        setSelectedPath(path(of: pair))
        if carrier.consent?.isQuiet(configuration: configuration, now: now) ?? false {
            if state != .disconnected {
                if followUnusedChoice(now: now) { return updateState(now: now) }
                current.checkList.recheck(except: current.selected)
            }
            setState(.disconnected)
        } else {
            setState(pair.isNominated ? .completed : .connected)
        }
    }

    private func stateWithoutPath(now: Instant) -> ICEState {
        if current.consentExpired { return .failed }
        guard current.remote != nil else { return state == .new ? .new : state == .failed ? .failed : .checking }
        let isPatient = current.patienceEndsAt.map { now < $0 } ?? true
        if !isPatient, current.checkList.isExhausted { return .failed }
        switch state {
        case .connected, .completed, .disconnected: return .disconnected
        case .new, .checking, .failed, .closed: return .checking
        }
    }

    private func path(of pair: CandidatePair) -> SelectedPath {
        let relay = relays.first { $0.client.relayed.contains(pair.local.base) }
        return SelectedPath(
            base: relay?.client.base ?? pair.local.base, remote: pair.remote.address, localType: localType(of: pair),
            remoteType: pair.remote.type, relay: relay == nil ? nil : pair.local.base, isNominated: pair.isNominated)
    }
}
