import FuzzBodies
import Primitives
import RTP
import Testing

/// Feeds anything to a session on both ports' behalf.
func fuzzSession(_ bytes: [UInt8], _ session: inout RTPSession, now: Instant) {
    if isRTCP(bytes.span) {
        session.handleRTCP(bytes.span, now: now)
    } else {
        session.handleRTP(bytes.span, now: now)
    }
    session.handleTimeout(now: now)
    while session.pollEvent() != nil {}
    var frame: [UInt8] = []
    for stream in session.receiveStreams.indices {
        while session.nextFrame(on: stream, into: &frame, now: now) != nil { frame = [] }
    }
    var packet = PacketBuffer(capacity: 2048)
    var count = 0
    while session.pollTransmit(into: &packet, now: now) {
        packet.removeAll()
        count += 1
        guard count < 1000 else {
            Issue.record("never goes idle")
            return
        }
    }
    if let wake = session.nextTimeout, wake.at <= now { Issue.record("a deadline in the past: \(wake.reason)") }
}

@Suite("Hostile packets")
struct FuzzTests {
    @Test("Everything a pair exchanges, mutated", arguments: [1, 2, 3, 4] as [UInt64])
    func mutations(seed: UInt64) {
        var random = RandomSource.seeded(seed)
        var pair = RTPPair()
        for index in 0..<60 {
            pair.send(vp8Frame(3000, isKeyframe: index % 20 == 0), isKeyframe: index % 20 == 0)
            for _ in 0..<20 {
                pair.step { Double.random(in: 0..<1, using: &$0) < 0.2 }
                guard var packet = pair.inFlight.randomElement(using: &random) else { continue }
                for _ in 0..<Int.random(in: 1...8, using: &random) {
                    packet.bytes[Int.random(in: 0..<packet.bytes.count, using: &random)] = UInt8.random(
                        in: 0...255, using: &random)
                }
                if Bool.random(using: &random) {
                    packet.bytes.removeLast(Int.random(in: 0..<packet.bytes.count, using: &random))
                }
                if packet.toMonitor {
                    fuzzSession(packet.bytes, &pair.monitor, now: pair.now)
                } else {
                    fuzzSession(packet.bytes, &pair.kiosk, now: pair.now)
                }
            }
        }
    }

    @Test("Random RTCP bodies behind sound headers")
    func reports() {
        var random = RandomSource.seeded(5)
        var pair = RTPPair()
        for index in 0..<3000 {
            let words = Int.random(in: 0..<40, using: &random)
            let type = [200, 201, 202, 203, 205, 206, 207].randomElement(using: &random) ?? 200
            let format = [1, 4, 15, Int.random(in: 0..<32, using: &random)].randomElement(using: &random) ?? 1
            var bytes: [UInt8] = [0x80 | UInt8(format), UInt8(type), 0, UInt8(words)]
            bytes += (0..<words * 4).map { _ in UInt8.random(in: 0...255, using: &random) }
            if words > 2, Bool.random(using: &random) { bytes.replaceSubrange(8..<12, with: [0x11, 0x11, 0x11, 0x11]) }
            fuzzSession(bytes, &pair.kiosk, now: .ms(Int64(index)))
        }
    }

    @Test("Random steps of a session")
    func steps() {
        var random = RandomSource.seeded(6)
        for _ in 0..<400 {
            let count = Int.random(in: 0..<600, using: &random)
            FuzzBody.rtp.run((0..<count).map { _ in UInt8.random(in: 0...255, using: &random) })
        }
    }
}
