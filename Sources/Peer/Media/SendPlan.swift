import Primitives
import SDP

// What this peer's media may take: the one place that decides a bitrate. No clock and no stream: it is told what was
// configured, what the descriptions allow and what the path is believed to carry, and says what follows.
//
//   configured (PeerBitrates) ─┐
//   negotiated (Limits) ───────┼─▶ SendPlan ─▶ bounds of the congestion control
//   congestion target, repairs,│           ├─▶ rate of the audio encoder
//   what waits (update) ───────┘           └─▶ rate of the video encoder
//
// An encoder that several peers share makes the least of what their plans say (Media's hub).

struct SendPlan: Sendable {
    /// What a description agreed on.
    struct Limits: Hashable, Sendable {
        var sendsAudio: Bool
        var sendsVideo: Bool
        /// `b=` of the session: sound and picture together, without headers.
        var session: Bitrate?
        /// `b=` of the picture's section.
        var video: Bitrate?
        /// `maxaveragebitrate`, or the narrowest of the `b=` lines that hold for the sound.
        var audio: Bitrate?
    }

    /// Rates for the encoders that are worth a new configuration; nil where nothing changed.
    struct Change: Hashable, Sendable {
        var audio: Bitrate?
        var video: Bitrate?
    }

    /// What all of the peer's media takes together, with headers.
    struct Bounds: Hashable, Sendable {
        var minimum: Bitrate
        var start: Bitrate
        var maximum: Bitrate
    }

    /// The least rate that the video encoder is asked for, and the least that it takes.
    private static let leastVideo = Bitrate.kilobits(10)
    /// The least that Opus makes (RFC 6716 section 2.1.1).
    private static let leastAudio = Bitrate.kilobits(6)

    private let configured: PeerBitrates
    private var limits: Limits
    /// What the peer takes of the picture, from one description to the next; nil sets no limit.
    private var negotiatedVideo: Bitrate?
    private var audioBudget: AudioBudget
    private var videoBudget: VideoBudget

    init(_ configured: PeerBitrates) {
        self.configured = configured
        limits = Limits(sendsAudio: false, sendsVideo: false)
        negotiatedVideo = nil
        audioBudget = AudioBudget(configured.audio)
        videoBudget = VideoBudget(least: configured.leastVideo)
    }

    /// A description was accepted.
    mutating func negotiated(_ new: Limits) {
        limits = new
        negotiatedVideo = new.picture(beside: configured.audio).map { max(SendPlan.leastVideo, $0) }
    }

    /// Padding and packets sent again keep to what the peer takes, as the encoders do.
    var bounds: Bounds {
        var maximum = configured.maximum
        if limits.sendsVideo, let limit = negotiatedVideo {
            let sound = limits.sendsAudio ? configured.audio + VideoBudget.audioOverhead : .zero
            maximum = min(maximum, limit * (1 + VideoBudget.headerShare) + sound)
        }
        return Bounds(minimum: min(configured.minimum, maximum), start: configured.start, maximum: maximum)
    }

    /// What the audio encoder may make now.
    var audio: Bitrate { max(SendPlan.leastAudio, SendPlan.least(audioBudget.rate, limits.audio) ?? audioBudget.rate) }

    /// Nil sets no limit. It is asked for with every frame, so no array is made of the two.
    fileprivate static func least(_ a: Bitrate?, _ b: Bitrate?) -> Bitrate? {
        guard let a else { return b }
        return b.map { min(a, $0) } ?? a
    }

    /// What the video encoder was told to make last; zero before the first time.
    var video: Bitrate { videoBudget.announced }

    /// - Parameters:
    ///   - target: what all media and its overhead may take.
    ///   - repairs: the share of it that goes into packets sent again.
    ///   - waiting: how long what waits would take at the target.
    mutating func update(target: Bitrate, repairs: Double, waiting: Duration) -> Change {
        var change = Change()
        if limits.sendsAudio, audioBudget.update(target: target) != nil { change.audio = audio }
        if limits.sendsVideo {
            change.video = videoBudget.update(
                target: target, repairs: repairs, waiting: waiting, audio: limits.sendsAudio ? audioBudget.rate : nil,
                limit: SendPlan.least(negotiatedVideo, configured.maximumVideo))
        }
        return change
    }
}

extension SendPlan.Limits {
    init(_ session: NegotiatedSession) {
        self.init(
            sendsAudio: session.sending(.audio) != nil, sendsVideo: session.sending(.video) != nil,
            session: session.maximumBitrate, video: session.sending(.video)?.maximumBitrate,
            audio: AudioWishes(session).maximumBitrate)
    }

    /// What the peer takes of the picture: its section's limit, and what sound at this rate leaves of the session's, which is
    /// half of it at least.
    fileprivate func picture(beside sound: Bitrate) -> Bitrate? {
        SendPlan.least(video, session.map { sendsAudio ? $0 - min(sound, $0 * 0.5) : $0 })
    }
}
