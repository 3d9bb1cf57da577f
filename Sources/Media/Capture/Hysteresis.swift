import Primitives

/// A fact that counts once it has held for a while, and no longer once it has not held for another while.
struct Hysteresis: Sendable {
    let raiseAfter: Duration
    let clearAfter: Duration
    private(set) var isRaised: Bool
    /// Since when the fact is other than what counts.
    private var differsSince: Instant?

    init(raiseAfter: Duration, clearAfter: Duration) {
        self.raiseAfter = raiseAfter
        self.clearAfter = clearAfter
        isRaised = false
        differsSince = nil
    }

    /// - Returns: whether it counts now.
    mutating func update(_ fact: Bool, now: Instant) -> Bool {
        guard fact != isRaised else {
            differsSince = nil
            return isRaised
        }
        let since = differsSince ?? now
        differsSince = since
        if now - since >= (fact ? raiseAfter : clearAfter) {
            isRaised = fact
            differsSince = nil
        }
        return isRaised
    }
}
