public import Primitives

/// What a camera gives, before anything is scaled or left out.
public struct SourcePicture: Sendable, Equatable {
    /// In pixels.
    public var size: PictureSize
    /// As its pictures really come.
    public var framesPerSecond: Double
}

/// What one media thread did, since the agent started or in one session (`MediaTally`).
public struct MediaCounters: Sendable, Equatable {
    /// Pictures, or blocks of samples, that the device delivered.
    public var captured: UInt64 = 0
    /// Frames that the encoder made for somebody.
    public var encoded: UInt64 = 0
    /// Those of `encoded` that were keyframes; 0 for sound.
    public var keyframes: UInt64 = 0
    /// Size of all frames in `encoded`, without RTP headers.
    public var bytes: UInt64 = 0
    /// Frames that did not leave, by reason.
    public var skippedBy = Counter<FrameDrop>()
    /// Packets left out because there was nothing to hear.
    public var skippedSilence: UInt64 = 0
    /// Not delivered because the network thread was late.
    public var dropped: UInt64 = 0
    /// Pixels of the latest encoded picture; 0 before the first, and for sound.
    public var width: Int = 0
    /// Pixels of the latest encoded picture; 0 before the first, and for sound.
    public var height: Int = 0
    /// Pictures encoded per second over about the last second; 0 for sound.
    public var framesPerSecond: Double = 0
    /// Nil before the camera's first picture.
    public var source: SourcePicture?
    /// The sum over all pictures of the quantizer in their headers; in VP8 0 (best) … 127 each.
    public var quantizerSum: UInt64 = 0
    /// Scaling included.
    public var encodeTime: Duration = .zero
    /// How often the size followed the network or the processor.
    public var resolutionChanges: UInt64 = 0
    /// How long each limitation held.
    public var limitedFor = LimitationTimes()
    /// Bits per second that the encoder was last given.
    public var targetBitrate: Int = 0
    /// What holds the picture below what the camera gives.
    public var limitation: QualityLimitation = .none
    /// Time per picture in shares of the time until the next.
    public var processorLoad: Double = 0
    /// Nothing counted yet.
    public init() {}

    /// All frames and packets that did not leave: `skippedBy` and `skippedSilence` together.
    public var skipped: UInt64 { skippedBy.total + skippedSilence }
}
