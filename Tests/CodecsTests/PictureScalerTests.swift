import Codecs
import Primitives
import Testing

@Suite struct PictureScalerTests {
    /// A picture whose luma is a smooth function of the place, so that every size of it is known.
    static func ramp(_ width: Int, _ height: Int) -> VideoFrame {
        var frame = VideoFrame(width: width, height: height)
        let (stride, chromaStride) = (frame.stride, frame.chromaStride)
        let (chromaWidth, chromaHeight) = (frame.chromaWidth, frame.chromaHeight)
        frame.withUnsafeMutablePlanes { y, u, v in
            for row in 0..<height {
                for column in 0..<width {
                    y[row * stride + column] = UInt8(20 + (2 * column + 1) * 75 / width + (2 * row + 1) * 25 / height)
                }
            }
            for row in 0..<chromaHeight {
                for column in 0..<chromaWidth {
                    u[row * chromaStride + column] = 90
                    v[row * chromaStride + column] = 170
                }
            }
        }
        return frame
    }

    @Test(arguments: [
        (640, 480, 480, 360), (640, 480, 320, 240), (640, 480, 160, 120), (1280, 720, 640, 360), (640, 480, 640, 480),
        (320, 240, 640, 480), (641, 361, 320, 180), (101, 75, 50, 37), (1920, 1080, 424, 240), (1, 1, 16, 16),
        (640, 480, 16, 16),
    ])
    func sizes(fromWidth: Int, fromHeight: Int, toWidth: Int, toHeight: Int) {
        var scaler = PictureScaler()
        var source = Self.ramp(fromWidth, fromHeight)
        source.captureTime = Instant(nanoseconds: 42)
        var target = VideoFrame(width: toWidth, height: toHeight)
        for _ in 0..<2 { scaler.scale(source, into: &target) }
        #expect(target.captureTime == Instant(nanoseconds: 42))
        let expected = Self.ramp(toWidth, toHeight)
        if fromWidth > 1 {
            let quality = lumaPSNR(target, expected)
            #expect(quality > 40)
        }
        let (chromaWidth, chromaHeight, chromaStride) = (target.chromaWidth, target.chromaHeight, target.chromaStride)
        target.withUnsafePlanes { _, u, v in
            for row in 0..<chromaHeight {
                for column in 0..<chromaWidth {
                    #expect(u[row * chromaStride + column] == 90 && v[row * chromaStride + column] == 170)
                }
            }
        }
    }

    @Test func sameSizeIsTheSamePicture() {
        var scaler = PictureScaler()
        var source = VideoFrame(width: 320, height: 240)
        drawMovingPicture(&source, number: 3)
        var target = VideoFrame(width: 320, height: 240)
        scaler.scale(source, into: &target)
        let quality = lumaPSNR(source, target)
        #expect(quality == 99)
    }
}
