import Primitives
import SDP
import Testing

/// Reads anything as an offer and answers it; what can be answered must give an answer that can be read.
func fuzzOffer(_ bytes: [UInt8], _ negotiator: inout Negotiator) {
    guard let offer = try? SessionDescription(parsing: String(decoding: bytes, as: UTF8.self)) else { return }
    guard (try? SessionDescription(parsing: offer.text)) == offer else {
        Issue.record("what was read is written differently")
        return
    }
    _ = negotiator.isICERestart(offer)
    guard let answer = try? negotiator.answer(offer, with: .test()) else { return }
    guard let read = try? SessionDescription(parsing: answer.text), read.media.count == offer.media.count else {
        Issue.record("an answer that cannot be read")
        return
    }
}

@Suite("Hostile offers")
struct FuzzTests {
    @Test("Mutations of real offers, one after another on one negotiator", arguments: Fixture.allCases)
    func mutations(fixture: Fixture) throws {
        var random = RandomSource.seeded(fixture.rawValue.utf8.reduce(0) { $0 &* 31 &+ UInt64($1) })
        let original = Array(fixture.text.utf8)
        let lines = original.split(separator: UInt8(ascii: "\n"))
        var negotiator = Negotiator(capabilities: .kiosk, random: .seeded(3))
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
            fuzzOffer(bytes, &negotiator)
        }
    }

    @Test("Random bytes")
    func noise() {
        var random = RandomSource.seeded(11)
        var negotiator = Negotiator(capabilities: .kiosk, random: .seeded(3))
        for _ in 0..<500 {
            let count = Int.random(in: 0..<400, using: &random)
            fuzzOffer(
                Array("v=0\r\n".utf8) + (0..<count).map { _ in UInt8.random(in: 0...127, using: &random) }, &negotiator)
        }
    }

    @Test("The largest descriptions are read in bounded time")
    func large() throws {
        var negotiator = Negotiator(capabilities: .kiosk, random: .seeded(3))
        for line in [
            "a=ssrc:4294967295 cname:x", "a=rtpmap:96 VP8/90000", "a=candidate:1 1 udp 1 1.1.1.1 1 typ host",
            "a=group:BUNDLE 0 0 0", "a=extmap:1 x",
        ] {
            var text = TestOffer().text
            while text.utf8.count + line.utf8.count + 2 <= SessionDescription.maximumLength { text += line + "\r\n" }
            fuzzOffer(Array(text.utf8), &negotiator)
        }
        #expect(negotiator.session != nil)
    }
}
