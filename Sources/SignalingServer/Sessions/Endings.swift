internal import Primitives
internal import Signaling

/// How the latest sessions ended, for a side that was away and still names one.
struct Endings: Sendable {
    struct Ending: Hashable, Sendable {
        var id: String
        var kioskId: String
        var monitorId: String
        var reason: SessionEndReason
    }

    private var byId: [String: Ending]
    private var order: RingBuffer<String>

    static let limit = 1024

    init() {
        byId = [:]
        order = RingBuffer()
    }

    subscript(id: String) -> Ending? { byId[id] }

    mutating func remember(_ ending: Ending) {
        guard byId.updateValue(ending, forKey: ending.id) == nil else { return }
        order.append(ending.id)
        if order.count > Endings.limit, let oldest = order.popFirst() { byId[oldest] = nil }
    }
}
