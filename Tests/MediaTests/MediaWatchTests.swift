import Primitives
import Testing

@testable import Media

@Suite struct HysteresisTests {
    @Test func raisesAndClearsAfterAWhile() {
        var fact = Hysteresis(raiseAfter: .seconds(3), clearAfter: .seconds(1))
        func at(_ seconds: Double) -> Instant { .zero + .milliseconds(Int(seconds * 1000)) }
        var log: [Bool] = []
        for (time, value) in [(0.0, true), (2.9, true), (2.95, false), (3.0, true), (5.9, true), (6.0, true)] {
            log.append(fact.update(value, now: at(time)))
        }
        #expect(log == [false, false, false, false, false, true])
        log = []
        for (time, value) in [(7.0, false), (7.9, false), (7.95, true), (8.0, false), (9.0, false)] {
            log.append(fact.update(value, now: at(time)))
        }
        #expect(log == [true, true, true, true, false])
    }
}

@Suite struct PictureWatchTests {
    private let start = Instant.zero + .seconds(50)

    private struct Scene {
        var watch = PictureWatch()
        var now: Instant
        var random = RandomSource.seeded(9)
        var log: [MediaCondition?] = []

        mutating func show(
            _ seconds: Double, luma: ClosedRange<Int>, isStill: Bool = false
        ) {
            var picture = VideoFrame(width: 320, height: 240)
            let end = now + .milliseconds(Int(seconds * 1000))
            var isPainted = false
            while now < end {
                if !isPainted || !isStill {
                    let (width, height, stride) = (picture.width, picture.height, picture.stride)
                    picture.withUnsafeMutablePlanes { y, _, _ in
                        for row in 0..<height {
                            for column in 0..<width {
                                y[row * stride + column] = UInt8(Int.random(in: luma, using: &random))
                            }
                        }
                    }
                    isPainted = true
                }
                if watch.isDue(now: now) { watch.handle(PictureSample(picture), now: now) }
                if watch.condition != log.last { log.append(watch.condition) }
                now += .milliseconds(250)
            }
        }
    }

    private func scene() -> Scene { Scene(now: start) }

    @Test func anOrdinaryPictureIsWell() {
        var scene = scene()
        scene.show(30, luma: 40...200)
        #expect(scene.log == [nil])
    }

    @Test func aDarkCabinWithALampIsNotBlack() {
        var scene = scene()
        scene.show(30, luma: 16...60)
        #expect(scene.log == [nil])
    }

    @Test func blackComesAndGoes() {
        var scene = scene()
        scene.show(5, luma: 40...200)
        scene.show(2.5, luma: 16...24)
        scene.show(2, luma: 40...200)
        #expect(scene.log == [nil], "a passing hand")
        scene.show(5, luma: 16...24)
        scene.show(5, luma: 40...200)
        #expect(scene.log == [nil, .black, nil])
    }

    @Test func aBlackPictureWithoutNoiseIsBlackAndNotFrozen() {
        var scene = scene()
        scene.show(20, luma: 16...16, isStill: true)
        #expect(scene.log == [nil, .black])
    }

    @Test func aHandOnTheLensIsCovered() {
        var scene = scene()
        scene.show(8, luma: 90...104)
        scene.show(3, luma: 40...200)
        #expect(scene.log == [nil, .covered, nil])
    }

    @Test func theSamePictureAgainAndAgainIsFrozen() {
        var scene = scene()
        scene.show(3, luma: 40...200)
        scene.show(8, luma: 40...200, isStill: true)
        scene.show(3, luma: 40...200)
        #expect(scene.log == [nil, .frozen, nil])
    }

    @Test func damagedPicturesAreGarbageOnceTheyAreMany() {
        var watch = PictureWatch()
        var log: [MediaCondition?] = []
        func pass(_ seconds: Int, good: UInt64, bad: UInt64, from start: Int) {
            for second in 0..<seconds {
                watch.handle(good: good, bad: bad, now: self.start + .seconds(start + second))
                if watch.condition != log.last { log.append(watch.condition) }
            }
        }
        pass(10, good: 30, bad: 2, from: 0)
        #expect(log == [nil])
        pass(10, good: 15, bad: 15, from: 10)
        pass(10, good: 30, bad: 0, from: 20)
        #expect(log == [nil, .garbage, nil])
    }

