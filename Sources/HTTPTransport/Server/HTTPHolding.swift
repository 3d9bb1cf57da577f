public import Primitives

/// What the server holds in memory for one connection.
public struct HTTPHolding: Hashable, Sendable {
    /// For `evict`.
    public var connection: UInt64
    /// When it was accepted.
    public var since: Instant
    /// Nil for a proxy's, which stands for many clients.
    public var address: IPAddress?
    /// Nil for a stranger's.
    public var account: String?
    /// Bytes held now.
    public var bytes: Int
}

/// Bytes held for all clients together.
struct HeldBytes {
    private let step: Int
    private(set) var total: Int
    /// The total when its growth was last reported.
    private var told: Int

    init(step: Int) {
        self.step = step
        total = 0
        told = 0
    }

    /// - Returns: whether it grew by a step since that was last reported.
    mutating func change(by bytes: Int) -> Bool {
        total += bytes
        if told - total > step { told = total }
        guard total - told > step else { return false }
        told = total
        return true
    }
}
