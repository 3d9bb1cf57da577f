import AgentSettings
import Glibc
import Primitives

// What the picture gives up, and when, so that it never stops: the ladder.
//
// Two things take quality away: the network (the target bitrate) and the kiosk's own processor (the time that one
// picture takes against the time until the next). Both end in the same rungs, ordered from all that the camera gives
// down to a small picture five times a second; the lower of the two is used. Within a rung only the bitrate follows the
// network; when it falls below what the rung needs to look right, the next rung needs less.
//
//     target ────────▶ rung by bandwidth ─┐
//                                         ├─▶ the lower one ─▶ size, rate, bitrate ─▶ EncodingStage
//     time per frame ─▶ rung by processor ─┘
//
// Hysteresis both ways. A rung is left downwards when what it needs has been missing for a moment, by as many rungs as
// it takes; it is left upwards one rung at a time, only when there is plainly more than the upper one needs, and not
// again soon after. A step up that the processor did not bear makes the next try wait twice as long.
//
// It stands here and not in Congestion: that target knows bits per second of a path and nothing of cameras, encoders or
// preferences, and its only user is the stage next door. It is a machine all the same: no clock, no encoder, no thread.

/// What holds the picture below what the camera gives; the names of webrtc-stats' `qualityLimitationReason`.
public enum QualityLimitation: String, Sendable, Hashable, CaseIterable {
    case none, bandwidth, cpu
}

struct QualityLadder: Sendable {
    /// What the encoder is asked for.
    struct Rung: Hashable, Sendable {
        var size: PictureSize
        /// Frames per second.
        var frameRate: Int

        /// Pixels per second, which the encoder's time follows.
        var work: Double { Double(size.width * size.height) * Double(frameRate) }

        /// Below this bitrate the next rung looks better.
        ///
        /// 320 kbit/s for 640x480 at 30 frames/s: there the encoder at the speed we use still keeps its quantizer off the end of
        /// its range for a person who talks. A picture with a quarter of the pixels needs a third of it, not a quarter,
        /// because detail grows; half the frame rate saves a third, because pictures further apart differ more.
        var need: Bitrate {
            let pixels = Double(size.width * size.height) / (640 * 480)
            return QualityLadder.referenceNeed * (pow(pixels, 0.75) * pow(Double(frameRate) / 30, 0.6))
        }
    }

    static let referenceNeed = Bitrate.kilobits(320)
    /// A rung is left downwards below this share of its need: the estimate varies by a tenth.
    static let downShare = 0.85
    /// … for so long: a keyframe's dent in the estimate is over by then.
    static let downAfter = Duration.milliseconds(700)
    /// Far below it, at once: every frame of the old size would wait in the queue.
    static let collapseShare = 0.5
    /// A rung is entered upwards above this share of its need.
    static let upShare = 1.2
    /// … for so long, and so long after any other change.
    static let upAfter = Duration.seconds(3)

    /// The time of one picture, in shares of the time until the next. Above this the next one waits; the rest is for the
    /// camera's own conversion, the sound and the network on a small processor.
    static let overload = 0.75
    /// A step up is tried when its predicted load stays below this.
    static let comfortable = 0.5
    static let overloadAfter = Duration.milliseconds(1500)
    static let firstUpTry = Duration.seconds(10)
    static let longestUpTry = Duration.seconds(160)
    /// An overload so soon after a step up means that the step was wrong.
    static let regretWithin = Duration.seconds(20)
    /// A picture in a small window on a monitor is still a picture; below there is nothing to see.
    static let smallestWidth = 160
    static let lowestRate = 5

    private(set) var rungs: [Rung]
    private var byBandwidth: Int
    private var byProcessor: Int
    private var camera: Rung
    private var preference: QualityPreference
    private var target: Bitrate

    private var shortSince: Instant?
    private var plentySince: Instant?
    private var changedAt: Instant?

    /// Time per picture in the current rung, smoothed over about a second; nil until enough have been seen.
    private var load: Double?
    private var loadFrames: Int
    private var overloadedSince: Instant?
    private var steppedUpAt: Instant?
    private var upTryAt: Instant?
    /// The last rung that the processor did not bear, and how long to wait before it is tried again.
    private var regretted: Int?
    private var regret: Duration

