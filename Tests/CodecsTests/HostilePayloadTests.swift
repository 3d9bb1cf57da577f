import Codecs
import FuzzBodies
import Primitives
import Testing

@Suite struct HostilePayloadTests {
    @Test func randomBytes() {
        var random = RandomSource.seeded(7)
        for _ in 0..<400 {
            let input = (0..<Int.random(in: 0...300, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            FuzzBody.vp8.run(input)
            FuzzBody.opus.run(input)
        }
    }

    @Test func damagedPictures() throws {
        var random = RandomSource.seeded(8)
        var encoder = try VP8Encoder(VP8Tests.settings(width: 160, height: 120))
        var decoder = try VP8Decoder()
        var picture = VideoFrame(width: 160, height: 120)
        var decoded = VideoFrame(width: 160, height: 120)
        var frame = EncodedFrame(kind: .video, capacity: 65536)
        for number in 0..<150 {
            drawMovingPicture(&picture, number: number)
            _ = try encoder.encode(picture, forceKeyframe: number % 10 == 0, into: &frame)
            var bytes = frame.bytes.copied()
            // The size of a keyframe is left alone: another would only make the decoder larger.
            for _ in 0..<4 where bytes.count > 12 {
                bytes[Int.random(in: 10..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            if Bool.random(using: &random) { bytes.removeLast(bytes.count / 3) }
            _ = try? decoder.decode(bytes.span, into: &decoded)
        }
        // And afterwards it still works.
        drawMovingPicture(&picture, number: 200)
        _ = try encoder.encode(picture, forceKeyframe: true, into: &frame)
        let shown = try decoder.decode(frame.bytes, into: &decoded)
        let quality = lumaPSNR(picture, decoded)
        #expect(shown && quality > 24)
    }

    @Test func aHugePictureIsRefusedBeforeItTakesMemory() throws {
        var decoder = try VP8Decoder()
        var picture = VideoFrame(width: 16, height: 16)
        let bytes: [UInt8] = [0x10, 0, 0, 0x9D, 0x01, 0x2A, 0xFF, 0x3F, 0xFF, 0x3F, 0, 0, 0, 0]
        var reason: String?
        do throws(CodecError) { _ = try decoder.decode(bytes.span, into: &picture) } catch { reason = error.reason }
        #expect(reason == "picture too large (16383x16383)")
    }
}
