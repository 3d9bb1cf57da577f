import FuzzBodies
import Primitives
import TestSupport
import Testing

@Suite struct ICEFuzzTests {
    @Test func sequencesOfOperations() {
        // A session that connects, restarts and closes.
        let session: [UInt8] = [
            0, 1, 4, 5, 6, 7, 10, 11, 0xF0, 24, 0xF1, 24, 0xF0, 24, 0xF1, 0x78, 14, 15, 6, 7, 10, 11, 0xF0, 0xF0, 0xFA,
        ]
        var random = RandomSource.seeded(3)
        let noise = (0..<8).map { _ in (0..<200).map { _ in UInt8.random(in: 0...255, using: &random) } }
        Fuzzing.run(corpus: [session] + noise, mutations: 120, maximumLength: 400) { FuzzBody.ice.run($0) }
    }

    @Test func hostileServersAndResponders() {
        var random = RandomSource.seeded(9)
        // A success to the allocation, then permissions, channels, data, time.
        let allocated: [UInt8] =
            [0, 44] + [1, 3, 0, 24] + [UInt8](repeating: 0, count: 16) + [
                0, 22, 0, 8, 0, 1, 0x51, 0x12, 0xE1, 0xBA, 0xA5, 0x43,
            ]
            + [0, 13, 0, 4, 0, 0, 2, 88] + [UInt8](repeating: 0, count: 4)
        let life: [UInt8] = [
            6, 0, 7, 0, 8, 4, 1, 2, 3, 4, 10, 250, 1, 4, 0x40, 0, 0, 0, 11, 3, 1, 2, 3, 10, 255, 9, 200,
        ]
        let noise = (0..<8).map { _ in (0..<200).map { _ in UInt8.random(in: 0...255, using: &random) } }
        Fuzzing.run(corpus: [allocated + life] + noise, mutations: 3000, maximumLength: 400) { FuzzBody.turn.run($0) }
        let name = Array("x1".utf8)
        let question: [UInt8] = [4, UInt8(name.count)] + name
        let record: [UInt8] =
            [0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0, 2] + name + [5] + Array("local".utf8)
            + [0, 0, 1, 0x80, 1, 0, 0, 0, 120, 0, 4, 192, 0, 2, 7]
        let dialogue = question + [0, UInt8(record.count)] + record + [0xFD, 0, 6, 0, 14, 0, 7, 2] + name
        Fuzzing.run(corpus: [dialogue] + noise, mutations: 5000, maximumLength: 400) { FuzzBody.mdns.run($0) }
    }

    /// Found by libFuzzer: a restart whose new generation never heard of the peer, and time goes by.
    @Test func aGenerationThatWaitsForItsPeerIsIdle() {
        FuzzBody.ice.run([
            0x41, 0xC1, 0x40, 0xBF, 0x01, 0x07, 0x74, 0x00, 0x89, 0xFA, 0xEB, 0x6E, 0xB1, 0x74, 0x23, 0xB3, 0xFA, 0x55,
        ])
    }
}
