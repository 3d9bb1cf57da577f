public import AgentSettings
public import Primitives
internal import Synchronization

/// What the network thread wants of the encoders, as atomics that the media threads read before every frame.
///
/// One writer (the network thread), one reader per value; values are independent, so relaxed ordering is enough.
/// Whether frames are wanted at all is not here: that is the ring's being open (`FrameRing.open`).
public final class EncoderControl: Sendable {
    private let videoBits = Atomic<Int64>(0)
    private let videoLimit = Atomic<Int64>(0)
    private let rate = Atomic<Int>(0)
    private let size = Atomic<UInt64>(0)
    private let keyframes = Atomic<UInt32>(0)
    private let audioBits = Atomic<Int64>(0)
    private let loss = Atomic<Int>(0)
    private let preferenceIndex = Atomic<Int>(0)
    private let correctsErrors = Atomic<Bool>(true)
    private let monitorSkipsSilence = Atomic<Bool>(false)
    private let maySkipSilence = Atomic<Bool>(false)
    private let audioLimit = Atomic<Int64>(.max)
    private let receiverFrameSize = Atomic<Int>(.max)
    private let receiverFrameRate = Atomic<Int>(.max)
    private let playbackRate = Atomic<Int>(48_000)
    private let packetTime = Atomic<Int>(20)

    /// As configured, before the first session.
    ///
    /// - Parameters:
    ///   - videoBitrate: The target, and its limit as well.
    ///   - frameRate: Frames per second.
    ///   - width: Pixels, more than 0 and less than 2^31.
    ///   - height: Pixels, more than 0 and less than 2^31.
    public init(videoBitrate: Bitrate, frameRate: Int, width: Int, height: Int, audioBitrate: Bitrate) {
        self.videoBitrate = videoBitrate
        videoBitrateLimit = videoBitrate
        self.frameRate = frameRate
        setMaximumSize(width: width, height: height)
        self.audioBitrate = audioBitrate
    }

    /// The video encoder's target.
    public var videoBitrate: Bitrate {
        get { Bitrate(bitsPerSecond: videoBits.load(ordering: .relaxed)) }
        set { videoBits.store(newValue.bitsPerSecond, ordering: .relaxed) }
    }

    /// What the configuration allows the video encoder at most, whatever the network carries, from the next session on.
    public var videoBitrateLimit: Bitrate {
        get { Bitrate(bitsPerSecond: videoLimit.load(ordering: .relaxed)) }
        set { videoLimit.store(newValue.bitsPerSecond, ordering: .relaxed) }
    }

    /// Frames per second that the configuration allows.
    public var frameRate: Int {
        get { rate.load(ordering: .relaxed) }
        set { rate.store(newValue, ordering: .relaxed) }
    }

    /// Macroblocks in a picture that the receiver is able to decode.
    public var maximumMacroblocks: Int { receiverFrameSize.load(ordering: .relaxed) }
    /// Pictures per second that it is able to decode.
    public var maximumFrameRate: Int { receiverFrameRate.load(ordering: .relaxed) }

    /// What the receiver said of the pictures that it is able to decode; nil is no limit.
    public func limitVideo(macroblocks: Int?, frameRate: Int?) {
        receiverFrameSize.store(macroblocks ?? .max, ordering: .relaxed)
        receiverFrameRate.store(frameRate ?? .max, ordering: .relaxed)
    }

    /// Hertz that the receiver plays at most.
    public var maximumPlaybackRate: Int { playbackRate.load(ordering: .relaxed) }
    /// Milliseconds of sound that one packet may hold, as the receiver says.
    public var maximumPacketTime: Int { packetTime.load(ordering: .relaxed) }

    /// The largest picture to send, in pixels: smaller ones are scaled by the video thread, larger ones never made.
    public var maximumSize: (width: Int, height: Int) {
        let packed = size.load(ordering: .relaxed)
        return (Int(packed >> 32), Int(packed & 0xFFFF_FFFF))
    }

