import FuzzBodies
import Primitives
import Testing

@Suite struct SRTPFuzzTests {
    // The body itself traps when noise passes for a packet.
    @Test func randomInput() {
        var random = RandomSource.seeded(3)
        for _ in 0..<4500 {
            let size = Int.random(in: 0...200, using: &random)
            var input = (0..<size).map { _ in UInt8.random(in: 0...255, using: &random) }
            if size > 2, Bool.random(using: &random) {
                // A believable first byte, with extension, padding and contributing sources.
                input[1] = 0x80 | UInt8.random(in: 0...63, using: &random)
            }
            FuzzBody.srtp.run(input)
        }
    }
}
