import Primitives
import Testing

@testable import Capture

@Suite struct PixelConversionTests {
    private func convert(_ bytes: [UInt8], _ format: PixelFormat, _ width: Int, _ height: Int, stride: Int) -> Planes? {
        guard let layout = PictureLayout(pixelFormat: format, width: width, height: height, bytesPerLine: stride) else {
            return nil
        }
        var frame = VideoFrame(width: width, height: height)
        return bytes.withUnsafeBytes { PixelConversion.convert($0, layout, into: &frame) } ? Planes(frame) : nil
    }

    /// V4L2_PIX_FMT_YUYV: Y0 Cb Y1 Cr. Two rows share their chroma by its rounded-up mean.
    @Test func yuyv() {
        let bytes: [UInt8] = [
            1, 100, 2, 200, 3, 10, 4, 20, 0xEE, 0xEE,
            5, 103, 6, 201, 7, 10, 8, 23, 0xEE, 0xEE,
        ]
        #expect(
            convert(bytes, .yuyv, 4, 2, stride: 10)
                == Planes(y: [1, 2, 3, 4, 5, 6, 7, 8], u: [102, 10], v: [201, 22]))
    }

    /// V4L2_PIX_FMT_UYVY: Cb Y0 Cr Y1.
    @Test func uyvy() {
        let bytes: [UInt8] = [
            100, 1, 200, 2, 10, 3, 20, 4,
            103, 5, 201, 6, 10, 7, 23, 8,
        ]
        #expect(
            convert(bytes, .uyvy, 4, 2, stride: 0)
                == Planes(y: [1, 2, 3, 4, 5, 6, 7, 8], u: [102, 10], v: [201, 22]))
    }

    /// V4L2_PIX_FMT_NV12: luma, then Cb and Cr interleaved, with the luma's padding.
    @Test func nv12() {
        let bytes: [UInt8] = [
            1, 2, 3, 4, 0xEE, 0xEE,
            5, 6, 7, 8, 0xEE, 0xEE,
            30, 40, 31, 41, 0xEE, 0xEE,
        ]
        #expect(
            convert(bytes, .nv12, 4, 2, stride: 6) == Planes(y: [1, 2, 3, 4, 5, 6, 7, 8], u: [30, 31], v: [40, 41]))
    }

    /// V4L2_PIX_FMT_YUV420: three planes, the chroma's padding half of the luma's.
    @Test func i420() {
        let bytes: [UInt8] = [
            1, 2, 3, 4, 0xEE, 0xEE,
            5, 6, 7, 8, 0xEE, 0xEE,
            30, 31, 0xEE,
            40, 41, 0xEE,
        ]
        #expect(
            convert(bytes, .i420, 4, 2, stride: 6) == Planes(y: [1, 2, 3, 4, 5, 6, 7, 8], u: [30, 31], v: [40, 41]))
    }

    @Test func oddSizesHaveTheirLastColumnAndRow() {
        #expect(
            convert([1, 2, 3, 4, 5, 6, 7, 8, 9, 30, 31, 32, 33, 40, 41, 42, 43], .i420, 3, 3, stride: 3)
                == Planes(y: [1, 2, 3, 4, 5, 6, 7, 8, 9], u: [30, 31, 32, 33], v: [40, 41, 42, 43]))
        let nv12: [UInt8] = [1, 2, 3, 0, 4, 5, 6, 0, 7, 8, 9, 0, 30, 40, 31, 41, 32, 42, 33, 43]
        #expect(
            convert(nv12, .nv12, 3, 3, stride: 4)
                == Planes(y: [1, 2, 3, 4, 5, 6, 7, 8, 9], u: [30, 31, 32, 33], v: [40, 41, 42, 43]))
    }

    @Test(arguments: [PixelFormat.i420, .nv12, .yuyv, .uyvy])
    func aBufferThatIsAByteShortIsRefused(format: PixelFormat) throws {
        for (width, height, stride) in [(16, 8, 0), (16, 8, 48), (17, 9, 0), (17, 9, 48)] {
            let layout = try #require(
                PictureLayout(pixelFormat: format, width: width, height: height, bytesPerLine: stride))
            let whole = [UInt8](repeating: 9, count: layout.minimumSize)
            #expect(convert(whole, format, width, height, stride: stride) != nil)
            #expect(convert(Array(whole.dropLast()), format, width, height, stride: stride) == nil)
            #expect(convert([], format, width, height, stride: stride) == nil)
        }
    }

    @Test func layoutsThatCannotBeAreRefused() {
        #expect(PictureLayout(pixelFormat: .yuyv, width: 640, height: 480, bytesPerLine: 640) == nil)
        #expect(PictureLayout(pixelFormat: .i420, width: 0, height: 480, bytesPerLine: 0) == nil)
        #expect(PictureLayout(pixelFormat: .i420, width: 640, height: 1_000_000, bytesPerLine: 0) == nil)
        #expect(PictureLayout(pixelFormat: .i420, width: 640, height: 480, bytesPerLine: 1_000_000) == nil)
        #expect(PictureLayout(pixelFormat: .mjpeg, width: 640, height: 480, bytesPerLine: 0) != nil)
    }

    /// BT.601: 0 … 255 becomes 16 … 235 for luma, 16 … 240 for chroma, grey stays grey.
    @Test func theFullRangeIsCompressed() {
        for value in 0...255 {
            let luma = 16 + Double(value) * 219 / 255
            let chroma = 128 + (Double(value) - 128) * 224 / 255
            #expect(abs(Double(PixelConversion.studioLuma(UInt8(value))) - luma) <= 0.66)
            #expect(abs(Double(PixelConversion.studioChroma(UInt8(value))) - chroma) <= 0.66)
        }
        #expect(PixelConversion.studioLuma(0) == 16 && PixelConversion.studioLuma(255) == 235)
        #expect(
            PixelConversion.studioChroma(0) == 16 && PixelConversion.studioChroma(128) == 128
                && PixelConversion.studioChroma(255) == 240)
    }
}

