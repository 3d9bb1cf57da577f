internal import Primitives
internal import Signaling

/// How the latest sessions ended, for a side that was away.
struct Endings: Sendable {
    struct Ending: Hashable, Sendable {
        var id: String
        var kioskId: String
        var monitorId: String
        var reason: SessionEndReason
        /// Sides that were away, and have not come back since.
        var untold: Set<Side>
    }

    enum Side: Hashable, Sendable {
        case kiosk, monitor
    }

    private var byId: [String: Ending]
    private var order: RingBuffer<String>
    /// By the account that has not heard; most have heard everything.
    private var untold: [String: [String]]

    static let limit = 1024

    init() {
        byId = [:]
        order = RingBuffer()
        untold = [:]
    }

    subscript(id: String) -> Ending? { byId[id] }

    mutating func remember(_ ending: Ending) {
        guard byId.updateValue(ending, forKey: ending.id) == nil else { return }
        order.append(ending.id)
        for side in ending.untold { untold[ending.account(of: side), default: []].append(ending.id) }
        if order.count > Endings.limit, let oldest = order.popFirst(), let forgotten = byId.removeValue(forKey: oldest)
        {
            for side in forgotten.untold { told(forgotten.account(of: side)) { $0 == oldest } }
        }
    }

    /// What an account has not heard of yet, the oldest first; from now on it has.
    mutating func takeUntold(_ account: String) -> [Ending] {
        let endings = (untold[account] ?? []).compactMap { byId[$0] }
        told(account) { _ in true }
        return endings
    }

    /// An account named a session, and so has heard how it ended.
    mutating func told(_ account: String, of id: String) { told(account) { $0 == id } }

    private mutating func told(_ account: String, where isTold: (String) -> Bool) {
        guard let waiting = untold[account] else { return }
        for id in waiting where isTold(id) {
            guard let ending = byId[id] else { continue }
            byId[id]?.untold.remove(ending.kioskId == account ? .kiosk : .monitor)
        }
        let rest = waiting.filter { !isTold($0) }
        untold[account] = rest.isEmpty ? nil : rest
    }
}

extension Endings.Ending {
    func account(of side: Endings.Side) -> String {
        switch side {
        case .kiosk: kioskId
        case .monitor: monitorId
        }
    }
}
