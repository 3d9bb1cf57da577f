import Codecs
import Primitives
import Testing

/// The codec as a value: what encodes and what decodes is chosen by it.
@Suite struct VideoCodecTests {
    @Test(arguments: VideoCodec.allCases)
    func picturesSurviveTheRoundTrip(_ codec: VideoCodec) throws {
        var settings = VideoEncoderSettings(width: 160, height: 120, frameRate: 30, bitrate: .kilobits(400))
        var encoder = try VideoEncoder(codec, settings)
        var decoder = try VideoDecoder(codec)
        var picture = VideoFrame(width: 160, height: 120)
        var decoded = VideoFrame(width: 16, height: 16)
        var frame = EncodedFrame(kind: .video, capacity: 65536)
        frame.codec = nil
        for number in 0..<20 {
            drawMovingPicture(&picture, number: number)
            guard try encoder.encode(picture, into: &frame) == .encoded else { continue }
            #expect(frame.codec == codec && frame.isKeyframe == (number == 0))
            let shown = try decoder.decode(frame.bytes, into: &decoded)
            #expect(shown && decoded.width == 160 && decoded.height == 120)
        }
        let quality = lumaPSNR(picture, decoded)
        #expect(quality > 28)
        #expect(encoder.quantizerIndex > 0)
        // A refused change leaves the encoder as it was.
        settings.bitrate = .zero
        #expect(throws: CodecError.self) { try encoder.update(settings) }
        settings.bitrate = .kilobits(100)
        settings.width = 80
        settings.height = 64
        try encoder.update(settings)
        var small = VideoFrame(width: 80, height: 64)
        drawMovingPicture(&small, number: 0)
        #expect(try encoder.encode(small, into: &frame) == .encoded)
        let isKeyframe = frame.isKeyframe
        #expect(isKeyframe && frame.width == 80)
    }
}
