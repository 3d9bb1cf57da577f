public import AgentSettings
public import Primitives
internal import Synchronization

/// What the network thread wants of the encoders, as atomics that the media threads read before every frame.
///
/// The agent's thread writes what is configured, the hub what its subscribers want together; one thread reads each value.
/// Values are independent, so relaxed ordering is enough. Whether frames are wanted at all is not here: that is whether
/// somebody is open (`FrameHub.generation`).
public final class EncoderControl: Sendable {
    private let codecIndex = Atomic<Int>(0)
    private let videoBits = Atomic<Int64>(0)
    private let videoLimit = Atomic<Int64>(0)
    private let rate = Atomic<Int>(0)
    private let size = Atomic<UInt64>(0)
    private let audioBits = Atomic<Int64>(0)
    private let loss = Atomic<Int>(0)
    private let preferenceIndex = Atomic<Int>(0)
    private let correctsErrors = Atomic<Bool>(true)
    private let monitorSkipsSilence = Atomic<Bool>(false)
    private let maySkipSilence = Atomic<Bool>(false)
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
        videoBitrateLimit = videoBitrate
        self.frameRate = frameRate
        setMaximumSize(width: width, height: height)
        apply(VideoWish(bitrate: videoBitrate))
        apply(AudioWish(bitrate: audioBitrate))
    }

    // MARK: the configuration

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

    /// `audio.dtx` of the configuration.
    public func allowDiscontinuousTransmission(_ isAllowed: Bool) {
        maySkipSilence.store(isAllowed, ordering: .relaxed)
    }

    // MARK: the picture

    /// Takes over what those who take the picture want: nothing of what was wanted before is left.
    func apply(_ wish: VideoWish) {
        videoBits.store(wish.bitrate.bitsPerSecond, ordering: .relaxed)
        receiverFrameSize.store(wish.macroblocks, ordering: .relaxed)
        receiverFrameRate.store(wish.frameRate, ordering: .relaxed)
        codecIndex.store(VideoCodec.allCases.firstIndex(of: wish.codec) ?? 0, ordering: .relaxed)
    }

    /// What the receivers decode.
    public var codec: VideoCodec { VideoCodec.allCases[codecIndex.load(ordering: .relaxed)] }

    /// The video encoder's target.
    public var videoBitrate: Bitrate { Bitrate(bitsPerSecond: videoBits.load(ordering: .relaxed)) }

    /// Macroblocks in a picture that all receivers are able to decode.
    public var maximumMacroblocks: Int { receiverFrameSize.load(ordering: .relaxed) }
    /// Pictures per second that they are able to decode.
    public var maximumFrameRate: Int { receiverFrameRate.load(ordering: .relaxed) }

    // MARK: the sound

    /// Takes over what those who take the sound want: nothing of what was wanted before is left.
    func apply(_ wish: AudioWish) {
        correctsErrors.store(wish.correctsErrors, ordering: .relaxed)
        monitorSkipsSilence.store(wish.skipsSilence, ordering: .relaxed)
        playbackRate.store(wish.playbackRate, ordering: .relaxed)
        packetTime.store(wish.packetTime, ordering: .relaxed)
        loss.store(wish.lossPercent, ordering: .relaxed)
        audioBits.store(wish.bitrate.bitsPerSecond, ordering: .relaxed)
    }

    /// The audio encoder's target.
    public var audioBitrate: Bitrate { Bitrate(bitsPerSecond: audioBits.load(ordering: .relaxed)) }

    /// Hertz that the receivers play at most.
    public var maximumPlaybackRate: Int { playbackRate.load(ordering: .relaxed) }
    /// Milliseconds of sound that one packet may hold, as the receivers say.
    public var maximumPacketTime: Int { packetTime.load(ordering: .relaxed) }

    /// Packets lost of a hundred, as the receivers report: how much Opus spends on in-band FEC.
    public var expectedLossPercent: Int { loss.load(ordering: .relaxed) }

    /// Whether packets carry a coarse copy of the one before (RFC 7587 `useinbandfec`).
    public var usesForwardErrorCorrection: Bool { correctsErrors.load(ordering: .relaxed) }

    /// Whether silence is left out: the configuration allows it, and the monitor asked for it (RFC 7587 `usedtx`).
    public var usesDiscontinuousTransmission: Bool {
        maySkipSilence.load(ordering: .relaxed) && monitorSkipsSilence.load(ordering: .relaxed)
    }
}