@Suite struct PictureReaderTests {
    private let taken = Instant(nanoseconds: 5_000_000_000)

    @Test(arguments: [(PixelFormat.mjpeg, JPEGPictures.yuv420), (.i420, [UInt8](repeating: 99, count: 384))])
    func aDamagedPictureSpendsTheFrame(format: PixelFormat, whole: [UInt8]) throws {
        let layout = try #require(PictureLayout(pixelFormat: format, width: 16, height: 16, bytesPerLine: 16))
        var reader = PictureReader(layout)
        var frame = VideoFrame(width: 16, height: 16)
        let isWhole = whole.withUnsafeBytes { reader.read($0, taken: taken, into: &frame) }
        #expect(isWhole)
        #expect(frame.captureTime == taken)
        // Cut off: some of it may stand in the frame now, which must not pass for the whole picture of before.
        let isHalf = whole.dropLast(12).withUnsafeBytes {
            reader.read($0, taken: taken + .milliseconds(33), into: &frame)
        }
        #expect(!isHalf)
        #expect(frame.captureTime == .zero)
    }
}

@Suite struct JPEGDecoderTests {
    private func decode(_ bytes: [UInt8], width: Int = 16, height: Int = 16) throws -> Planes? {
        guard var decoder = JPEGDecoder() else { throw CaptureError.missing(device: "decoder") }
        var frame = VideoFrame(width: width, height: height)
        return bytes.withUnsafeBytes { decoder.decode($0, into: &frame) } ? Planes(frame) : nil
    }

    static let expected = Planes(
        y: Array(repeating: PixelConversion.studioLuma(200), count: 256),
        u: Array(repeating: PixelConversion.studioChroma(90), count: 64),
        v: Array(repeating: PixelConversion.studioChroma(170), count: 64))

    @Test(arguments: [JPEGPictures.yuv420, JPEGPictures.yuv422, JPEGPictures.yuv444])
    func everySubsamplingGivesTheSamePicture(bytes: [UInt8]) throws {
        #expect(try decode(bytes) == Self.expected)
    }

    @Test func greyHasNoColour() throws {
        let planes = try #require(try decode(JPEGPictures.grey))
        #expect(planes.y == Self.expected.y)
        #expect(planes.u.allSatisfy { $0 == 128 } && planes.v.allSatisfy { $0 == 128 })
    }

