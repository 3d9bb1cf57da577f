import AgentSettings
import Primitives
import Testing

@testable import Media

@Suite struct QualityLadderTests {
    private let camera = QualityLadder.Rung(size: PictureSize(width: 640, height: 480), frameRate: 30)
    private let start = Instant.zero + .seconds(100)

    /// A ladder, its clock, and a processor that takes so long for a million pixels.
    private struct Stage {
        var ladder: QualityLadder
        var now: Instant
        /// Milliseconds per million pixels.
        var cost = 0.0
        var changes: [String] = []

        /// So many seconds of pictures at this target.
        mutating func run(_ seconds: Double, target: Double) {
            let end = now + .nanoseconds(Int64(seconds * 1e9))
            while now < end {
                let before = ladder.current
                ladder.setTarget(.kilobits(target), now: now)
                let pixels = Double(ladder.current.size.width * ladder.current.size.height)
                ladder.note(.nanoseconds(Int64(pixels * cost)), now: now)
                if ladder.current != before { changes.append(name) }
                now += .nanoseconds(1_000_000_000 / Int64(ladder.current.frameRate))
            }
        }

        var name: String { "\(ladder.current.size.width)x\(ladder.current.size.height)@\(ladder.current.frameRate)" }
    }

    private func stage(_ preference: QualityPreference = .balanced) -> Stage {
        Stage(ladder: QualityLadder(camera, preference: preference), now: start)
    }

    private func names(_ preference: QualityPreference, _ camera: QualityLadder.Rung) -> [String] {
        QualityLadder(camera, preference: preference).rungs.map {
            "\($0.size.width)x\($0.size.height)@\($0.frameRate)"
        }
    }

