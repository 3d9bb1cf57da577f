import Codecs
import Glibc
import Primitives
import Testing

@Suite struct OpusTests {
    static func tone(_ frequency: Double, packet: Int) -> [Int16] {
        (0..<OpusEncoder.samplesPerPacket).map { index in
            let time = Double(packet * OpusEncoder.samplesPerPacket + index) / Double(OpusEncoder.sampleRate)
            return Int16(8000 * sin(2 * .pi * frequency * time))
        }
    }

    /// The amplitude at `frequency` (Goertzel's algorithm).
    static func amplitude(_ samples: [Int16], at frequency: Double) -> Double {
        let coefficient = 2 * cos(2 * .pi * frequency / Double(OpusEncoder.sampleRate))
        var (previous, beforePrevious) = (0.0, 0.0)
        for sample in samples {
            (previous, beforePrevious) = (Double(sample) + coefficient * previous - beforePrevious, previous)
        }
        let power = previous * previous + beforePrevious * beforePrevious - coefficient * previous * beforePrevious
        return 2 * max(0, power).squareRoot() / Double(samples.count)
    }

    /// Encodes a tone, and decodes what `fate` says about each packet.
    enum Fate { case arrives, concealed, recovered }

    static func run(_ settings: OpusEncoder.Settings, fate: (Int) -> Fate) throws -> (samples: [Int16], sizes: [Int]) {
        var encoder = try OpusEncoder(settings)
        var decoder = try OpusDecoder()
        var packets: [[UInt8]] = []
        var frame = EncodedFrame(kind: .audio, capacity: OpusEncoder.maximumPacket)
        for packet in 0..<50 {
            let captureTime = Instant.zero + OpusEncoder.packetDuration * packet
            _ = try encoder.encode(tone(1000, packet: packet).span, captureTime: captureTime, into: &frame)
            #expect(frame.captureTime == captureTime && frame.kind == .audio && frame.duration == .milliseconds(20))
            packets.append(frame.bytes.copied())
        }
        var output: [Int16] = []
        for packet in 0..<49 {
            var samples = [Int16](repeating: 0, count: OpusDecoder.maximumSamples)
            var span = samples.mutableSpan
            let (current, next) = (packets[packet], packets[packet + 1])
            let count: Int
            switch fate(packet) {
            case .arrives: count = try decoder.decode(current.span, into: &span)
            case .concealed: count = try decoder.conceal(into: &span)
            case .recovered: count = try decoder.recover(from: next.span, into: &span)
            }
            #expect(count == OpusEncoder.samplesPerPacket)
            output += samples[0..<count]
        }
        return (output, packets.map(\.count))
    }

    /// Half of what the receiver plays is all that it hears.
    @Test(arguments: [(8_000, 6_000.0), (16_000, 10_000), (24_000, 14_000)])
    func nothingIsSentThatIsNotPlayed(rate: Int, frequency: Double) throws {
        func heard(_ rate: Int) throws -> Double {
            var encoder = try OpusEncoder(.init(bitrate: .kilobits(64), maximumPlaybackRate: rate))
            var decoder = try OpusDecoder()
            var frame = EncodedFrame(kind: .audio, capacity: OpusEncoder.maximumPacket)
            var output: [Int16] = []
            for packet in 0..<50 {
                _ = try encoder.encode(Self.tone(frequency, packet: packet).span, captureTime: .zero, into: &frame)
                var samples = [Int16](repeating: 0, count: OpusDecoder.maximumSamples)
                var span = samples.mutableSpan
                let count = try decoder.decode(frame.bytes, into: &span)
                output += samples[0..<count]
            }
            return Self.amplitude(Array(output[24_000...]), at: frequency)
        }
        #expect(try heard(48_000) > 2000)
        #expect(try heard(rate) < 300)
    }

    @Test(arguments: OpusEncoder.packetSizes)
    func packetsOfEveryLength(size: Int) throws {
        var encoder = try OpusEncoder()
        var decoder = try OpusDecoder()
        var frame = EncodedFrame(kind: .audio, capacity: OpusEncoder.maximumPacket)
        let tone = Self.tone(1000, packet: 0)
        for offset in stride(from: 0, to: tone.count, by: size) {
            _ = try encoder.encode(tone.span.extracting(offset..<offset + size), captureTime: .zero, into: &frame)
            #expect(frame.duration == .microseconds(Int64(size) * 1_000_000 / 48_000))
            var samples = [Int16](repeating: 0, count: OpusDecoder.maximumSamples)
            var span = samples.mutableSpan
            #expect(try decoder.decode(frame.bytes, into: &span) == size)
        }
    }

    @Test func aToneComesThrough() throws {
        let (samples, sizes) = try Self.run(OpusEncoder.Settings()) { _ in .arrives }
        let late = Array(samples[24_000...])
        #expect(abs(Self.amplitude(late, at: 1000) - 8000) < 2000)
        #expect(Self.amplitude(late, at: 3000) < 400)
        #expect(sizes.allSatisfy { $0 > 2 && $0 <= OpusEncoder.maximumPacket })
    }

    @Test func lostPacketsAreFilled() throws {
        let settings = OpusEncoder.Settings(expectedLossPercent: 20)
        for filled in [Fate.concealed, .recovered] {
            let (samples, _) = try Self.run(settings) { $0 >= 10 && $0 % 8 == 0 ? filled : .arrives }
            // A tone is easily continued: what fills the gap sounds like it.
            let gap = Array(samples[32 * 960..<33 * 960])
            #expect(Self.amplitude(gap, at: 1000) > 3000)
        }
    }

    @Test func theBitrateIsFollowed() throws {
        func bytes(_ kilobits: Double) throws -> Int {
            try Self.run(OpusEncoder.Settings(bitrate: .kilobits(kilobits))) { _ in .arrives }.sizes.reduce(0, +)
        }
        let (low, high) = (try bytes(12), try bytes(64))
        // One second: no more than the rate, with a little room for the constrained peak.
        #expect(low < 12_000 / 8 * 13 / 10)
        #expect(high < 64_000 / 8 * 13 / 10)
        #expect(high > 2 * low)
    }

    @Test func silenceMayBeLeftOut() throws {
        var encoder = try OpusEncoder(OpusEncoder.Settings(discontinuousTransmission: true))
        var frame = EncodedFrame(kind: .audio, capacity: OpusEncoder.maximumPacket)
        let silence = [Int16](repeating: 0, count: OpusEncoder.samplesPerPacket)
        var dropped = 0
        for _ in 0..<100 {
            let result = try encoder.encode(silence.span, captureTime: .zero, into: &frame)
            if result == .dropped { dropped += 1 }
            #expect((result == .dropped) == (frame.count == 0))
        }
        #expect(dropped > 50)
        let voice = Self.tone(500, packet: 0)
        let result = try encoder.encode(voice.span, captureTime: .zero, into: &frame)
        #expect(result == .encoded)
    }

    @Test func settingsChangeWhileRunning() throws {
        var encoder = try OpusEncoder()
        try encoder.update(OpusEncoder.Settings(bitrate: .kilobits(16), complexity: 2, expectedLossPercent: 30))
        #expect(encoder.settings.complexity == 2)
        #expect(throws: CodecError.self) { try encoder.update(OpusEncoder.Settings(complexity: 11)) }
        #expect(encoder.settings.complexity == 2)
    }
}
