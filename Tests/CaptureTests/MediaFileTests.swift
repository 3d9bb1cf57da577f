import Glibc
import Primitives
import Testing

@testable import Capture

/// A file that is gone when the test is.
struct TemporaryFile: ~Copyable {
    let path: String

    init(_ name: String, _ bytes: [UInt8]) {
        path = "/tmp/kiosk-capture-\(getpid())-\(UInt32.random(in: 0...UInt32.max))-\(name)"
        let file = fopen(path, "w")
        fwrite(bytes, 1, bytes.count, file)
        fclose(file)
    }

    deinit { unlink(path) }
}

@Suite struct Y4MTests {
    private func parse(_ text: String) throws(Y4MHeader.Failure) -> Y4MHeader {
        try Y4MHeader(parsing: Array(text.utf8).span)
    }

    @Test func theHeaderAsFFmpegWritesIt() throws {
        let text = "YUV4MPEG2 W640 H480 F30000:1001 Ip A1:1 C420jpeg XYSCSS=420JPEG\n"
        let header = try parse(text + "FRAME\n")
        #expect(header.width == 640 && header.height == 480)
        #expect(header.frameRate == FrameRate(frames: 30_000, seconds: 1_001))
        #expect(header.length == text.utf8.count)
        #expect(header.frameSize == 640 * 480 * 3 / 2)
        #expect(try parse("YUV4MPEG2 W3 H3 F1:1\n").frameSize == 9 + 4 + 4)
    }

    @Test func whatIsWrongIsNamed() {
        func failure(_ text: String) -> Y4MHeader.Failure? {
            do throws(Y4MHeader.Failure) { _ = try parse(text) } catch { return error }
            return nil
        }
        #expect(failure("") == .notY4M)
        #expect(failure("RIFF....WAVE\n") == .notY4M)
        #expect(failure("YUV4MPEG2X W1 H1 F1:1\n") == .notY4M)
        #expect(failure("YUV4MPEG2 W640 H480 F30:1") == .unterminated)
        #expect(failure("YUV4MPEG2 " + String(repeating: "X", count: 2000) + "\n") == .unterminated)
        for width in ["", "W0", "W-1", "W4097", "Wx", "W99999999999999999999"] {
            #expect(failure("YUV4MPEG2 \(width) H480 F30:1\n") == .badParameter("W"))
        }
        for rate in ["", "F30", "F0:1", "F30:0", "F-30:1", "F1:100", "F1000:1", "F30:1:1"] {
            #expect(failure("YUV4MPEG2 W640 H480 \(rate)\n") == .badParameter("F"))
        }
        #expect(failure("YUV4MPEG2 W640 F30:1\n") == .badParameter("H"))
        for chroma in ["444", "420p10", "mono", "422"] {
            #expect(failure("YUV4MPEG2 W640 H480 F30:1 C\(chroma)\n") == .unsupportedChroma(chroma))
        }
    }

    @Test func frameLines() {
        func length(_ text: String) -> Int? { Y4MHeader.frameLineLength(Array(text.utf8).span) }
        #expect(length("FRAME\n…") == 6)
        #expect(length("FRAME Ip XX\n…") == 12)
        #expect(length("FRAME") == nil)
        #expect(length("FRAMES\n") == nil)
        #expect(length("FRAME without end") == nil)
        #expect(length("") == nil)
    }

    @Test func hostileHeadersAreRefusedOrSane() {
        var random = RandomSource.seeded(2)
        let whole = Array("YUV4MPEG2 W640 H480 F30000:1001 Ip A1:1 C420jpeg XYSCSS=420JPEG\n".utf8)
        for round in 0..<20_000 as Range<UInt64> {
            var bytes = round % 4 == 0 ? noise(80, seed: round) : whole
            for _ in 0..<random.next() % 6 {
                bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: random.next())
            }
            if let header = try? Y4MHeader(parsing: bytes.span) {
                #expect((1...4096).contains(header.width) && (1...4096).contains(header.height))
                #expect(header.frameRate.interval > .zero)
            }
            _ = Y4MHeader.frameLineLength(bytes.span)
        }
    }

    @Test func aFilePlaysInALoopAtItsOwnSize() throws {
        let header = "YUV4MPEG2 W4 H2 F200:1 C420jpeg\n"
        func picture(_ value: UInt8) -> [UInt8] { Array("FRAME\n".utf8) + [UInt8](repeating: value, count: 12) }
        // The third frame is cut off: it is not played.
        let file = TemporaryFile("clip.y4m", Array(header.utf8) + picture(10) + picture(20) + picture(30).dropLast())
        var camera = try Camera(
            opening: CameraRequest(
                source: .file(file.path), width: 640, height: 480, frameRate: FrameRate(frames: 30)))
        #expect(camera.format.width == 4 && camera.format.height == 2 && camera.format.frameRate.frames == 200)
        var frame = VideoFrame(width: 640, height: 480)
        var seen: [UInt8] = []
        var times: [Instant] = []
        for _ in 0..<5 {
            let outcome = try camera.nextFrame(into: &frame, timeout: .seconds(1), interruptedBy: nil)
            #expect(outcome == .captured)
            seen.append(Planes(frame).y[0])
            times.append(frame.captureTime)
        }
        #expect(frame.width == 4 && frame.height == 2)
        #expect(seen == [10, 20, 10, 20, 10])
        #expect(zip(times, times.dropFirst()).allSatisfy { $0 < $1 })
    }

    @Test func filesThatCannotBePlayedSayWhy() {
        func failure(_ path: String) -> CaptureError? {
            do throws(CaptureError) {
                _ = try Camera(
                    opening: CameraRequest(
                        source: .file(path), width: 64, height: 48, frameRate: FrameRate(frames: 30)))
            } catch { return error }
            return nil
        }
        #expect(failure("/nowhere/clip.y4m") == .missing(device: "/nowhere/clip.y4m"))
        #expect(failure("/tmp") == .badFile(path: "/tmp", rule: "not a regular file"))
        let empty = TemporaryFile("empty.y4m", [])
        #expect(failure(empty.path) == .badFile(path: empty.path, rule: "y4m: does not begin with YUV4MPEG2"))
        let short = TemporaryFile("short.y4m", Array("YUV4MPEG2 W640 H480 F30:1\nFRAME\n123".utf8))
        #expect(failure(short.path) == .badFile(path: short.path, rule: "y4m: no whole frame"))
    }
}

