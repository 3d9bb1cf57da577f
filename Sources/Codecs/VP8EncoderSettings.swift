public import Primitives

/// How a `VP8Encoder` works: what can change while it runs, and what is fixed when it is made.
public struct VP8EncoderSettings: Sendable, Equatable {
    /// Picture size in pixels, 16 … 16,383 each way (VP8's own limit, RFC 6386 section 9.1).
    public var width: Int
    /// In pixels, 16 … 16,383.
    public var height: Int
    /// Pictures per second that the rate control expects, 1 … 60.
    public var frameRate: Int
    /// What the rate control aims at, `VideoEncoderSettings.bitrates`.
    public var bitrate: Bitrate

    /// libvpx' speed setting, negative: a fixed speed. A positive one lets libvpx choose by measuring its own time,
    /// which on a busy machine changes the picture's quality by accident. See `VP8Encoder` for the figures.
    public var speed: Int
    /// Whether pictures may be dropped to hold the bitrate; the buffer's fill in percent below which it happens, or 0.
    public var dropFrameThreshold: Int
    /// How long the link may carry one keyframe. Receivers count more than 150 ms beyond the usual distance of two
    /// pictures as a freeze.
    public static let longestKeyframe: Duration = .milliseconds(150)
    /// At few pictures per second a keyframe still needs more than its share.
    static let leastIntraPercent = 200

    /// The largest keyframe in percent of a picture's share of the bitrate: `longestKeyframe` at any frame rate.
    var maximumIntraPercent: Int {
        max(
            VP8EncoderSettings.leastIntraPercent,
            Int(VP8EncoderSettings.longestKeyframe.seconds * Double(frameRate) * 100))
    }
    /// Best and worst quantizer, 0 … 63.
    public var minimumQuantizer: Int
    /// Worst quantizer, 0 … 63.
    public var maximumQuantizer: Int

    /// Nothing is checked here; `VP8Encoder` refuses what is out of range.
    public init(
        width: Int, height: Int, frameRate: Int, bitrate: Bitrate, speed: Int = -6, dropFrameThreshold: Int = 30,
        minimumQuantizer: Int = 2, maximumQuantizer: Int = 56
    ) {
        self.width = width
        self.height = height
        self.frameRate = frameRate
        self.bitrate = bitrate
        self.speed = speed
        self.dropFrameThreshold = dropFrameThreshold
        self.minimumQuantizer = minimumQuantizer
        self.maximumQuantizer = maximumQuantizer
    }

    func check() throws(CodecError) {
        func require(_ condition: Bool, _ rule: @autoclosure () -> String) throws(CodecError) {
            guard condition else { throw CodecError(operation: "vp8 encoder settings", reason: rule()) }
        }
        try require(
            (16...16383).contains(width) && (16...16383).contains(height), "size not 16 … 16383 (\(width)x\(height))")
        try require((1...60).contains(frameRate), "frame rate not 1 … 60 (\(frameRate))")
        try require(VideoEncoderSettings.bitrates.contains(bitrate), "bitrate not 10 … 20000 kbit/s (\(bitrate))")
        try require((-16 ... -1).contains(speed), "speed not -16 … -1 (\(speed))")
        try require((0...100).contains(dropFrameThreshold), "drop threshold not 0 … 100 (\(dropFrameThreshold))")
        try require(
            minimumQuantizer >= 0 && minimumQuantizer <= maximumQuantizer && maximumQuantizer <= 63,
            "quantizers not 0 … 63 in order (\(minimumQuantizer), \(maximumQuantizer))")
    }
}
