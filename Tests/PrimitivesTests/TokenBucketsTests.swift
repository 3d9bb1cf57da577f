import Primitives
import Testing

@Suite struct TokenBucketsTests {
    private func granted<Key>(_ buckets: inout TokenBuckets<Key>, _ key: Key, of count: Int, at now: Instant) -> Int {
        var granted = 0
        for _ in 0..<count where buckets.take(key, now: now) { granted += 1 }
        return granted
    }

    @Test func aBucketHoldsItsBurstAndFillsEvenly() {
        var buckets = TokenBuckets<String>(burst: 3, perSecond: 2)
        #expect(granted(&buckets, "a", of: 5, at: .zero) == 3)
        #expect(granted(&buckets, "b", of: 5, at: .zero) == 3)
        let later = Instant.zero + .seconds(1)
        #expect(granted(&buckets, "a", of: 5, at: later) == 2)
        buckets.giveBack("a", now: later)
        #expect(granted(&buckets, "a", of: 2, at: later) == 1)
        buckets.refill("a")
        #expect(granted(&buckets, "a", of: 5, at: later) == 3)
    }

    @Test func aFloodOfKeysIsForgotten() {
        var buckets = TokenBuckets<Int>(burst: 1, perSecond: 1, limit: 100)
        for key in 0..<1000 {
            #expect(granted(&buckets, key, of: 1, at: .zero) == 1)
            #expect(buckets.count <= 100)
        }
        // What is full again makes room first.
        let later = Instant.zero + .seconds(1)
        for key in 2000..<2050 { #expect(granted(&buckets, key, of: 1, at: later) == 1) }
        #expect(granted(&buckets, 2000, of: 1, at: later) == 0)
    }
}
