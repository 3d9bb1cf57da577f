import Primitives

/// When a camera that repeats one picture is opened anew: its firmware has stopped, and a new start of the stream often
/// brings it back. One that stays frozen is left alone for longer each time, because each opening takes the picture away.
struct FrozenCure: Sendable {
    /// So long after the fault was told.
    static let first = Duration.seconds(5)
    static let longest = Duration.seconds(320)

    private var frozenSince: Instant?
    private var wellSince: Instant?
    private var patience: Duration

    init() {
        frozenSince = nil
        wellSince = nil
        patience = FrozenCure.first
    }

    /// - Returns: whether the camera is to be closed and opened now.
    mutating func isDue(isFrozen: Bool, now: Instant) -> Bool {
        guard isFrozen else {
            frozenSince = nil
            // Pictures that moved for longer than the last cure took end the fault.
            let since = wellSince ?? now
            wellSince = since
            if now - since >= .seconds(60) { patience = FrozenCure.first }
            return false
        }
        wellSince = nil
        let since = frozenSince ?? now
        frozenSince = since
        guard now - since >= patience else { return false }
        frozenSince = nil
        patience = min(FrozenCure.longest, patience * 4)
        return true
    }
}
