import FuzzBodies
import Primitives
import TestSupport
import Testing

@Suite struct ICEFuzzTests {
    @Test func sequencesOfOperations() {
        var random = RandomSource.seeded(3)
        let noise = (0..<4).map { _ in (0..<200).map { _ in UInt8.random(in: 0...255, using: &random) } }
        Fuzzing.run(corpus: Fuzzing.seeds("ice") + noise, mutations: 120, maximumLength: 400) { FuzzBody.ice.run($0) }
    }

    @Test func hostileServersAndResponders() {
        var random = RandomSource.seeded(9)
        let noise = (0..<8).map { _ in (0..<200).map { _ in UInt8.random(in: 0...255, using: &random) } }
        Fuzzing.run(corpus: Fuzzing.seeds("turn") + noise, mutations: 3000, maximumLength: 400) {
            FuzzBody.turn.run($0)
        }
        Fuzzing.run(corpus: Fuzzing.seeds("mdns") + noise, mutations: 5000, maximumLength: 400) {
            FuzzBody.mdns.run($0)
        }
    }
}
