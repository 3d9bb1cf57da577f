public import Primitives

/// What a picture looks like, in a few numbers: luma on a coarse grid.
public struct PictureSample: Hashable, Sendable {
    /// Of all samples in their order: two pictures of a working sensor never agree in it.
    var hash: UInt64
    /// Luma that 2 % of the samples lie below, 16 … 235.
    var dark: Int
    /// Luma that 2 % of the samples lie above.
    var bright: Int

    static let columns = 48
    static let rows = 36

    init(hash: UInt64, dark: Int, bright: Int) {
        self.hash = hash
        self.dark = dark
        self.bright = bright
    }

    /// Samples 48 x 36 points of the luma plane, spread evenly; of a smaller picture each column or line.
    public init(_ picture: borrowing VideoFrame) {
        let (columns, rows) = (min(PictureSample.columns, picture.width), min(PictureSample.rows, picture.height))
        let (width, height, stride) = (picture.width, picture.height, picture.stride)
        var histogram = [256 of UInt16](repeating: 0)
        // FNV-1a, 64 bit.
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        picture.withUnsafePlanes { y, _, _ in
            for row in 0..<rows {
                let line = y + (2 * row + 1) * height / (2 * rows) * stride
                for column in 0..<columns {
                    let luma = line[(2 * column + 1) * width / (2 * columns)]
                    histogram[Int(luma)] &+= 1
                    hash = (hash ^ UInt64(luma)) &* 0x0000_0100_0000_01B3
                }
            }
        }
        self.hash = hash
        let outside = UInt16(columns * rows / 50)
        var (dark, below): (Int, UInt16) = (0, 0)
        while dark < 255, below + histogram[dark] <= outside {
            below += histogram[dark]
            dark += 1
        }
        var (bright, above): (Int, UInt16) = (255, 0)
        while bright > dark, above + histogram[bright] <= outside {
            above += histogram[bright]
            bright -= 1
        }
        self.dark = dark
        self.bright = bright
    }
}

/// Whether a camera that delivers also shows something. Fed with a sample every `interval`; judges with hysteresis, so
/// that a passing hand is no fault.
struct PictureWatch: Sendable {
    /// Often enough to see a picture move, seldom enough to cost nothing.
    static let interval = Duration.milliseconds(250)
    /// Nothing is brighter: black is 16, and the noise of a sensor in the dark adds a few steps.
    static let blackBelow = 34
    /// From the darkest to the brightest: a hand on the lens, or a lens that looks into a lamp, has less than this. A
    /// white wall with a shadow on it has more.
    static let evenWithin = 20

    private var black: Hysteresis
    private var covered: Hysteresis
    private var frozen: Hysteresis
    private var garbage: Hysteresis
    private var lastHash: UInt64?
    private var sampledAt: Instant?
    private var judgedAt: Instant?
    private var good: UInt64
    private var bad: UInt64

    init() {
        black = Hysteresis(raiseAfter: .seconds(3), clearAfter: .seconds(1))
        covered = Hysteresis(raiseAfter: .seconds(5), clearAfter: .seconds(1))
        // Five seconds without one grey level's change anywhere: no sensor is that still.
        frozen = Hysteresis(raiseAfter: .seconds(5), clearAfter: .milliseconds(500))
        garbage = Hysteresis(raiseAfter: .seconds(2), clearAfter: .seconds(3))
        lastHash = nil
        sampledAt = nil
        judgedAt = nil
        good = 0
        bad = 0
    }

    /// Whether a picture taken now is to be sampled.
    func isDue(now: Instant) -> Bool { sampledAt.map { now - $0 >= PictureWatch.interval } ?? true }

    mutating func handle(_ sample: PictureSample, now: Instant) {
        _ = black.update(sample.isBlack, now: now)
        _ = covered.update(sample.isCovered, now: now)
        _ = frozen.update(sample.hash == lastHash, now: now)
        lastHash = sample.hash
        sampledAt = now
    }

    /// So many pictures were whole and so many damaged since the last time. Judged once a second.
    mutating func handle(good: UInt64, bad: UInt64, now: Instant) {
        self.good += good
        self.bad += bad
        guard let judged = judgedAt else {
            judgedAt = now
            return
        }
        guard now - judged >= .seconds(1) else { return }
        judgedAt = now
        // When every fourth picture is damaged, the cause is a lasting one, such as a cable.
        _ = garbage.update(self.bad * 3 >= self.good && self.bad > 0, now: now)
        (self.good, self.bad) = (0, 0)
    }

    /// The worst of what is wrong with the picture; black explains that nothing moves.
    var condition: MediaCondition? {
        if garbage.isRaised { return .garbage }
        if black.isRaised { return .black }
        if covered.isRaised { return .covered }
        return frozen.isRaised ? .frozen : nil
    }
}

/// The one judge of a single picture: the watch over a session and doctor ask it.
extension PictureSample {
    /// Nothing is brighter than the noise of a sensor in the dark.
    public var isBlack: Bool { bright < PictureWatch.blackBelow }
    /// Not black, and everything nearly alike.
    public var isCovered: Bool { !isBlack && bright - dark < PictureWatch.evenWithin }
    /// The very same picture as `other`: two of a working sensor never are.
    public func repeats(_ other: PictureSample) -> Bool { hash == other.hash }
}
