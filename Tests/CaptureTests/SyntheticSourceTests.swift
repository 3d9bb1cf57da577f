import Glibc
import Primitives
import Reactor
import Testing

@testable import Capture

@Suite struct TestPatternTests {
    private func paint(_ number: Int, _ width: Int = 320, _ height: Int = 180, seconds: Int = 0) -> Planes {
        var painter = TestPatternPainter(width: width, height: height)
        var frame = VideoFrame(width: width, height: height)
        painter.paint(number, clock: TimeOfDay(hours: 12, minutes: 34, seconds: seconds), into: &frame)
        return Planes(frame)
    }

    @Test func theSameNumberAndClockGiveTheSamePicture() {
        #expect(paint(7) == paint(7))
    }

    @Test func everyFrameIsAnotherPicture() {
        let pictures = (0..<60).map { paint($0).y }
        #expect(Set(pictures).count == 60)
        #expect(paint(7).y != paint(7, seconds: 1).y)
    }

    @Test func itHasColourLightAndShadowInStudioRange() {
        let planes = paint(3, 640, 480)
        let mean = planes.y.reduce(0) { $0 + Int($1) } / planes.y.count
        #expect((60...180).contains(mean))
        #expect(planes.y.allSatisfy { (16...235).contains($0) })
        #expect((planes.u + planes.v).allSatisfy { (16...240).contains($0) })
        #expect(Set(planes.u).count > 8 && Set(planes.v).count > 8)
    }

    @Test func theCounterIsReadable() {
        // "#000042 12:34:00" at scale 1: the digit in each cell is found by its dots.
        let planes = paint(42, 160, 120)
        let top = 120 - (TestPatternFont.height + 3)
        let left = (160 - 16 * TestPatternFont.advance) / 2
        func read(_ position: Int) -> Character? {
            "0123456789:#".first { character in
                (0..<TestPatternFont.height).allSatisfy { row in
                    (0..<TestPatternFont.width).allSatisfy { column in
                        let x = left + position * TestPatternFont.advance + column
                        let isLit = planes.y[(top + row) * 160 + x] > 128
                        return isLit == (TestPatternFont.row(row, of: character.asciiValue!) >> (4 - column) & 1 == 1)
                    }
                }
            }
        }
        #expect(String((0..<16).map { read($0) ?? " " }) == "#000042 12:34:00")
    }

    @Test(arguments: [(2, 2), (16, 16), (17, 19), (33, 2), (2, 64), (176, 144), (1920, 1080)])
    func everySizeCanBePainted(width: Int, height: Int) {
        var painter = TestPatternPainter(width: width, height: height)
        var frame = VideoFrame(width: width, height: height)
        for number in [0, 1, 119, 1_000_000, Int.max / 1_000_000] {
            painter.paint(number, clock: TimeOfDay(hours: 23, minutes: 59, seconds: 59), into: &frame)
        }
        #expect(frame.width == width)
    }

    @Test func itRunsAtItsRateAndCanBeInterrupted() throws {
        var camera = try Camera(
            opening: CameraRequest(source: .testPattern, width: 64, height: 48, frameRate: FrameRate(frames: 100)))
        var frame = camera.makeFrame()
        var times: [Instant] = []
        for _ in 0..<5 {
            let outcome = try camera.nextFrame(into: &frame, timeout: .seconds(1), interruptedBy: nil)
            #expect(outcome == .captured)
            #expect(frame.captureTime <= MonotonicClock.now())
            times.append(frame.captureTime)
        }
        // Frames lie on a grid of 10 ms, however late we were.
        for time in times { #expect((time - times[0]).nanoseconds % 10_000_000 == 0) }
        #expect(zip(times, times.dropFirst()).allSatisfy { $0 < $1 })
        #expect(camera.events[.delivered] == 5)

        let wake = try WakeFD()
        wake.signal()
        let outcome = try camera.nextFrame(into: &frame, timeout: .seconds(1), interruptedBy: wake)
        #expect(outcome == .interrupted)
        #expect(wake.isSignaled, "the signal is the caller's to clear")
    }
}

@Suite struct PaceTests {
    private let start = Instant(nanoseconds: 5_000_000_000)

    @Test func aReaderInTimeGetsEveryUnit() {
        var pace = Pace(every: .milliseconds(20))
        #expect(pace.advance(now: start) == (start, 0))
        #expect(pace.advance(now: start + .milliseconds(3)) == (start + .milliseconds(20), 0))
        #expect(pace.advance(now: start + .milliseconds(59)) == (start + .milliseconds(40), 0))
    }

