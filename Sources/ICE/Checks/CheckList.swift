import Primitives

/// The pairs of one generation, in the order in which they are checked (RFC 8445 section 6.1.2).
///
/// There is one data stream with one component (BUNDLE and rtcp-mux), so there is one list, and a foundation
/// holds several pairs only when one side has several candidates of the same kind and address.
struct CheckList: Sendable {
    /// Highest priority first.
    private(set) var pairs: [CandidatePair]
    /// Pairs whose turn comes before all others (RFC 8445 section 6.1.4.1), oldest first.
    private(set) var triggered: [Int]

    init() {
        pairs = []
        triggered = []
    }

    var isEmpty: Bool { pairs.isEmpty }
    var hasValid: Bool { pairs.contains { $0.isValid } }
    /// Whether no pair can come up any more by itself.
    var isExhausted: Bool { pairs.allSatisfy { $0.state == .failed } }

    // Asked for every packet: a closure would be handed a copy of each pair.
    func index(of id: Int) -> Int? {
        for index in pairs.indices where pairs[index].id == id { return index }
        return nil
    }

    func index(base: SocketAddress, remote: SocketAddress) -> Int? {
        for index in pairs.indices where pairs[index].local.base == base && pairs[index].remote.address == remote {
            return index
        }
        return nil
    }

    subscript(id id: Int) -> CandidatePair? { index(of: id).map { pairs[$0] } }

    /// Changes a pair; a caller that changes a priority calls `sort` afterwards.
    mutating func update(_ id: Int, _ body: (inout CandidatePair) -> Void) {
        guard let index = index(of: id) else { return }
        body(&pairs[index])
    }

    // MARK: Forming

    /// Takes a pair in. It waits when it is the first of its foundation, or when one of its foundation has already
    /// worked (RFC 8838 section 12); otherwise it is frozen. False when the list is full of better ones.
    mutating func insert(_ new: CandidatePair, limit: Int) -> Bool {
        var pair = new
        let kin = pairs.filter { $0.hasFoundation(of: pair) }
        pair.state = kin.isEmpty || kin.contains { $0.state == .succeeded } ? .waiting : .frozen
        if pairs.count >= limit {
            // "discard the lowest-priority pairs" (RFC 8445 section 6.1.2.5), but nothing that lives.
            guard let last = pairs.lastIndex(where: { $0.state != .inProgress && !$0.isValid }),
                pairs[last].priority < pair.priority
            else { return false }
            let discarded = pairs[last].id
            removeAll { $0.id == discarded }
        }
        let at = pairs.firstIndex { $0.priority < pair.priority } ?? pairs.count
        pairs.insert(pair, at: at)
        return true
    }

    /// The identifiers of those that are gone.
    @discardableResult
    mutating func removeAll(where predicate: (CandidatePair) -> Bool) -> [Int] {
        let gone = pairs.filter(predicate).map(\.id)
        guard !gone.isEmpty else { return [] }
        pairs.removeAll { gone.contains($0.id) }
        triggered.removeAll { gone.contains($0) }
        return gone
    }

    /// After the role or a remote priority has changed.
    mutating func sort(role: ICERole) {
        for index in pairs.indices { pairs[index].updatePriority(role: role) }
        pairs.sort { $0.priority != $1.priority ? $0.priority > $1.priority : $0.id < $1.id }
    }

    // MARK: Whose turn it is

    mutating func trigger(_ id: Int) {
        guard let index = index(of: id) else { return }
        pairs[index].state = .waiting
        if !triggered.contains(id) { triggered.append(id) }
    }

    /// Whether a check could start now. Ordinary ones end once a pair is nominated; triggered ones never do.
    func hasWork(ordinary: Bool) -> Bool {
        if !ordinary, triggered.isEmpty { return false }
        for index in pairs.indices where !pairs[index].awaitsPermission {
            if triggered.contains(pairs[index].id) { return true }
            if ordinary, pairs[index].state == .waiting || pairs[index].state == .frozen { return true }
        }
        return false
    }

    /// The pair to be checked next (RFC 8445 section 6.1.4.2): a triggered one, the best that waits, the best frozen one
    /// whose foundation is not being tried, and then, unlike there, the best frozen one of any foundation. A check without
    /// an answer is in progress for 39.5 s, as long as ICE waits for pairs at all (`ICEConfiguration.patience`): a pair
    /// that waited for its end would never be checked. No other pair has a turn at that moment, so the check costs only its
    /// place in the pacing.
    mutating func next(ordinary: Bool) -> Int? {
        if let at = triggered.firstIndex(where: { self[id: $0]?.awaitsPermission == false }) {
            return triggered.remove(at: at)
        }
        guard ordinary else { return nil }
        if let waiting = pairs.first(where: { $0.state == .waiting && !$0.awaitsPermission }) { return waiting.id }
        let frozen = pairs.first { pair in
            pair.state == .frozen && !pair.awaitsPermission
                && !pairs.contains { $0.hasFoundation(of: pair) && ($0.state == .waiting || $0.state == .inProgress) }
        }
        return (frozen ?? pairs.first { $0.state == .frozen && !$0.awaitsPermission })?.id
    }

    /// A pair has worked: those of its foundation may be tried (RFC 8445 section 7.2.5.3.3).
    mutating func unfreeze(like id: Int) {
        guard let pair = self[id: id] else { return }
        for index in pairs.indices where pairs[index].state == .frozen && pairs[index].hasFoundation(of: pair) {
            pairs[index].state = .waiting
        }
    }

    /// The path has gone quiet or is gone: every other pair has to prove itself again.
    mutating func recheck(except selected: Int?) {
        for index in pairs.indices where pairs[index].id != selected {
            switch pairs[index].state {
            case .failed, .succeeded:
                pairs[index].state = .waiting
                pairs[index].isValid = false
            case .frozen, .waiting, .inProgress: break
            }
        }
    }

    /// N of the RTO formula: pairs that wait or are in progress (RFC 8445 section 14.3).
    var pendingCount: Int {
        pairs.reduce(0) { $0 + ($1.state == .waiting || $1.state == .inProgress ? 1 : 0) }
    }

    /// The best pair that has worked since `earliest`.
    func bestValid(since earliest: Instant, except excluded: Int? = nil) -> CandidatePair? {
        pairs.first { $0.isValid && $0.id != excluded && ($0.statistics.lastResponseAt ?? earliest) >= earliest }
    }
}
