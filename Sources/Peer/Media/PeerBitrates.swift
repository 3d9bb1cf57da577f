public import Primitives

/// The bounds within which a session's media adapts to its path.
public struct PeerBitrates: Hashable, Sendable {
    /// Never less in all: the sound and a picture now and then.
    public var minimum: Bitrate
    /// Before anything is known of the path. Probes go above it at once.
    public var start: Bitrate
    /// Never more in all.
    public var maximum: Bitrate
    /// What the audio encoder makes, without headers.
    public var audio: Bitrate
    /// What the video encoder is always asked for.
    public var leastVideo: Bitrate
    /// What the video encoder may make at most, without headers; nil: as much as `maximum` leaves it.
    public var maximumVideo: Bitrate?

    /// Bounds in all with headers, `audio` and `leastVideo` without. `start` is moved into the bounds.
    public init(
        minimum: Bitrate = .kilobits(60), start: Bitrate = .kilobits(800), maximum: Bitrate = .kilobits(1600),
        audio: Bitrate = .kilobits(32), leastVideo: Bitrate = .kilobits(40)
    ) {
        self.minimum = minimum
        self.start = max(minimum, min(start, maximum))
        self.maximum = maximum
        self.audio = audio
        self.leastVideo = leastVideo
        maximumVideo = nil
    }

    /// Bounds for a video encoder that makes `video` at most.
    public init(maximumVideo video: Bitrate) {
        self.init(maximum: video * 1.06 + .kilobits(70))
        maximumVideo = video
    }

    /// What the video encoder makes before anything is known of the path.
    public var startVideo: Bitrate { maximumVideo.map { min(start, $0) } ?? start }
}