    @Test func aPictureThatEndsEarlyIsRefused() throws {
        let whole = JPEGPictures.yuv422
        #expect(try decode(Array(whole.dropLast(12))) == nil)
        #expect(try decode(Array(whole.prefix(100))) == nil)
        #expect(try decode([]) == nil)
        #expect(try decode([0xFF, 0xD8]) == nil)
    }

    @Test(arguments: [JPEGPictures.yuv420, JPEGPictures.yuv422, JPEGPictures.yuv444])
    func aPictureWithoutItsEndMarkerIsWhole(bytes: [UInt8]) throws {
        #expect(bytes.suffix(2) == [0xFF, 0xD9])
        let cut = Array(bytes.dropLast(2))
        #expect(try decode(cut) == Self.expected)
        #expect(try decode(cut + [UInt8](repeating: 0, count: 512)) == Self.expected)
    }

    /// The bytes without every segment of that marker (ITU-T T.81 section B.1.1.4).
    private func without(_ marker: UInt8, _ bytes: [UInt8]) -> [UInt8] {
        var (rest, index) = (Array(bytes.prefix(2)), 2)
        while bytes[index + 1] != 0xDA {
            let end = index + 2 + Int(bytes[index + 2]) << 8 + Int(bytes[index + 3])
            if bytes[index + 1] != marker { rest += bytes[index..<end] }
            index = end
        }
        return rest + bytes[index...]
    }

    /// Cameras leave the Huffman tables out of Motion JPEG: those of ITU-T T.81 section K.3 are meant.
    @Test(arguments: [JPEGPictures.yuv420, JPEGPictures.yuv422, JPEGPictures.yuv444])
    func aPictureWithoutHuffmanTablesHasTheStandardOnes(bytes: [UInt8]) throws {
        let bare = without(0xC4, bytes)
        #expect(bare.count < bytes.count - 400)
        #expect(try decode(bare) == Self.expected)
        #expect(try decode(Array(bare.dropLast(2))) == Self.expected)
    }

    /// One camera's pictures, with and without it, and damaged ones between them.
    @Test func endMarkersMayComeAndGo() throws {
        guard var decoder = JPEGDecoder() else { throw CaptureError.missing(device: "decoder") }
        var frame = VideoFrame(width: 16, height: 16)
        let whole = JPEGPictures.yuv422
        func decodes(_ bytes: [UInt8]) -> Bool { bytes.withUnsafeBytes { decoder.decode($0, into: &frame) } }
        let results = [whole, whole.dropLast(2), whole, whole.dropLast(12), whole.dropLast(2), whole].map {
            decodes(Array($0))
        }
        #expect(results == [true, true, true, false, true, true])
        #expect(Planes(frame) == Self.expected)
    }

    @Test func anotherSizeThanTheCamerasIsRefused() throws {
        #expect(try decode(JPEGPictures.yuv420, width: 32, height: 16) == nil)
    }

    @Test func bytesBehindThePictureAreIgnored() throws {
        #expect(try decode(JPEGPictures.yuv420 + [UInt8](repeating: 0, count: 100)) == Self.expected)
    }

    /// Broken pictures of every kind are refused or decode to something, and nothing else happens.
    @Test func hostilePicturesDoNoHarm() throws {
        guard var decoder = JPEGDecoder() else { throw CaptureError.missing(device: "decoder") }
        var frame = VideoFrame(width: 16, height: 16)
        var random = RandomSource.seeded(1)
        var refused = 0
        for _ in 0..<4_000 {
            var bytes = [JPEGPictures.yuv420, JPEGPictures.yuv422, JPEGPictures.yuv444][Int(random.next() % 3)]
            for _ in 0..<1 + random.next() % 8 {
                bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: random.next())
            }
            bytes.removeLast(Int(random.next() % 64))
            if !bytes.withUnsafeBytes({ decoder.decode($0, into: &frame) }) { refused += 1 }
        }
        #expect(refused > 0)
        #expect(try decode(JPEGPictures.yuv420) == Self.expected)
    }
}
