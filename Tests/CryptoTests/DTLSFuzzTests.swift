import Crypto
import FuzzBodies
import Primitives
import Testing

@Suite struct DTLSFuzzTests {
    @Test(arguments: 0..<40)
    func randomInput(seed: UInt64) {
        var random = RandomSource.seeded(seed)
        var input: [UInt8] = []
        for _ in 0..<8 {
            let size = Int.random(in: 0...150, using: &random)
            input.append(UInt8(size))
            var datagram = (0..<size * 8).map { _ in UInt8.random(in: 0...255, using: &random) }
            if size > 2, Bool.random(using: &random) {
                // A believable header, so that the record layer is passed.
                let length = datagram.count - 13
                datagram.replaceSubrange(
                    0..<13,
                    with: [
                        UInt8.random(in: 20...23, using: &random), 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, UInt8(length >> 8),
                        UInt8(length & 255),
                    ])
            }
            input += datagram
        }
        FuzzBody.dtlsServer.run(input)
        FuzzBody.dtlsClient.run(input)
    }

    /// A real handshake with one bit turned in every datagram, each side: it may fail, it may not crash or hang.
    @Test(arguments: 0..<60)
    func flippedBits(seed: UInt64) throws {
        var random = RandomSource.seeded(seed &+ 1000)
        var pair = try DTLSPair()
        let now = Instant(nanoseconds: 1)
        pair.client.start(now: now)
        var flips = 0
        pair.exchange(now: now) { _, datagram in
            var changed = datagram
            changed[Int.random(in: 0..<changed.count, using: &random)] ^= 1 << UInt8.random(in: 0...7, using: &random)
            flips += 1
            return [changed]
        }
        #expect(flips > 0)
        #expect(pair.clientEvents.compactMap(\.result).isEmpty || pair.serverEvents.compactMap(\.result).isEmpty)
    }
}