    /// - Parameter camera: the size and rate that the camera gives, within what the configuration allows.
    init(_ camera: Rung, preference: QualityPreference) {
        self.camera = camera
        self.preference = preference
        rungs = QualityLadder.rungs(camera, preference)
        byBandwidth = 0
        byProcessor = 0
        target = .zero
        shortSince = nil
        plentySince = nil
        changedAt = nil
        load = nil
        loadFrames = 0
        overloadedSince = nil
        steppedUpAt = nil
        upTryAt = nil
        regretted = nil
        regret = QualityLadder.firstUpTry
    }

    var current: Rung { rungs[max(byBandwidth, byProcessor)] }

    var limitation: QualityLimitation {
        if byProcessor > 0, byProcessor >= byBandwidth { return .cpu }
        return byBandwidth > 0 ? .bandwidth : .none
    }

    /// The smoothed time per picture in shares of the time until the next, once known.
    var processorLoad: Double? { loadFrames >= QualityLadder.framesToJudge ? load : nil }

    /// Another camera, size limit or preference.
    mutating func reconfigure(_ camera: Rung, preference: QualityPreference) {
        guard camera != self.camera || preference != self.preference else { return }
        let (old, target, wasSlow) = (current, target, byProcessor > 0)
        self = QualityLadder(camera, preference: preference)
        // What the processor could not do before it cannot do now.
        if wasSlow { byProcessor = rungs.firstIndex { $0.work <= old.work } ?? rungs.count - 1 }
        if target > .zero { fit(target) }
    }

    // MARK: The network

    /// Another session begins: its path has nothing to do with the last one's. The processor is the same.
    mutating func begin() {
        target = .zero
        shortSince = nil
        plentySince = nil
        forgetLoad()
    }

    /// The video encoder may make this much. The first target decides at once: a session that begins on a narrow path
    /// begins with a small picture.
    mutating func setTarget(_ new: Bitrate, now: Instant) {
        guard target > .zero else {
            fit(new)
            changedAt = now
            return
        }
        target = new
        if new < rungs[byBandwidth].need * QualityLadder.collapseShare { return stepDown(now: now) }
        if new < rungs[byBandwidth].need * QualityLadder.downShare {
            plentySince = nil
            let since = shortSince ?? now
            shortSince = since
            if now - since >= QualityLadder.downAfter { stepDown(now: now) }
            return
        }
        shortSince = nil
        guard byBandwidth > 0, new >= rungs[byBandwidth - 1].need * QualityLadder.upShare else {
            plentySince = nil
            return
        }
        let since = plentySince ?? now
        plentySince = since
        guard now - since >= QualityLadder.upAfter, now - (changedAt ?? since) >= QualityLadder.upAfter else { return }
        byBandwidth -= 1
        noteChange(now: now)
    }

    private mutating func fit(_ new: Bitrate) {
        target = new
        byBandwidth = rungs.firstIndex { $0.need <= new } ?? rungs.count - 1
    }

    private mutating func stepDown(now: Instant) {
        let before = byBandwidth
        byBandwidth = max(before, rungs.firstIndex { $0.need <= target } ?? rungs.count - 1)
        shortSince = nil
        plentySince = nil
        if byBandwidth != before { noteChange(now: now) }
    }

    private mutating func noteChange(now: Instant) {
        changedAt = now
        plentySince = nil
        shortSince = nil
        // The time per picture of another rung says nothing of this one.
        forgetLoad()
    }

    // MARK: The processor

    static let framesToJudge = 8

