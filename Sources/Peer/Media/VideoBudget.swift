import Primitives

/// What the video encoder may make of what the path carries: the target without the sound, the headers, what loss makes
/// us repeat, and what waits already.
///
/// An encoder overshoots, most of all when the machine is busy or the target has just fallen. What it made too much
/// waits in front of the pacer, and every second of it is a second that the picture lags behind; so a queue is paid
/// back by the encoder at once, long before anything would have to be thrown away.
struct VideoBudget: Sendable {
    /// IPv4, UDP, RTP with its extensions and SRTP's trailer, of packets of 1,200 bytes.
    static let headerShare = 0.06
    /// What Opus packets take with all headers, 50 a second.
    static let audioOverhead = Bitrate.kilobits(30)
    /// More than this share is not set aside for retransmissions.
    static let mostRepeated = 0.4
    /// A queue this long is a frame or two on their way.
    static let toleratedQueue: Duration = .milliseconds(100)
    /// A queue longer by this is to be gone as soon as the encoder can bring it about.
    static let paybackTime: Duration = .milliseconds(400)
    /// What is left to the encoder behind the longest queue.
    static let leastShare = 0.2

    private let least: Bitrate
    /// What the encoder was told last.
    private(set) var announced: Bitrate

    /// - Parameter least: what the encoder is always asked for.
    init(least: Bitrate) {
        self.least = least
        announced = .zero
    }

    /// - Parameters:
    ///   - target: what all media and its overhead may take.
    ///   - repairs: the share of it that goes into packets sent again.
    ///   - waiting: how long what waits would take at the target.
    ///   - audio: what the audio encoder makes; nil without sound.
    ///   - limit: what the peer takes at most; nil where it does not say.
    /// - Returns: the encoder's new rate, when it is worth a new configuration.
    mutating func update(
        target: Bitrate, repairs: Double, waiting: Duration, audio: Bitrate?, limit: Bitrate? = nil
    ) -> Bitrate? {
        let audio = audio.map { $0 + VideoBudget.audioOverhead } ?? .zero
        let repeated = min(VideoBudget.mostRepeated, repairs * 1.1)
        let share = (1 - VideoBudget.headerShare) * (1 - repeated) * VideoBudget.share(behind: waiting)
        var rate = max(least, (target - audio) * share)
        if let limit { rate = min(rate, limit) }
        // Small steps are not worth it.
        guard abs(rate.bitsPerSecond - announced.bitsPerSecond) * 50 > announced.bitsPerSecond else { return nil }
        announced = rate
        return rate
    }

    /// In steps of a tenth, so that a queue that comes and goes with each frame does not move the encoder each time.
    private static func share(behind waiting: Duration) -> Double {
        let excess = (waiting - toleratedQueue).seconds / paybackTime.seconds
        return max(leastShare, 1 - (max(0, excess) * 10).rounded(.down) / 10)
    }
}
