import FuzzBodies
import Primitives
import Testing

@Suite("Hostile feedback")
struct FuzzTests {
    @Test("Random steps of a controller", arguments: [1, 2, 3] as [UInt64])
    func steps(seed: UInt64) {
        var random = RandomSource.seeded(seed)
        for _ in 0..<40 {
            let count = Int.random(in: 0..<4000, using: &random)
            FuzzBody.congestion.run((0..<count).map { _ in UInt8.random(in: 0...255, using: &random) })
        }
    }
}