    @Test func theSmallestPictureCanBeSampled() {
        let picture = VideoFrame(width: 1, height: 1)
        #expect(PictureSample(picture) == PictureSample(hash: PictureSample(picture).hash, dark: 16, bright: 16))
    }
}

@Suite struct FrozenCureTests {
    /// When a camera that is frozen from the beginning on, or for as long as the test says, is opened anew.
    private func openings(until end: Int, isFrozen: (Int) -> Bool = { _ in true }) -> [Int] {
        var cure = FrozenCure()
        return (0...end).filter { cure.isDue(isFrozen: isFrozen($0), now: .zero + .seconds($0)) }
    }

    @Test func aFrozenCameraIsOpenedAnewMoreAndMoreSeldom() {
        #expect(openings(until: 1500) == [5, 26, 107, 428, 749, 1070, 1391])
    }

    @Test func oneThatMovesIsLeftAlone() {
        #expect(openings(until: 600) { $0 % 10 < 5 } == [])
        // A minute of moving pictures, and the next fault is a new one.
        #expect(openings(until: 200) { $0 < 10 || $0 > 100 } == [5, 106, 127])
    }
}

@Suite struct SoundWatchTests {
    private let start = Instant.zero + .seconds(50)

    /// What the watch says in turn, told so many seconds of each sound.
    private func listen(_ parts: [(seconds: Double, amplitude: Int, clipped: Int, gapsPerSecond: Int)])
        -> [MediaCondition?]
    {
        var watch = SoundWatch()
        var log: [MediaCondition?] = []
        var now = start
        for part in parts {
            for packet in 0..<Int(part.seconds * 50) {
                let sample = SoundSample(
                    peak: part.amplitude, power: Double(part.amplitude * part.amplitude) / 2, clipped: part.clipped,
                    count: 960)
                watch.handle(sample, gaps: packet % 50 == 0 ? part.gapsPerSecond : 0, now: now)
                if watch.condition != log.last { log.append(watch.condition) }
                now += .milliseconds(20)
            }
        }
        return log
    }

    @Test func speechIsWell() {
        #expect(listen([(30, 4000, 0, 0)]) == [nil])
    }

    @Test func aQuietRoomIsWell() {
        // -64 dB below full scale.
        #expect(listen([(60, 20, 0, 0)]) == [nil])
    }

    @Test func nothingButZerosIsSilenceSoonAndAlmostNothingLater() {
        #expect(listen([(2, 0, 0, 0), (1, 4000, 0, 0)]) == [nil])
        #expect(listen([(4, 0, 0, 0), (1, 4000, 0, 0)]) == [nil, .silent, nil])
        #expect(listen([(9, 5, 0, 0), (1, 4000, 0, 0)]) == [nil])
        #expect(listen([(11, 5, 0, 0), (1, 4000, 0, 0)]) == [nil, .silent, nil])
    }

    @Test func distortionIsToldAndOverAfterAWhile() {
        #expect(listen([(1, 32768, 50, 0), (5, 4000, 0, 0)]) == [nil], "one shout")
        #expect(listen([(5, 32768, 50, 0), (10, 4000, 0, 0)]) == [nil, .clipping, nil])
    }

    @Test func gapsAgainAndAgain() {
        #expect(listen([(1, 4000, 0, 1), (20, 4000, 0, 0)]) == [nil])
        #expect(listen([(5, 4000, 0, 1), (20, 4000, 0, 0)]) == [nil, .overruns, nil])
    }

    @Test func samplesAreMeasured() {
        let samples: [Int16] = [0, -32768, 32767, 100, 0, 0, 0, 0]
        let sample = SoundSample(samples.span)
        #expect(sample.peak == 32768)
        #expect(sample.clipped == 2)
        #expect(sample.count == 8)
        #expect(sample.power > 2.6e8 && sample.power < 2.7e8)
    }
}
