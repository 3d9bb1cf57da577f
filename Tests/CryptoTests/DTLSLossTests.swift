import Crypto
import Glibc
import Primitives
import Testing

/// OpenSSL's retransmission timer runs on the real clock, so these few tests do too. They assert what happens, not how
/// long it takes.
@Suite struct DTLSLossTests {
    @Test(arguments: [UInt64](1...4))
    func handshakeSurvivesLoss(seed: UInt64) throws {
        var random = RandomSource.seeded(seed)
        var pair = try DTLSPair()
        let clock = ContinuousClock()
        let began = clock.now
        func now() -> Instant {
            let elapsed = clock.now - began
            return Instant(nanoseconds: 1) + elapsed
        }
        pair.client.start(now: now())
        var lost = 0
        while pair.clientEvents.isEmpty || pair.serverEvents.isEmpty {
            pair.exchange(now: now()) { _, datagram in
                // The first two are always lost, then every third or so: five in all, which the deadline allows for.
                if lost < 2 || (lost < 5 && UInt64.random(in: 0..<3, using: &random) == 0) {
                    lost += 1
                    return []
                }
                return [datagram]
            }
            pair.client.handleTimeout(now: now())
            pair.server.handleTimeout(now: now())
            let elapsed = clock.now - began
            try #require(elapsed < .seconds(20))
            // Not a task's sleep: with every thread of the pool busy in other tests it would last for many seconds.
            usleep(10_000)
        }
        #expect(lost >= 2)
        #expect(pair.clientEvents.first?.result != nil && pair.serverEvents.first?.result != nil)
    }
}
