import Capture
import Primitives
import Reactor
import Service

private let log = Log("video")

/// Tells what is wrong with the picture while it flows.
struct PictureJudge: ~Copyable {
    /// Pictures that never came to us, since the last time.
    struct Drops {
        var overtaken: UInt64 = 0
        var lostByDriver: UInt64 = 0
        var undecodable: UInt64 = 0
    }

    var encoderFailed: Bool
    private var watch: PictureWatch
    private var seenGood: UInt64
    private var seen: Drops
    private var isSlow: Bool
    private var report: ConditionReport
    private var toldQuality: (rung: QualityLadder.Rung, limitation: QualityLimitation)?

    init(events: Mailbox<MediaEvent>) {
        encoderFailed = false
        watch = PictureWatch()
        seenGood = 0
        seen = Drops()
        isSlow = false
        report = ConditionReport(.video, events: events, log: log)
        toldQuality = nil
    }

    /// What the camera lost on the way to the picture that it just gave.
    mutating func count(_ counted: borrowing Counter<CameraEvent>, now: Instant) -> Drops {
        let total = Drops(
            overtaken: counted[.passedOver], lostByDriver: counted[.lostByDriver],
            undecodable: counted[.undecodable] &+ counted[.brokenBuffer])
        let drops = Drops(
            overtaken: total.overtaken &- seen.overtaken, lostByDriver: total.lostByDriver &- seen.lostByDriver,
            undecodable: total.undecodable &- seen.undecodable)
        watch.handle(good: counted[.delivered] &- seenGood, bad: drops.undecodable, now: now)
        seen = total
        seenGood = counted[.delivered]
        return drops
    }

    mutating func look(at picture: borrowing VideoFrame, now: Instant) {
        if watch.isDue(now: now) { watch.handle(PictureSample(picture), now: now) }
        report.update(watch.condition ?? (encoderFailed ? .encoder : isSlow ? .slow : nil))
    }

    /// The size and rate of the picture, for the log when they change.
    mutating func qualityIs(_ quality: Quality) {
        isSlow = quality.limitation == .cpu
        guard toldQuality?.rung != quality.rung || toldQuality?.limitation != quality.limitation else { return }
        let isFirst = toldQuality == nil
        toldQuality = (quality.rung, quality.limitation)
        let size = "\(quality.rung.size.width)x\(quality.rung.size.height) at \(quality.rung.frameRate) frames/s"
        switch quality.limitation {
        case .none: if !isFirst { log.info("picture \(size): all that the camera gives") }
        case .bandwidth: log.info("picture \(size): the network carries \(quality.target) of video")
        // `MediaCondition.slow` reports it too.
        case .cpu: log.info("picture \(size): the processor carries no more")
        }
    }

    /// The camera repeats one picture.
    var isFrozen: Bool { watch.condition == .frozen }

    mutating func sourceClosed() { report.sourceClosed() }
}
