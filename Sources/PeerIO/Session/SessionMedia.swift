import Media
import Peer
import Primitives
import Reactor
import Service

/// What one session has of the kiosk's media: its place in the hub, the kinds it takes, and what it wishes of the encoders.
struct SessionMedia {
    private static let log = Log("network")

    /// Nil when the hub had no place left: the session goes on without media.
    private let subscriber: MediaSubscriber?
    private(set) var keyframeRequests = 0
    private var taken: Set<MediaKind>
    private var video: VideoWish
    private var audio: AudioWish
    /// What the encoders were told of the peer's wishes; nil before the first description.
    private var videoWishes: VideoWishes?
    private var audioWishes: AudioWishes?

    /// - Parameters:
    ///   - readable: signaled when a frame has come.
    ///   - bitrates: the session's bounds; the encoders begin with what they say.
    init(_ hub: MediaHub, _ lease: Lease, readable: WakeFD, bitrates: PeerBitrates) {
        subscriber = hub.subscribe(lease, readable: readable)
        taken = []
        video = VideoWish(bitrate: bitrates.startVideo)
        audio = AudioWish(bitrate: bitrates.audio)
        if subscriber == nil { SessionMedia.log.error("no place left for the session's media") }
        subscriber?.wish(video)
    }

    /// The session may send, and perhaps anew: kinds that were taken for the peer before begin with a keyframe again.
    mutating func restart(_ kinds: Set<MediaKind>, wishes: AudioWishes, bitrate: Bitrate) {
        take([])
        open(kinds, wishes: wishes, bitrate: bitrate)
    }

    /// These kinds are taken and no other: what the monitor does not ask for is not encoded either.
    ///
    /// - Parameter bitrate: what the audio encoder may make now.
    mutating func open(_ kinds: Set<MediaKind>, wishes: AudioWishes, bitrate: Bitrate) {
        // The sound begins as the peer likes it, whatever the last one liked.
        if kinds.contains(.audio), !taken.contains(.audio) { beginAudio(wishes, bitrate: bitrate) }
        take(kinds)
    }

    private mutating func take(_ kinds: Set<MediaKind>) {
        guard kinds != taken else { return }
        taken = kinds
        subscriber?.take(kinds)
    }

    /// Gives the place in the hub back.
    func end() { subscriber?.end() }

    /// The oldest frame that waits for the session; nil when there is none.
    func pop(_ kind: MediaKind) -> SharedFrame? { subscriber?.pop(kind) }

    /// A description may say anew what the peer takes, in mid-session too.
    mutating func follow(video: VideoWishes, codec: VideoCodec?, audio: AudioWishes, bitrate: Bitrate) {
        let codec = codec ?? self.video.codec
        if videoWishes != video || self.video.codec != codec {
            videoWishes = video
            self.video = VideoWish(
                bitrate: self.video.bitrate, macroblocks: video.maximumFrameSize, frameRate: video.maximumFrameRate,
                codec: codec)
            subscriber?.wish(self.video)
        }
        if audioWishes != audio {
            audioWishes = audio
            if taken.contains(.audio) { beginAudio(audio, bitrate: bitrate) }
        }
    }

    private mutating func beginAudio(_ wishes: AudioWishes, bitrate: Bitrate) {
        audio = AudioWish(
            bitrate: bitrate, correctsErrors: wishes.forwardErrorCorrection,
            skipsSilence: wishes.discontinuousTransmission, playbackRate: wishes.maximumPlaybackRate,
            packetTime: wishes.maximumPacketTime)
        subscriber?.wish(audio)
    }

    mutating func keyframeRequested() {
        keyframeRequests += 1
        subscriber?.requestKeyframe()
    }

    /// - Parameter fraction: of the sound's packets, 0 … 1.
    mutating func lossReported(_ fraction: Double) {
        audio.noteLoss(percent: Int((fraction * 100).rounded()))
        subscriber?.wish(audio)
    }

    mutating func videoBitrateChanged(_ rate: Bitrate) {
        video.bitrate = rate
        subscriber?.wish(video)
    }

    mutating func audioBitrateChanged(_ rate: Bitrate) {
        audio.bitrate = rate
        subscriber?.wish(audio)
    }
}
