import FuzzBodies
import Primitives
import SDP
import Testing

@Suite("Hostile offers")
struct FuzzTests {
    @Test("Mutations of real offers, two by two on one negotiator", arguments: Fixture.allCases)
    func mutations(fixture: Fixture) throws {
        var random = RandomSource.seeded(fixture.rawValue.utf8.reduce(0) { $0 &* 31 &+ UInt64($1) })
        let original = Array(fixture.text.utf8)
        let lines = original.split(separator: UInt8(ascii: "\n"))
        var previous = original
        for _ in 0..<150 {
            var bytes = original
            switch Int.random(in: 0..<4, using: &random) {
            case 0:
                for _ in 0..<Int.random(in: 1...20, using: &random) {
                    bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
                }
            case 1: bytes.removeLast(Int.random(in: 0..<bytes.count, using: &random))
            case 2:
                var shuffled = Array(lines)
                for _ in 0..<5 {
                    shuffled.swapAt(
                        Int.random(in: 1..<shuffled.count, using: &random),
                        Int.random(in: 1..<shuffled.count, using: &random))
                }
                bytes = Array(shuffled.joined(separator: [UInt8(ascii: "\n")]))
            default:
                var fewer = Array(lines)
                for _ in 0..<8 { fewer.remove(at: Int.random(in: 1..<fewer.count, using: &random)) }
                bytes = Array(fewer.joined(separator: [UInt8(ascii: "\n")]))
            }
            FuzzBody.sdp.run(previous + [0] + bytes)
            previous = bytes
        }
    }

    @Test("Random bytes")
    func noise() {
        var random = RandomSource.seeded(11)
        for _ in 0..<500 {
            let count = Int.random(in: 0..<400, using: &random)
            FuzzBody.sdp.run(
                Array("v=0\r\n".utf8) + (0..<count).map { _ in UInt8.random(in: 1...127, using: &random) })
        }
    }

    @Test("The largest descriptions are read in bounded time")
    func large() throws {
        for line in [
            "a=ssrc:4294967295 cname:x", "a=rtpmap:96 VP8/90000", "a=candidate:1 1 udp 1 1.1.1.1 1 typ host",
            "a=group:BUNDLE 0 0 0", "a=extmap:1 x",
        ] {
            var text = TestOffer().text
            while text.utf8.count + line.utf8.count + 2 <= SessionDescription.maximumLength { text += line + "\r\n" }
            FuzzBody.sdp.run(Array(text.utf8))
        }
    }
}
