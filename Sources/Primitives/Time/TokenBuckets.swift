/// How often something may happen for each of many keys: a bucket a key that holds `burst` tokens and gets `perSecond`
/// of them back, evenly. No clock of its own.
///
/// Strangers choose keys, so a bucket that is full again is forgotten, and all are when a flood of keys leaves too many
/// that are not.
public struct TokenBuckets<Key: Hashable & Sendable>: Sendable {
    private struct Bucket: Sendable {
        var tokens: Double
        var filledAt: Instant
    }

    /// Tokens of a full bucket.
    public let burst: Double
    /// Tokens that come back in a second.
    public let perSecond: Double
    private let limit: Int
    private var buckets: [Key: Bucket]

    /// - Parameter limit: keys remembered at once.
    public init(burst: Int, perSecond: Double, limit: Int = 10_000) {
        self.burst = Double(burst)
        self.perSecond = perSecond
        self.limit = limit
        buckets = [:]
    }

    /// Keys remembered now.
    public var count: Int { buckets.count }

    /// - Returns: false when the bucket is empty; nothing is taken then.
    public mutating func take(_ key: Key, now: Instant) -> Bool {
        var bucket = filled(key, now: now)
        let isGranted = bucket.tokens >= 1
        if isGranted { bucket.tokens -= 1 }
        if buckets[key] == nil, buckets.count >= limit { forget(now: now) }
        buckets[key] = bucket
        return isGranted
    }

    /// Whether there is something to take.
    public func has(_ key: Key, now: Instant) -> Bool { filled(key, now: now).tokens >= 1 }

    /// What was taken is not to count.
    public mutating func giveBack(_ key: Key, now: Instant) {
        var bucket = filled(key, now: now)
        bucket.tokens = min(burst, bucket.tokens + 1)
        buckets[key] = bucket.tokens < burst ? bucket : nil
    }

    /// The key is as if it had never taken any.
    public mutating func refill(_ key: Key) { buckets[key] = nil }

    private func filled(_ key: Key, now: Instant) -> Bucket {
        guard var bucket = buckets[key] else { return Bucket(tokens: burst, filledAt: now) }
        guard now > bucket.filledAt else { return bucket }
        bucket.tokens = min(burst, bucket.tokens + (now - bucket.filledAt).seconds * perSecond)
        bucket.filledAt = now
        return bucket
    }

    private mutating func forget(now: Instant) {
        buckets = buckets.filter { filled($0.key, now: now).tokens < burst }
        if buckets.count >= limit { buckets = [:] }
    }
}