    @Test func theRungsFollowThePreference() {
        #expect(
            names(.balanced, camera) == [
                "640x480@30", "640x480@20", "480x360@20", "480x360@15", "320x240@15", "320x240@10", "240x180@10",
                "160x120@10", "160x120@5",
            ])
        #expect(
            names(.keepResolution, camera) == [
                "640x480@30", "640x480@20", "640x480@15", "640x480@10", "640x480@5", "480x360@5", "320x240@5",
                "240x180@5", "160x120@5",
            ])
        #expect(
            names(.keepFrameRate, camera) == [
                "640x480@30", "480x360@30", "320x240@30", "240x180@30", "160x120@30", "160x120@20", "160x120@15",
                "160x120@10", "160x120@5",
            ])
    }

    @Test func smallAndSlowCamerasHaveFewerRungs() {
        let slow = QualityLadder.Rung(size: PictureSize(width: 160, height: 120), frameRate: 4)
        for preference in QualityPreference.allCases { #expect(names(preference, slow) == ["160x120@4"]) }
    }

    /// Each rung needs less than the one before, and the encoder has less to do: one order for both reasons.
    @Test(arguments: QualityPreference.allCases)
    func rungsAreInOrder(_ preference: QualityPreference) {
        for size in [(640, 480), (1280, 720), (1920, 1080), (320, 180), (62, 48)] {
            let top = QualityLadder.Rung(size: PictureSize(width: size.0, height: size.1), frameRate: 25)
            let rungs = QualityLadder(top, preference: preference).rungs
            #expect(rungs[0] == top)
            for (upper, lower) in zip(rungs, rungs.dropFirst()) {
                #expect(lower.need < upper.need)
                #expect(lower.work < upper.work)
                #expect(lower.frameRate >= 5)
                #expect(lower.size.width % 2 == 0 && lower.size.height % 2 == 0)
            }
        }
    }

    @Test func aSessionOnANarrowPathBeginsSmall() {
        var stage = stage()
        stage.ladder.setTarget(.kilobits(90), now: start)
        #expect(stage.name == "320x240@15")
        #expect(stage.ladder.limitation == .bandwidth)
        // The next session's path is another one.
        stage.ladder.begin()
        stage.ladder.setTarget(.kilobits(700), now: start)
        #expect(stage.name == "640x480@30")
        #expect(stage.ladder.limitation == .none)
    }

    /// A link of 150 kbit/s leaves 60 to 100 kbit/s for the picture: it moves.
    @Test(arguments: QualityPreference.allCases, [40.0, 60, 80, 100])
    func aNarrowLinkStillMoves(_ preference: QualityPreference, target: Double) {
        var stage = stage(preference)
        stage.run(5, target: target)
        #expect(stage.ladder.current.frameRate >= 5)
        #expect(stage.ladder.current.need <= .kilobits(target) || stage.ladder.current == stage.ladder.rungs.last)
    }

    @Test func goesDownByAsMuchAsItTakesAndUpStepByStep() {
        var stage = stage()
        stage.run(2, target: 800)
        #expect(stage.changes == [])
        // Far too little: at once, with the first picture.
        stage.run(0.01, target: 90)
        #expect(stage.changes == ["320x240@15"])
        stage.run(2.9, target: 800)
        #expect(stage.changes == ["320x240@15"])
        stage.run(12, target: 800)
        #expect(stage.changes == ["320x240@15", "480x360@15", "480x360@20", "640x480@20", "640x480@30"])
        #expect(stage.ladder.limitation == .none)
    }

    @Test func aDentIsNoReason() {
        var stage = stage()
        stage.run(2, target: 400)
        stage.run(0.5, target: 260)
        stage.run(1, target: 400)
        stage.run(0.5, target: 260)
        #expect(stage.changes == [])
        stage.run(0.8, target: 260)
        #expect(stage.changes == ["640x480@20"])
    }

    /// Around a border nothing flutters: what is enough to stay is not enough to go up.
    @Test func aTargetThatBreathesChangesNothing() {
        var stage = stage()
        let border = stage.ladder.rungs[1].need.bitsPerSecond
        stage.run(2, target: Double(border) / 1000 * 0.8)
        let settled = stage.name
        stage.changes = []
        for step in 0..<200 { stage.run(0.3, target: Double(border) / 1000 * (step % 2 == 0 ? 0.92 : 1.12)) }
        #expect(stage.changes == [])
        #expect(stage.name == settled)
    }

    @Test func aSlowProcessorGetsASmallerPictureAndNeverFallsBehind() {
        var stage = stage()
        // 640x480 takes 37 ms of the 33 that there are; 480x360 at 20 pictures/s takes 21 of 50.
        stage.cost = 120
        stage.run(4, target: 1500)
        #expect(stage.ladder.limitation == .cpu)
        #expect(stage.ladder.current.work * 120e-9 <= QualityLadder.overload)
        // It stays there: the next rung up would be too much, and that can be told without trying.
        let settled = stage.name
        stage.changes = []
        stage.run(120, target: 1500)
        #expect(stage.changes == [])
        #expect(stage.name == settled)
        // Whatever else ran has ended.
        stage.cost = 20
        stage.run(60, target: 1500)
        #expect(stage.name == "640x480@30")
        #expect(stage.ladder.limitation == .none)
    }

    @Test func oneInterruptedPictureIsNoOverload() {
        var stage = stage()
        stage.cost = 40
        for _ in 0..<20 {
            stage.run(3, target: 1500)
            stage.ladder.note(.milliseconds(200), now: stage.now)
        }
        #expect(stage.changes == [])
    }

    @Test func aStepUpThatTheProcessorDidNotBearIsTriedLessAndLessOften() {
        var ladder = QualityLadder(camera, preference: .keepResolution)
        var now = start
        var stepsUp: [Instant] = []
        // A processor that lies: at ease with fewer pictures, overloaded with all of them.
        for _ in 0..<40_000 {
            let before = ladder.current
            ladder.setTarget(.kilobits(1500), now: now)
            ladder.note(before.frameRate == 30 ? .milliseconds(40) : .milliseconds(10), now: now)
            if ladder.current.frameRate > before.frameRate, ladder.current.frameRate == 30 { stepsUp.append(now) }
            now += .nanoseconds(1_000_000_000 / Int64(ladder.current.frameRate))
        }
        let gaps = zip(stepsUp, stepsUp.dropFirst()).map { ($1 - $0).seconds }
        #expect(gaps.count >= 4)
        #expect(zip(gaps, gaps.dropFirst()).allSatisfy { $1 > $0 * 1.5 || $0 > 150 }, "\(gaps)")
    }

    @Test func theNarrowerOneOfNetworkAndProcessorDecides() {
        var stage = stage()
        stage.cost = 120
        stage.run(4, target: 1500)
        let byProcessor = stage.ladder.current
        stage.run(2, target: 50)
        #expect(stage.ladder.limitation == .bandwidth)
        #expect(stage.ladder.current.work < byProcessor.work)
        stage.run(25, target: 1500)
        #expect(stage.ladder.limitation == .cpu)
    }

    @Test func anotherCameraKeepsWhatIsKnownOfTheProcessor() {
        var stage = stage()
        stage.cost = 120
        stage.run(4, target: 1500)
        let bearable = stage.ladder.current.work
        stage.ladder.reconfigure(
            QualityLadder.Rung(size: PictureSize(width: 1280, height: 720), frameRate: 30), preference: .balanced)
        #expect(stage.ladder.current.work <= bearable)
        stage.ladder.reconfigure(camera, preference: .balanced)
        #expect(stage.ladder.current.work <= bearable)
    }
}