    /// The agent calls it with the configured size before it opens the gates. Width and height must be more than 0 and less
    /// than 2^31.
    public func setMaximumSize(width: Int, height: Int) {
        precondition(width > 0 && height > 0 && width < 1 << 31 && height < 1 << 31, "encoder control: empty size")
        size.store(UInt64(width) << 32 | UInt64(height), ordering: .relaxed)
    }

    /// What is given up first when not everything can be had.
    public var preference: QualityPreference {
        get { QualityPreference.allCases[preferenceIndex.load(ordering: .relaxed)] }
        set { preferenceIndex.store(QualityPreference.allCases.firstIndex(of: newValue) ?? 0, ordering: .relaxed) }
    }

    /// Asks for a keyframe (PLI, FIR, a new decoder). Several requests before the next frame are one.
    public func requestKeyframe() { keyframes.wrappingAdd(1, ordering: .relaxed) }

    /// How often a keyframe was asked for; the video thread compares it with what it saw last.
    public var keyframeRequests: UInt32 { keyframes.load(ordering: .relaxed) }

    /// The audio encoder's target.
    public var audioBitrate: Bitrate {
        get { Bitrate(bitsPerSecond: min(audioBits.load(ordering: .relaxed), audioLimit.load(ordering: .relaxed))) }
        set { audioBits.store(newValue.bitsPerSecond, ordering: .relaxed) }
    }

    /// Packets lost of a hundred, as the receiver reports: how much Opus spends on in-band FEC.
    public var expectedLossPercent: Int {
        get { loss.load(ordering: .relaxed) }
        set { loss.store(min(max(newValue, 0), EncoderControl.mostLossPercent), ordering: .relaxed) }
    }

    /// Above this percentage Opus would spend on in-band FEC the bits that the speech itself needs.
    public static let mostLossPercent = 25

    /// A receiver's report: believed at once when it is worse, and forgotten by an eighth with each that is better, because
    /// losses come in bursts and a correction that ends with the burst misses the next.
    public func noteLoss(percent: Int) {
        let before = expectedLossPercent
        expectedLossPercent = max(percent, before - max(1, before / 8))
    }

    /// Whether packets carry a coarse copy of the one before (RFC 7587 `useinbandfec`).
    public var usesForwardErrorCorrection: Bool { correctsErrors.load(ordering: .relaxed) }

    /// Whether silence is left out: the configuration allows it, and the monitor asked for it (RFC 7587 `usedtx`).
    public var usesDiscontinuousTransmission: Bool {
        maySkipSilence.load(ordering: .relaxed) && monitorSkipsSilence.load(ordering: .relaxed)
    }

    /// `audio.dtx` of the configuration.
    public func allowDiscontinuousTransmission(_ isAllowed: Bool) {
        maySkipSilence.store(isAllowed, ordering: .relaxed)
    }

    /// A session's picture begins, as the configuration allows it now: nothing of the last session's path and receiver is
    /// left.
    ///
    /// - Parameter start: what its path is taken to carry before anything is known of it.
    /// - Returns: what the session may have at most, to its end.
    public func beginVideo(start: Bitrate) -> Bitrate {
        let limit = videoBitrateLimit
        videoBitrate = min(start, limit)
        limitVideo(macroblocks: nil, frameRate: nil)
        return limit
    }

    /// A session's sound begins, as its monitor likes to get it.
    public func beginAudio(
        correctsErrors: Bool, skipsSilence: Bool, bitrate: Bitrate, atMost limit: Bitrate?,
        playbackRate: Int? = nil, packetTime: Int? = nil
    ) {
        self.correctsErrors.store(correctsErrors, ordering: .relaxed)
        monitorSkipsSilence.store(skipsSilence, ordering: .relaxed)
        audioLimit.store(limit?.bitsPerSecond ?? .max, ordering: .relaxed)
        self.playbackRate.store(playbackRate ?? 48_000, ordering: .relaxed)
        self.packetTime.store(min(20, packetTime ?? 20), ordering: .relaxed)
        loss.store(0, ordering: .relaxed)
        audioBitrate = bitrate
    }
}
