import FuzzBodies
import Primitives
import TestSupport
import Testing

@Suite struct SCTPFuzzTests {
    @Test func hostilePackets() {
        Fuzzing.run(corpus: Fuzzing.seeds("sctp"), mutations: 20_000, seed: 5, maximumLength: 2000) {
            FuzzBody.sctp.run($0)
        }
    }

    @Test func sequencesOfOperations() {
        var random = RandomSource.seeded(11)
        let noise = (0..<20).map { _ in (0..<300).map { _ in UInt8.random(in: 0...255, using: &random) } }
        Fuzzing.run(corpus: Fuzzing.seeds("sctpChannels") + noise, mutations: 600, seed: 6, maximumLength: 600) {
            FuzzBody.sctpChannels.run($0)
        }
    }
}