    @Test func aLateReaderMissesWholeUnitsAndStaysOnTheGrid() {
        var pace = Pace(every: .milliseconds(20))
        _ = pace.advance(now: start)
        #expect(pace.advance(now: start + .milliseconds(95)) == (start + .milliseconds(80), 3))
        #expect(pace.advance(now: start + .milliseconds(96)) == (start + .milliseconds(100), 0))
    }
}

@Suite struct SoundTests {
    /// Goertzel's filter: the share of the energy that is at one frequency.
    private func share(of frequency: Double, in samples: [Int16]) -> Double {
        let coefficient = 2 * cos(2 * Double.pi * frequency / 48_000)
        var (before, last, energy) = (0.0, 0.0, 0.0)
        for sample in samples {
            (before, last) = (last, Double(sample) + coefficient * last - before)
            energy += Double(sample) * Double(sample)
        }
        return (last * last + before * before - coefficient * last * before) * 2 / (energy * Double(samples.count))
    }

    private func tone(from: Int, frames: Int) -> [Int16] {
        var frame = AudioFrame()
        return (0..<frames).flatMap { index -> [Int16] in
            TestToneMicrophone.fill(&frame, from: from + index * AudioFrame.sampleCount)
            return frame.storage
        }
    }

    @Test func theToneIsAt440HertzAndSwells() {
        let samples = tone(from: 0, frames: 100)
        #expect(share(of: 440, in: Array(samples[0..<9_600])) > 0.95)
        #expect(share(of: 880, in: Array(samples[0..<9_600])) < 0.01)
        let loudness = (0..<10).map { samples[$0 * 9_600..<($0 + 1) * 9_600].map { abs(Int($0)) }.max()! }
        #expect(loudness.max()! > loudness.min()! * 2)
        // After two seconds it begins again without a seam.
        #expect(tone(from: 96_000, frames: 1) == tone(from: 0, frames: 1))
    }

    @Test func channelsAreAveraged() {
        var converter = SampleConverter(sampleRate: 48_000, channels: 2)
        var queue = SampleQueue()
        let input: [Int16] = (0..<960).flatMap { [Int16($0), Int16($0 + 2)] } + [7]
        input.withUnsafeBufferPointer { converter.convert($0, into: &queue) }
        var frame = AudioFrame()
        #expect(queue.count == 960)
        let isFull = queue.take(into: &frame)
        #expect(isFull && frame.storage == (1...960).map { Int16($0) })
        let isEmpty = !queue.take(into: &frame)
        #expect(isEmpty)
    }

    @Test(arguments: [8_000, 16_000, 44_100, 96_000, 192_000])
    func ratesAreConvertedInAnyPieces(rate: Int) {
        let input = (0..<rate).map { Int16(8_000 * sin(2 * Double.pi * 440 * Double($0) / Double(rate))) }
        func convert(pieces: Int) -> [Int16] {
            var converter = SampleConverter(sampleRate: rate, channels: 1)
            var queue = SampleQueue()
            var output: [Int16] = []
            var frame = AudioFrame()
            for start in stride(from: 0, to: input.count, by: pieces) {
                Array(input[start..<min(start + pieces, input.count)]).withUnsafeBufferPointer {
                    converter.convert($0, into: &queue)
                }
                while queue.take(into: &frame) { output += frame.storage }
            }
            return output
        }
        let output = convert(pieces: 1_000)
        #expect(output.count >= 46_080 && output.count <= 48_960)
        #expect(share(of: 440, in: Array(output[4_800..<14_400])) > 0.95)
        #expect(convert(pieces: 37) == output)
    }

    @Test func fullScaleStaysInRange() {
        var converter = SampleConverter(sampleRate: 8_000, channels: 1)
        var queue = SampleQueue()
        let input: [Int16] = (0..<400).map { $0 % 2 == 0 ? .max : .min }
        input.withUnsafeBufferPointer { converter.convert($0, into: &queue) }
        #expect(queue.count > 2_000)
    }
}

@Suite struct SampleClockTests {
    private let start = Instant(nanoseconds: 1_000_000_000)

    @Test func jitterIsSmoothed() {
        var clock = SampleClock()
        var previous = clock.time(measured: start)
        var random = RandomSource.seeded(4)
        for index in 1..<500 {
            let jitter = Duration.microseconds(Int64(random.next() % 8_000))
            let time = clock.time(measured: start + .milliseconds(20 * index) + jitter)
            let step = time - previous
            #expect(step > .milliseconds(19) && step < .milliseconds(21))
            previous = time
        }
        let drift = previous - (start + .milliseconds(20 * 499))
        #expect(drift > .zero && drift < .milliseconds(8))
    }

