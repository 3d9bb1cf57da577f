import Primitives
import TestSupport
import Testing

@testable import Capture

@Suite struct StillPictureTests {
    /// One colour all over, in studio range.
    private func frame(y: UInt8, u: UInt8, v: UInt8) -> VideoFrame {
        var frame = VideoFrame(width: 16, height: 16)
        let (luma, chroma) = (frame.stride * frame.height, frame.chromaStride * frame.chromaHeight)
        frame.withUnsafeMutablePlanes { toY, toU, toV in
            toY.update(repeating: y, count: luma)
            toU.update(repeating: u, count: chroma)
            toV.update(repeating: v, count: chroma)
        }
        return frame
    }

    /// Rec. ITU-R BT.601: black, white and red of the studio range.
    @Test(
        arguments: [
            ((16, 128, 128), (0, 0, 0)), ((235, 128, 128), (255, 255, 255)), ((81, 90, 240), (255, 0, 0)),
        ] as [((UInt8, UInt8, UInt8), (Int, Int, Int))])
    func coloursAreRedGreenBlue(yuv: (UInt8, UInt8, UInt8), expected: (Int, Int, Int)) {
        let rgb = StillPicture.rgb(frame(y: yuv.0, u: yuv.1, v: yuv.2))
        #expect(rgb.count == 16 * 16 * 3)
        for (index, value) in rgb.enumerated() {
            let wanted = [expected.0, expected.1, expected.2][index % 3]
            #expect(abs(Int(value) - wanted) <= 3)
        }
    }

    @Test func aJPEGComesBackAsThePictureThatItWas() throws {
        let picture = frame(y: 180, u: 100, v: 150)
        let encoded = StillPicture.jpeg(picture)
        let jpeg = try #require(encoded)
        guard var decoder = JPEGDecoder() else { throw CaptureError.missing(device: "decoder") }
        var back = VideoFrame(width: 16, height: 16)
        let isWhole = jpeg.withUnsafeBytes { decoder.decode($0, into: &back) }
        try #require(isWhole)
        let planes = Planes(back)
        #expect(planes.y.allSatisfy { abs(Int($0) - 180) <= 3 })
        #expect(planes.u.allSatisfy { abs(Int($0) - 100) <= 4 })
        #expect(planes.v.allSatisfy { abs(Int($0) - 150) <= 4 })
    }

    @Test func aCamerasOwnPictureIsMadeAFile() {
        let whole = JPEGPictures.yuv420
        #expect(StillPicture.file(fromMotionJPEG: whole) == whole)
        #expect(StillPicture.file(fromMotionJPEG: whole + [0, 0, 0]) == whole)
        #expect(StillPicture.file(fromMotionJPEG: Array(whole.dropLast(2))) == whole)
    }

    @Test func onesThatDoNotStandAloneAreNone() {
        // Start of image, quantization table of 3 bytes, start of scan: no Huffman table.
        #expect(StillPicture.file(fromMotionJPEG: [0xFF, 0xD8, 0xFF, 0xDB, 0, 3, 1, 0xFF, 0xDA, 0, 2, 1, 2, 3]) == nil)
        #expect(StillPicture.file(fromMotionJPEG: []) == nil)
        #expect(StillPicture.file(fromMotionJPEG: Array("RIFF".utf8)) == nil)
        for length in 0..<min(JPEGPictures.yuv420.count, 100) {
            _ = StillPicture.file(fromMotionJPEG: Array(JPEGPictures.yuv420.prefix(length)))
        }
        // A length of nothing leads nowhere, and to an end all the same.
        #expect(StillPicture.file(fromMotionJPEG: [0xFF, 0xD8, 0xFF, 0xDB, 0, 0, 0, 0]) == nil)
    }

    @Test func itIsKeptOnlyWhereItIsWanted() throws {
        let layout = try #require(PictureLayout(pixelFormat: .mjpeg, width: 16, height: 16, bytesPerLine: 16))
        var reader = PictureReader(layout)
        var frame = VideoFrame(width: 16, height: 16)
        func read(_ bytes: [UInt8]) -> [UInt8]? {
            _ = bytes.withUnsafeBytes { reader.read($0, taken: .zero, into: &frame) }
            return reader.jpeg
        }
        #expect(read(JPEGPictures.yuv420) == nil)
        reader.keepsJPEG = true
        #expect(read(JPEGPictures.yuv420) == JPEGPictures.yuv420)
        #expect(read(Array(JPEGPictures.yuv420.dropLast(12))) == nil)
    }
}