@Suite struct WAVTests {
    static func header(
        tag: UInt16 = 1, channels: UInt16 = 1, rate: UInt32 = 48_000, bits: UInt16 = 16, dataSize: UInt32,
        before: [UInt8] = []
    ) -> [UInt8] {
        func little(_ value: UInt32, _ size: Int) -> [UInt8] {
            (0..<size).map { UInt8(truncatingIfNeeded: value >> UInt32(8 * $0)) }
        }
        return Array("RIFF".utf8) + little(36 + dataSize, 4) + Array("WAVE".utf8) + before
            + Array("fmt ".utf8) + little(16, 4) + little(UInt32(tag), 2) + little(UInt32(channels), 2)
            + little(rate, 4) + little(0, 4) + little(0, 2) + little(UInt32(bits), 2) + Array("data".utf8)
            + little(dataSize, 4)
    }

    private func failure(_ bytes: [UInt8]) -> WAVHeader.Failure? {
        do throws(WAVHeader.Failure) { _ = try WAVHeader(parsing: bytes.span) } catch { return error }
        return nil
    }

    @Test func theUsualHeader() throws {
        let header = try WAVHeader(parsing: Self.header(channels: 2, rate: 44_100, dataSize: 400).span)
        #expect(header.channels == 2 && header.sampleRate == 44_100)
        #expect(header.dataOffset == 44 && header.dataSize == 400)
    }

    @Test func chunksOfNoInterestArePassedOver() throws {
        // An odd size is padded to an even one.
        let list = Array("LIST".utf8) + [3, 0, 0, 0, 1, 2, 3, 0]
        let header = try WAVHeader(parsing: Self.header(dataSize: 4, before: list).span)
        #expect(header.dataOffset == 44 + list.count)
    }

    @Test func whatIsWrongIsNamed() {
        #expect(failure(Array("RIFX".utf8)) == .notWAV)
        #expect(failure([]) == .truncated)
        #expect(failure(Array(Self.header(dataSize: 4).prefix(30))) == .truncated)
        #expect(failure(Self.header(tag: 3, bits: 32, dataSize: 4)) == .unsupportedEncoding(tag: 3, bits: 32))
        #expect(failure(Self.header(channels: 0, dataSize: 4)) == .badChannelCount(0))
        #expect(failure(Self.header(rate: 1, dataSize: 4)) == .badSampleRate(1))
        #expect(failure(Self.header(dataSize: 0)) == .empty)
        let dataFirst = Array("RIFF".utf8) + [0, 0, 0, 0] + Array("WAVEdata".utf8) + [4, 0, 0, 0]
        #expect(failure(dataFirst) == .formatMissing)
    }

    @Test func hostileHeadersAreRefusedOrSane() {
        var random = RandomSource.seeded(3)
        for _ in 0..<20_000 {
            var bytes = Self.header(channels: 2, dataSize: 4_000, before: Array("LIST".utf8) + [2, 0, 0, 0, 9, 9])
            for _ in 0..<1 + random.next() % 6 {
                bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: random.next())
            }
            bytes.removeLast(Int(random.next() % 10))
            if let header = try? WAVHeader(parsing: bytes.span) {
                #expect((1...8).contains(header.channels) && (8_000...192_000).contains(header.sampleRate))
                #expect(header.dataOffset <= bytes.count && header.dataSize >= 2 * header.channels)
            }
        }
    }

    @Test func aFilePlaysInALoop() throws {
        let samples: [Int16] = (0..<1_000).map { Int16($0) }
        let bytes = samples.flatMap { [UInt8(truncatingIfNeeded: $0), UInt8(truncatingIfNeeded: $0 >> 8)] }
        // The header promises more than there is, as one does that was never finished.
        let file = TemporaryFile("clip.wav", Self.header(dataSize: 1_000_000) + bytes)
        guard var microphone = try Microphone.open(.file(file.path)) else { throw CaptureError.missing(device: "") }
        var frame = AudioFrame()
        var heard: [Int16] = []
        for _ in 0..<3 {
            _ = try microphone.read(into: &frame, timeout: .seconds(1), interruptedBy: nil)
            for index in 0..<frame.samples.count { heard.append(frame.samples[index]) }
        }
        #expect(heard == (0..<3).flatMap { _ in samples }.prefix(2_880).map { $0 })
    }

    @Test func aFileWithoutSamplesSaysSo() {
        let file = TemporaryFile("empty.wav", Self.header(dataSize: 100))
        #expect(throws: CaptureError.badFile(path: file.path, rule: "wav: no samples")) {
            _ = try Microphone.open(.file(file.path))
        }
    }
}
