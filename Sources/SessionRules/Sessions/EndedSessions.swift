internal import Primitives
internal import Signaling

/// A session that is over, as far as a side may still ask how it ended.
public struct EndedSession: Hashable, Sendable {
    enum Side: Hashable, Sendable {
        case kiosk, monitor
    }

    var id: String
    var kioskId: String
    var monitorId: String
    var reason: SessionEndReason
    /// Sides that were away when it ended, and have not been told since.
    var notYetTold: Set<Side>

    func account(of side: Side) -> String {
        switch side {
        case .kiosk: kioskId
        case .monitor: monitorId
        }
    }

    var event: ServerEvent { .monitoringStopped(kioskId: kioskId, sessionId: id, reason: reason) }
}

/// How the latest sessions ended, for a side that was away then.
public struct EndedSessions: Sendable {
    private var byId: [String: EndedSession]
    private var order: RingBuffer<String>
    /// By the account that has not been told; most have been told everything.
    private var notYetTold: [String: [String]]

    /// Sessions remembered; the oldest are forgotten first.
    public static let limit = 1024

    init() {
        byId = [:]
        order = RingBuffer()
        notYetTold = [:]
    }

    subscript(id: String) -> EndedSession? { byId[id] }

    mutating func remember(_ ended: EndedSession) {
        guard byId.updateValue(ended, forKey: ended.id) == nil else { return }
        order.append(ended.id)
        for side in ended.notYetTold { notYetTold[ended.account(of: side), default: []].append(ended.id) }
        guard order.count > EndedSessions.limit, let oldest = order.popFirst(),
            let forgotten = byId.removeValue(forKey: oldest)
        else { return }
        for side in forgotten.notYetTold { markTold(forgotten.account(of: side)) { $0 == oldest } }
    }

    /// What an account has not been told yet, the oldest first; from now on it has.
    mutating func takeNotYetTold(_ account: String) -> [EndedSession] {
        let ended = (notYetTold[account] ?? []).compactMap { byId[$0] }
        markTold(account) { _ in true }
        return ended
    }

    /// An account named a session, and is told of it in that answer.
    mutating func markTold(_ account: String, of id: String) { markTold(account) { $0 == id } }

    private mutating func markTold(_ account: String, where isTold: (String) -> Bool) {
        guard let waiting = notYetTold[account] else { return }
        for id in waiting where isTold(id) {
            guard let ended = byId[id] else { continue }
            byId[id]?.notYetTold.remove(ended.kioskId == account ? .kiosk : .monitor)
        }
        let rest = waiting.filter { !isTold($0) }
        notYetTold[account] = rest.isEmpty ? nil : rest
    }
}
