import Media
import Peer
import Primitives

/// What one session has of the kiosk's media: rings that are open for the kinds it takes, and encoders that are told what it wishes.
struct SessionMedia {
    /// What the configuration allowed the video encoder when the session began.
    let maximumVideo: Bitrate

    private let video: FrameRing
    private let audio: FrameRing
    private let control: EncoderControl
    private(set) var keyframeRequests = 0
    /// What the encoders were told of the peer's wishes; nil before the first description.
    private var videoWishes: VideoWishes?
    private var audioWishes: AudioWishes?

    /// The encoder of video begins anew.
    init(video: FrameRing, audio: FrameRing, control: EncoderControl) {
        self.video = video
        self.audio = audio
        self.control = control
        maximumVideo = control.beginVideo(start: PeerBitrates().start)
    }

    /// The session may send, and perhaps anew: rings that are open for the peer before begin with a keyframe again.
    func restart(_ kinds: Set<MediaKind>, wishes: AudioWishes) {
        close()
        open(kinds, wishes: wishes)
    }

    /// Rings are open for these kinds and no other: what the monitor does not ask for is not encoded either.
    func open(_ kinds: Set<MediaKind>, wishes: AudioWishes) {
        // The sound begins as the peer likes it, whatever the last one liked.
        if kinds.contains(.audio), !audio.isOpen { beginAudio(wishes) }
        for (ring, kind) in [(video, MediaKind.video), (audio, .audio)] where ring.isOpen != kinds.contains(kind) {
            if ring.isOpen { ring.close() } else { ring.open() }
        }
    }

    func close() {
        video.close()
        audio.close()
    }

    /// A description may say anew what the peer takes, in mid-session too.
    mutating func follow(video: VideoWishes, audio: AudioWishes) {
        if videoWishes != video {
            videoWishes = video
            control.limitVideo(macroblocks: video.maximumFrameSize, frameRate: video.maximumFrameRate)
        }
        if audioWishes != audio {
            audioWishes = audio
            if self.audio.isOpen { beginAudio(audio) }
        }
    }

    private func beginAudio(_ wishes: AudioWishes) {
        control.beginAudio(
            correctsErrors: wishes.forwardErrorCorrection, skipsSilence: wishes.discontinuousTransmission,
            bitrate: PeerBitrates().audio, atMost: wishes.maximumBitrate,
            playbackRate: wishes.maximumPlaybackRate, packetTime: wishes.maximumPacketTime)
    }

    mutating func keyframeRequested() {
        keyframeRequests += 1
        control.requestKeyframe()
    }

    /// - Parameter fraction: of the sound's packets, 0 … 1.
    func lossReported(_ fraction: Double) { control.noteLoss(percent: Int((fraction * 100).rounded())) }

    func videoBitrateChanged(_ rate: Bitrate) { control.videoBitrate = min(rate, maximumVideo) }

    func audioBitrateChanged(_ rate: Bitrate) { control.audioBitrate = rate }
}
