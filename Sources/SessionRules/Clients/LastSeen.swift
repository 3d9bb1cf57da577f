internal import Primitives

/// When kiosks were last seen, and what of that the records do not know yet.
struct LastSeen: Sendable {
    /// How often the records learn it; nobody needs it from the disk sooner.
    static let savingInterval: Duration = .seconds(30)

    private var seen: [String: WallClock]
    private var unsaved: Set<String>
    /// Nil before the first time, which is at once.
    private var savesAt: Instant?

    init() {
        seen = [:]
        unsaved = []
        savesAt = nil
    }

    subscript(kiosk: String) -> WallClock? { seen[kiosk] }

    mutating func saw(_ kiosk: String, at: WallClock) {
        seen[kiosk] = at
        unsaved.insert(kiosk)
    }

    /// What the records do not know; from now on they do.
    mutating func take() -> [(id: String, at: WallClock)] {
        defer { unsaved.removeAll(keepingCapacity: true) }
        return unsaved.compactMap { id in seen[id].map { (id, $0) } }
    }

    /// The same, where it is time for it.
    mutating func takeDue(now: Instant) -> [(id: String, at: WallClock)] {
        if let savesAt, savesAt > now { return [] }
        savesAt = now + LastSeen.savingInterval
        return take()
    }

    var nextTimeout: Instant { savesAt ?? .zero }
}
