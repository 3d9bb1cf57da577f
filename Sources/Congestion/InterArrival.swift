import Primitives

/// Groups packets that were sent in one burst and compares the spacing of groups at both ends
/// (draft-ietf-rmcat-gcc-02 section 5.2).
struct InterArrival: Sendable {
    /// Packets sent within this time of their group's first are one group.
    static let burst: Duration = .milliseconds(5)
    /// A group that a stall of the path pushed together may last this long.
    static let maximumBurst: Duration = .milliseconds(100)

    struct Delta: Sendable {
        var send: Duration
        var arrival: Duration
        /// When the later of the two groups was complete, on the receiver's clock.
        var at: Instant
    }

    private struct Group: Sendable {
        var firstSent: Instant
        var lastSent: Instant
        var firstArrival: Instant
        var lastArrival: Instant
    }

    private var current: Group?
    private var previous: Group?

    init() {
        current = nil
        previous = nil
    }

    /// Takes in a received packet; gives the difference between the two groups before it when it begins a new one.
    mutating func add(sent: Instant, arrival: Instant) -> Delta? {
        guard var group = current else {
            current = Group(firstSent: sent, lastSent: sent, firstArrival: arrival, lastArrival: arrival)
            return nil
        }
        // Sent before the group began: reordered, of no use here.
        if sent < group.firstSent { return nil }
        if belongs(sent: sent, arrival: arrival, to: group) {
            group.lastSent = max(group.lastSent, sent)
            group.lastArrival = max(group.lastArrival, arrival)
            current = group
            return nil
        }
        var delta: Delta?
        if let previous {
            let send = group.lastSent - previous.lastSent
            let spacing = group.lastArrival - previous.lastArrival
            // A receiver's clock that jumped, or groups that overtook each other.
            if spacing >= .zero, spacing - send < .seconds(3) {
                delta = Delta(send: send, arrival: spacing, at: group.lastArrival)
            }
        }
        previous = group
        current = Group(firstSent: sent, lastSent: sent, firstArrival: arrival, lastArrival: arrival)
        return delta
    }

    private func belongs(sent: Instant, arrival: Instant, to group: Group) -> Bool {
        if sent - group.firstSent <= InterArrival.burst { return true }
        // Arrived closer than sent: the path held both and let them go together.
        let propagation = (arrival - group.lastArrival) - (sent - group.lastSent)
        return propagation < .zero && arrival - group.lastArrival <= InterArrival.burst
            && arrival - group.firstArrival < InterArrival.maximumBurst
    }
}