    /// A picture took this long from the camera to the hub.
    mutating func note(_ time: Duration, now: Instant) {
        let share = time.seconds * Double(current.frameRate)
        // Smoothed over about a second, so that one picture that was interrupted does not count.
        let weight = min(0.25, max(0.05, 1 / Double(current.frameRate)))
        load = load.map { $0 + (share - $0) * weight } ?? share
        loadFrames += 1
        guard let load = processorLoad else { return }
        if load > QualityLadder.overload {
            upTryAt = nil
            let since = overloadedSince ?? now
            overloadedSince = since
            if now - since >= QualityLadder.overloadAfter { overloaded(load, now: now) }
            return
        }
        overloadedSince = nil
        if let stepped = steppedUpAt, now - stepped > QualityLadder.regretWithin {
            steppedUpAt = nil
            if let rung = regretted, byProcessor <= rung {
                regretted = nil
                regret = QualityLadder.firstUpTry
            }
        }
        considerStepUp(load, now: now)
    }

    private mutating func overloaded(_ load: Double, now: Instant) {
        if let stepped = steppedUpAt, now - stepped <= QualityLadder.regretWithin {
            regretted = byProcessor
            regret = min(QualityLadder.longestUpTry, regret * 2)
        }
        steppedUpAt = nil
        let bearable = current.work * QualityLadder.overload / load
        let from = max(byBandwidth, byProcessor)
        // At least one rung, and as many as the measurement says.
        let next = rungs.indices.first { $0 > from && rungs[$0].work <= bearable } ?? rungs.count - 1
        byProcessor = max(from, next)
        forgetLoad()
        changedAt = now
    }

    private mutating func considerStepUp(_ load: Double, now: Instant) {
        guard byProcessor > 0 else { return }
        let predicted = load * rungs[byProcessor - 1].work / current.work
        guard predicted < QualityLadder.comfortable else {
            upTryAt = nil
            return
        }
        guard let due = upTryAt else {
            let isRegretted = regretted.map { byProcessor - 1 <= $0 } ?? false
            upTryAt = now + (isRegretted ? regret : QualityLadder.firstUpTry)
            return
        }
        guard due <= now else { return }
        byProcessor -= 1
        upTryAt = nil
        // Where the network is the narrower one, nothing changes, and nothing has been learned.
        guard byProcessor >= byBandwidth else { return }
        steppedUpAt = now
        changedAt = now
        forgetLoad()
    }

    private mutating func forgetLoad() {
        load = nil
        loadFrames = 0
        overloadedSince = nil
    }

    // MARK: The rungs

    private static func rungs(_ camera: Rung, _ preference: QualityPreference) -> [Rung] {
        let sizes: [Double] = [1, 0.75, 0.5, 0.375, 0.25]
        let rates: [Double] = [1, 2 / 3, 1 / 2, 1 / 3, 1 / 6]
        var steps: [(size: Double, rate: Double)] = []
        switch preference {
        case .keepResolution:
            steps = rates.map { (1, $0) } + sizes.dropFirst().map { ($0, 1 / 6) }
        case .keepFrameRate:
            steps = sizes.map { ($0, 1) } + rates.dropFirst().map { (0.25, $0) }
        case .balanced:
            steps = [
                (1, 1), (1, 2 / 3), (0.75, 2 / 3), (0.75, 1 / 2), (0.5, 1 / 2), (0.5, 1 / 3), (0.375, 1 / 3),
                (0.25, 1 / 3), (0.25, 1 / 6),
            ]
        }
        var rungs: [Rung] = []
        for step in steps {
            let rung = Rung(
                size: scaled(camera.size, by: step.size), frameRate: reduced(camera.frameRate, by: step.rate))
            // Small or slow cameras have fewer rungs.
            if rungs.last.map({ rung.work < $0.work }) ?? true { rungs.append(rung) }
        }
        return rungs
    }

    private static func scaled(_ size: PictureSize, by factor: Double) -> PictureSize {
        guard factor < 1 else { return size }
        let floor = min(1, Double(smallestWidth) / Double(max(1, size.width)))
        let factor = max(factor, floor)
        return PictureSize.fitting(
            size,
            into: PictureSize(
                width: Int((Double(size.width) * factor).rounded()),
                height: Int((Double(size.height) * factor).rounded(.up))))
    }

    private static func reduced(_ rate: Int, by factor: Double) -> Int {
        max(min(rate, lowestRate), Int((Double(rate) * factor).rounded()))
    }
}
