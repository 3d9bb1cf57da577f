import Primitives
import STUN

/// A request that waits for its response.
struct CheckTransaction: Equatable, Sendable {
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
    fileprivate(set) var transmissions: Int
    /// The wait after the transmission before.
    fileprivate var wait: Duration
    /// When it is sent again, or given up.
    fileprivate var nextAt: Instant
    /// Replaced by a triggered check: not sent again, but an answer still counts (RFC 8445 section 7.3.1.4).
    fileprivate(set) var isCancelled: Bool

    /// Sent for the first time `now`, and after `wait` again or no more.
    init(
        id: TransactionID, kind: Kind, generation: Int, pair: CandidatePair, role: ICERole, nominates: Bool,
        wait: Duration,
        now: Instant
    ) {
        self.id = id
        self.kind = kind
        self.generation = generation
        self.pair = pair.id
        base = pair.local.base
        remote = pair.remote.address
        self.role = role
        self.nominates = nominates
        firstSentAt = now
        transmissions = 1
        self.wait = wait
        nextAt = now + wait
        isCancelled = false
    }
}

/// The requests that are under way, and when each is sent again or given up (RFC 8489 section 6.2.1).
struct CheckTransactions: Sendable {
    private var open: [CheckTransaction]
    private let maximumTransmissions: Int
    private let lastWaitFactor: Int

    init(configuration: ICEConfiguration) {
        open = []
        maximumTransmissions = configuration.maximumTransmissions
        lastWaitFactor = configuration.lastWaitFactor
    }

    mutating func begin(_ transaction: CheckTransaction) { open.append(transaction) }

    subscript(id: TransactionID) -> CheckTransaction? { open.first { $0.id == id } }

    mutating func end(_ id: TransactionID) { open.removeAll { $0.id == id } }

    mutating func cancel(checksOf pair: Int) {
        for index in open.indices where open[index].pair == pair { open[index].isCancelled = true }
    }

    mutating func endAll(where predicate: (CheckTransaction) -> Bool) { open.removeAll(where: predicate) }

    /// A check that is to be sent again now.
    mutating func nextRetransmission(now: Instant) -> CheckTransaction? {
        guard
            let index = open.firstIndex(where: {
                $0.kind == .check && !$0.isCancelled && $0.nextAt <= now && $0.transmissions < maximumTransmissions
            })
        else { return nil }
        let count = open[index].transmissions + 1
        open[index].transmissions = count
        // Waits of 1, 2, 4 … RTO, and of Rm times the first after the last.
        let isLast = count >= maximumTransmissions
        let first = open[index].wait / (1 << min(count - 2, 16))
        open[index].wait = isLast ? first * lastWaitFactor : open[index].wait * 2
        open[index].nextAt = now + open[index].wait
        return open[index]
    }

    /// Ends and returns a transaction that was not answered in time; nil when there is none.
    mutating func nextExpired(now: Instant) -> CheckTransaction? {
        guard
            let index = open.firstIndex(where: {
                $0.nextAt <= now
                    && ($0.kind == .consent || $0.isCancelled || $0.transmissions >= maximumTransmissions)
            })
        else { return nil }
        return open.remove(at: index)
    }

    var nextTimeout: Instant? {
        var earliest: Instant?
        for index in open.indices { earliest = min(earliest ?? open[index].nextAt, open[index].nextAt) }
        return earliest
    }
}
