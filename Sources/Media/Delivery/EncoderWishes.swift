public import Primitives

// What takers of media want of the encoders. One encoder serves all who take its frames: it gets the wish that all of
// them can live with.

/// What one subscriber wants of the picture.
public struct VideoWish: Hashable, Sendable {
    /// What its path carries of it, without headers.
    public var bitrate: Bitrate
    /// Macroblocks in a picture that it is able to decode; `Int.max` is no limit.
    public var macroblocks: Int
    /// Pictures per second that it is able to decode; `Int.max` is no limit.
    public var frameRate: Int
    /// What negotiation chose.
    public var codec: VideoCodec

    /// Nil is no limit.
    public init(bitrate: Bitrate, macroblocks: Int? = nil, frameRate: Int? = nil, codec: VideoCodec = .vp8) {
        self.codec = codec
        self.bitrate = bitrate
        self.macroblocks = macroblocks ?? .max
        self.frameRate = frameRate ?? .max
    }

    /// What both can take, of the same codec.
    func merged(with other: VideoWish) -> VideoWish {
        precondition(
            codec == other.codec, "video wish: an encoder makes one codec: takers of another need a hub of their own")
        return VideoWish(
            bitrate: min(bitrate, other.bitrate), macroblocks: min(macroblocks, other.macroblocks),
            frameRate: min(frameRate, other.frameRate), codec: codec)
    }
}

/// What one subscriber wants of the sound.
public struct AudioWish: Hashable, Sendable {
    /// Above this percentage Opus would spend on in-band FEC the bits that the speech itself needs.
    public static let mostLossPercent = 25

    /// What its path carries of it, without headers.
    public var bitrate: Bitrate
    /// Packets carry a coarse copy of the one before (RFC 7587 `useinbandfec`).
    public var correctsErrors: Bool
    /// Silence is left out (RFC 7587 `usedtx`).
    public var skipsSilence: Bool
    /// Hertz that it plays at most.
    public var playbackRate: Int
    /// Milliseconds that one packet may hold, 20 at most.
    public var packetTime: Int
    /// Packets lost of a hundred.
    public private(set) var lossPercent: Int

    /// Nothing lost yet. Nil is no limit.
    public init(
        bitrate: Bitrate, correctsErrors: Bool = true, skipsSilence: Bool = false, playbackRate: Int? = nil,
        packetTime: Int? = nil
    ) {
        self.bitrate = bitrate
        self.correctsErrors = correctsErrors
        self.skipsSilence = skipsSilence
        self.playbackRate = playbackRate ?? 48_000
        self.packetTime = min(20, packetTime ?? 20)
        lossPercent = 0
    }

    /// A receiver's report: believed at once when it is worse, and forgotten by an eighth with each that is better, because
    /// losses come in bursts and a correction that ends with the burst misses the next.
    public mutating func noteLoss(percent: Int) {
        let remembered = lossPercent - max(1, lossPercent / 8)
        lossPercent = min(max(percent, remembered, 0), AudioWish.mostLossPercent)
    }

    /// What both can take: the lower rate, the shorter packets, and correction where one of them needs it.
    func merged(with other: AudioWish) -> AudioWish {
        var merged = AudioWish(
            bitrate: min(bitrate, other.bitrate), correctsErrors: correctsErrors || other.correctsErrors,
            skipsSilence: skipsSilence && other.skipsSilence, playbackRate: min(playbackRate, other.playbackRate),
            packetTime: min(packetTime, other.packetTime))
        merged.lossPercent = max(lossPercent, other.lossPercent)
        return merged
    }
}