    @Test func aDeviceWhoseClockRunsFastIsFollowed() {
        var clock = SampleClock()
        var last = Instant.zero
        for index in 0..<2_000 { last = clock.time(measured: start + .microseconds(19_990 * index)) }
        let error = last - (start + .microseconds(19_990 * 1_999))
        #expect(abs(error.nanoseconds) < 1_000_000)
    }

    @Test func aGapIsJumpedOver() {
        var clock = SampleClock()
        _ = clock.time(measured: start)
        #expect(clock.time(measured: start + .seconds(3)) == start + .seconds(3))
        clock.reset()
        #expect(clock.time(measured: start + .milliseconds(3_030)) == start + .milliseconds(3_030))
    }
}

@Suite struct ProvokedFaultTests {
    private func camera(_ text: String) throws -> Camera {
        try Camera(
            opening: CameraRequest(
                source: try #require(CameraSource(text)), width: 64, height: 48, frameRate: FrameRate(frames: 60)))
    }

    private func pictures(_ text: String, _ count: Int) throws -> [[UInt8]] {
        var camera = try camera(text)
        var frame = camera.makeFrame()
        var all: [[UInt8]] = []
        for _ in 0..<count {
            let outcome = try camera.nextFrame(into: &frame, timeout: .seconds(2), interruptedBy: nil)
            #expect(outcome == .captured)
            let (height, width, stride) = (frame.height, frame.width, frame.stride)
            all.append(
                frame.withUnsafePlanes { y, _, _ in
                    (0..<height).flatMap { row in (0..<width).map { y[row * stride + $0] } }
                })
        }
        return all
    }

    @Test func picturesAreWhatTheirNameSays() throws {
        let still = try pictures("test:frozen", 3)
        #expect(still[0] == still[1] && still[1] == still[2])
        let moving = try pictures("test-pattern", 3)
        #expect(moving[0] != moving[1] && moving[1] != moving[2])
        let black = try pictures("test:black", 2)
        #expect(black[0] != black[1], "a sensor in the dark is noisy")
        #expect(black[0].allSatisfy { $0 < 24 })
        let covered = try pictures("test:covered", 2)
        #expect(covered[0].allSatisfy { (92..<100).contains($0) })
    }

    @Test func theOthersFailAsTheRealOnesDo() throws {
        var lost = try camera("test:lost")
        var frame = lost.makeFrame()
        var error: CaptureError?
        do throws(CaptureError) {
            _ = try lost.nextFrame(into: &frame, timeout: .seconds(2), interruptedBy: nil)
        } catch let failure { error = failure }
        #expect(error == .lost(device: "test:lost"))
        var garbage = try camera("test:garbage")
        do throws(CaptureError) {
            _ = try garbage.nextFrame(into: &frame, timeout: .milliseconds(100), interruptedBy: nil)
        } catch let failure { error = failure }
        #expect(error == .garbage(device: "test:garbage", after: .milliseconds(100)))
        #expect(garbage.events[.undecodable] > 0)
    }

    @Test func aFaultThatPassesIsWellFirst() throws {
        let fault = try #require(ProvokedFault<CameraFault>("black:8"))
        #expect([0, 7, 8, 15, 16].map { fault.isOn(after: .seconds($0)) } == [false, false, true, true, false])
        #expect(try #require(ProvokedFault<CameraFault>("black")).isOn(after: .zero))
    }

    @Test func theFlashAndTheBeepBeginTogether() throws {
        let source = try #require(MicrophoneSource("test:beep"))
        guard var microphone = try Microphone.open(source) else { return }
        var sound = AudioFrame()
        var begins: [Int64] = []
        var wasLoud = true
        for _ in 0..<70 {
            _ = try microphone.read(into: &sound, timeout: .seconds(2), interruptedBy: nil)
            for index in 0..<AudioFrame.sampleCount {
                let isLoud = abs(Int(sound.samples[index])) > 500
                // The first samples after half a period of nothing.
                if isLoud, !wasLoud {
                    begins.append(
                        (sound.captureTime.nanoseconds + Int64(index) * 1_000_000_000 / 48_000) % 1_000_000_000)
                    wasLoud = true
                }
            }
            let peak = (0..<AudioFrame.sampleCount).map { abs(Int(sound.samples[$0])) }.max()!
            if peak == 0 { wasLoud = false }
        }
        #expect(!begins.isEmpty)
        for begin in begins { #expect(begin < 2_000_000, "\(begin) ns after the second") }
    }
}
