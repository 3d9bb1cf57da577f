import Codecs
import Primitives
import Testing

@Suite struct VP8Tests {
    static func settings(width: Int = 320, height: Int = 240, kilobits: Double = 400) -> VP8EncoderSettings {
        VP8EncoderSettings(
            width: width, height: height, frameRate: 30, bitrate: .kilobits(kilobits), dropFrameThreshold: 0)
    }

    @Test func picturesSurviveTheRoundTrip() throws {
        var encoder = try VP8Encoder(Self.settings())
        var decoder = try VP8Decoder()
        var picture = VideoFrame(width: 320, height: 240)
        var decoded = VideoFrame(width: 16, height: 16)
        var frame = EncodedFrame(kind: .video, capacity: 65536)
        for number in 0..<30 {
            drawMovingPicture(&picture, number: number)
            #expect(try encoder.encode(picture, into: &frame) == .encoded)
            #expect(frame.isKeyframe == (number == 0))
            #expect(frame.captureTime == picture.captureTime)
            #expect(frame.width == 320 && frame.height == 240 && frame.count > 0)
            #expect(frame.codec == .vp8)
            let shown = try decoder.decode(frame.bytes, into: &decoded)
            #expect(shown && decoded.width == 320 && decoded.height == 240)
        }
        let quality = lumaPSNR(picture, decoded)
        #expect(quality > 28)
        #expect(encoder.measures.encoded == 30 && encoder.measures.keyframes == 1)
    }

    @Test func keyframesComeOnDemandOnly() throws {
        var encoder = try VP8Encoder(Self.settings(width: 160, height: 120))
        var picture = VideoFrame(width: 160, height: 120)
        var frame = EncodedFrame(kind: .video, capacity: 65536)
        var keyframes: [Int] = []
        for number in 0..<400 {
            drawMovingPicture(&picture, number: number)
            _ = try encoder.encode(picture, forceKeyframe: number == 57, into: &frame)
            if frame.isKeyframe { keyframes.append(number) }
        }
        #expect(keyframes == [0, 57])
    }

    // Down, up again within the first size, and beyond it, which needs a new encoder inside.
    @Test func aNewSizeBeginsWithAKeyframe() throws {
        var encoder = try VP8Encoder(Self.settings())
        var decoder = try VP8Decoder()
        var decoded = VideoFrame(width: 16, height: 16)
        var frame = EncodedFrame(kind: .video, capacity: 65536)
        for (width, height) in [(320, 240), (160, 120), (240, 180), (320, 240), (642, 362), (101, 75)] {
            var settings = encoder.settings
            settings.width = width
            settings.height = height
            try encoder.update(settings)
            var picture = VideoFrame(width: width, height: height)
            for number in 0..<5 {
                drawMovingPicture(&picture, number: number)
                #expect(try encoder.encode(picture, into: &frame) == .encoded)
                #expect(frame.isKeyframe == (number == 0))
                let shown = try decoder.decode(frame.bytes, into: &decoded)
                #expect(shown && decoded.width == width && decoded.height == height)
            }
            let quality = lumaPSNR(picture, decoded)
            #expect(quality > 24, "at \(width)x\(height)")
        }
    }

    @Test func theBitrateIsFollowed() throws {
        var encoder = try VP8Encoder(Self.settings())
        var picture = VideoFrame(width: 320, height: 240)
        var frame = EncodedFrame(kind: .video, capacity: 65536)
        var number = 0
        for kilobits in [400.0, 150, 600] {
            try encoder.setBitrate(.kilobits(kilobits))
            var bytes = 0
            for index in 0..<150 {
                drawMovingPicture(&picture, number: number)
                number += 1
                _ = try encoder.encode(picture, into: &frame)
                // The first second is for the rate control to arrive.
                if index >= 30 { bytes += frame.count }
            }
            let measured = Double(bytes) * 8 / 4 / 1000
            #expect(measured < kilobits * 1.3 && measured > kilobits * 0.5, "\(measured) for \(kilobits)")
        }
    }

    @Test("A keyframe takes the link no longer at few pictures per second", arguments: [30, 20, 15])
    func keyframesAreShort(frameRate: Int) throws {
        var settings = Self.settings(width: 640, height: 480, kilobits: 850)
        settings.frameRate = 30
        var encoder = try VP8Encoder(settings)
        // As when the ladder steps up: the rate changes with the picture that becomes a keyframe.
        settings.frameRate = frameRate
        try encoder.update(settings)
        var picture = VideoFrame(width: 640, height: 480)
        var frame = EncodedFrame(kind: .video, capacity: 65536)
        for number in 0..<60 {
            drawMovingPicture(&picture, number: number * 30 / frameRate)
            _ = try encoder.encode(picture, forceKeyframe: number == 50, into: &frame)
            if number == 50 { #expect(Double(frame.count) * 8 / 850_000 < 0.15 * 1.2) }
        }
    }

    @Test func picturesAreDroppedWhenTheRateAsksForIt() throws {
        var settings = Self.settings(width: 640, height: 480, kilobits: 60)
        settings.dropFrameThreshold = 60
        var encoder = try VP8Encoder(settings)
        var picture = VideoFrame(width: 640, height: 480)
        var frame = EncodedFrame(kind: .video, capacity: 65536)
        for number in 0..<90 {
            drawMovingPicture(&picture, number: number)
            let result = try encoder.encode(picture, into: &frame)
            #expect((result == .dropped) == (frame.count == 0))
        }
        #expect(encoder.measures.dropped > 0)
        #expect(encoder.measures.dropped + encoder.measures.encoded == 90)
        drawMovingPicture(&picture, number: 90)
        #expect(try encoder.encode(picture, forceKeyframe: true, into: &frame) == .encoded)
        let isKeyframe = frame.isKeyframe
        #expect(isKeyframe)
    }

    @Test func settingsOutOfRangeAreRefused() {
        func refuses(_ change: (inout VP8EncoderSettings) -> Void) -> Bool {
            var settings = Self.settings()
            change(&settings)
            do { _ = try VP8Encoder(settings) } catch { return true }
            return false
        }
        #expect(refuses { $0.width = 0 })
        #expect(refuses { $0.height = 20_000 })
        #expect(refuses { $0.frameRate = 0 })
        #expect(refuses { $0.bitrate = .zero })
        #expect(refuses { $0.speed = 4 })
        #expect(refuses { $0.minimumQuantizer = 60 })
        #expect(!refuses { _ in })
    }

    @Test func aRefusedUpdateChangesNothing() throws {
        var encoder = try VP8Encoder(Self.settings())
        #expect(throws: CodecError.self) { try encoder.setBitrate(.zero) }
        var picture = VideoFrame(width: 320, height: 240)
        var frame = EncodedFrame(kind: .video, capacity: 65536)
        drawMovingPicture(&picture, number: 0)
        #expect(try encoder.encode(picture, into: &frame) == .encoded)
    }
}

extension VP8Encoder {
    fileprivate mutating func setBitrate(_ bitrate: Bitrate) throws(CodecError) {
        var new = settings
        new.bitrate = bitrate
        try update(new)
    }
}
