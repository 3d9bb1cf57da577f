import Peer
import Primitives
import Reactor
import Testing

@testable import Media

@Suite struct EncodingStageTests {
    /// A stage over the real encoder, on a clock of its own: a processor that takes as long as the test says.
    private struct Kiosk: ~Copyable {
        let control = EncoderControl(
            videoBitrate: .kilobits(3000), frameRate: 30, width: 640, height: 480, audioBitrate: .kilobits(32))
        let hub = FrameHub(kind: .video, frameCapacity: 64 * 1024)
        let ring: FrameSubscriber
        var stage: EncodingStage
        var picture: VideoFrame
        var now: Instant
        /// Milliseconds per million pixels.
        var cost = 5.0
        var drops = Counter<FrameDrop>()
        var sizes: [PictureSize] = []
        /// Sizes that did not begin with a keyframe.
        var brokenBeginnings = 0
        /// When pictures that became keyframes were taken.
        var keyframes: [Instant] = []

        init() {
            ring = hub.subscribe()!
            ring.open()
            stage = EncodingStage(
                PictureSize(width: 640, height: 480), frameRate: 30, frames: hub, control: control)
            picture = VideoFrame(width: 640, height: 480)
            now = .zero + .seconds(1000)
        }

        /// Pictures of so many seconds from a camera that goes on at its rate whatever happens here.
        mutating func run(_ seconds: Double, before: (FrameHub) -> Void = { _ in }) {
            for index in 0..<Int(seconds * 30) {
                before(hub)
                picture.captureTime = now
                picture.withUnsafeMutablePlanes { y, _, _ in
                    for column in 0..<640 {
                        y[(index % 480) * 640 + column] = UInt8(truncatingIfNeeded: column + index)
                    }
                }
                let size = stage.quality.rung.size
                let took = Duration.nanoseconds(Int64(Double(size.width * size.height) * cost))
                var isAfter = false
                let now = now
                let result = stage.process(picture, generation: hub.generation ?? 0) {
                    defer { isAfter = true }
                    return isAfter ? now + took : now
                }
                if case .skipped(let reason) = result { drops.add(reason) }
                while let shared = ring.pop() {
                    let (isKeyframe, taken, size) = shared.withFrame {
                        ($0.isKeyframe, $0.captureTime, PictureSize(width: $0.width, height: $0.height))
                    }
                    if isKeyframe { keyframes.append(taken) }
                    if size == sizes.last { continue }
                    if !isKeyframe { brokenBeginnings += 1 }
                    sizes.append(size)
                }
                self.now = now + .nanoseconds(33_333_333)
            }
        }
    }

    @Test func aSlowProcessorGetsSmallerPicturesAndAFastOneAllOfThem() {
        var kiosk = Kiosk()
        kiosk.run(3)
        #expect(kiosk.sizes == [PictureSize(width: 640, height: 480)])
        #expect(kiosk.stage.quality.limitation == .none)
        // 46 ms for a picture every 33.
        kiosk.cost = 150
        kiosk.run(6)
        let slow = kiosk.stage.quality
        #expect(slow.limitation == .cpu)
        #expect(slow.rung.work * 150e-9 < 1, "faster than the pictures come")
        #expect(slow.rung.frameRate >= 5)
        #expect(kiosk.drops[.paced] > 0, "left out by name")
        // Whatever else ran has ended.
        kiosk.cost = 5
        kiosk.run(90)
        #expect(
            kiosk.stage.quality.rung == QualityLadder.Rung(size: PictureSize(width: 640, height: 480), frameRate: 30))
        #expect(kiosk.brokenBeginnings == 0, "a new size begins with a keyframe")
    }

    @Test func aNarrowNetworkGetsSmallerPicturesAndTheBitrate() {
        var kiosk = Kiosk()
        kiosk.run(1)
        kiosk.control.apply(VideoWish(bitrate: .kilobits(80)))
        kiosk.run(3)
        #expect(kiosk.stage.quality.limitation == .bandwidth)
        #expect(kiosk.sizes.last == PictureSize(width: 320, height: 240))
        #expect(kiosk.brokenBeginnings == 0)
        // What the configuration allows is the limit with the next session, whatever the network carried.
        kiosk.control.apply(VideoWish(bitrate: .kilobits(3000)))
        kiosk.control.videoBitrateLimit = .kilobits(80)
        let next = PeerBitrates(maximumVideo: kiosk.control.videoBitrateLimit)
        #expect(next.startVideo == .kilobits(80))
        kiosk.control.apply(VideoWish(bitrate: next.startVideo))
        kiosk.run(20)
        #expect(kiosk.sizes.last == PictureSize(width: 320, height: 240))
    }

    @Test func aSessionAfterANarrowOneBeginsWithTheWholePicture() {
        var kiosk = Kiosk()
        kiosk.control.apply(VideoWish(bitrate: .kilobits(40)))
        kiosk.run(5)
        #expect(kiosk.sizes.last.map { $0.width < 320 } == true)
        kiosk.ring.close()
        kiosk.control.apply(VideoWish(bitrate: .kilobits(800)))
        kiosk.ring.open()
        kiosk.sizes = []
        kiosk.run(0.2)
        #expect(kiosk.sizes == [PictureSize(width: 640, height: 480)])
    }

    @Test func whatTheReceiverDecodesIsNotExceeded() {
        var kiosk = Kiosk()
        kiosk.control.apply(VideoWish(bitrate: .kilobits(3000), macroblocks: 300, frameRate: 10))
        kiosk.run(2)
        #expect(kiosk.sizes == [PictureSize(width: 320, height: 240)])
        #expect(kiosk.stage.quality.rung.frameRate == 10)
        // Said anew in mid-session.
        kiosk.control.apply(VideoWish(bitrate: .kilobits(3000)))
        kiosk.run(1)
        #expect(kiosk.sizes.last == PictureSize(width: 640, height: 480))
        #expect(kiosk.brokenBeginnings == 0)
    }

    @Test(arguments: [
        (640, 480, 1200, 640, 480), (640, 480, 300, 320, 240), (1920, 1080, 3600, 1280, 720), (640, 480, 1, 16, 16),
        (1280, 16, 400, 880, 16), (640, 480, .max, 640, 480),
    ])
    func macroblocks(width: Int, height: Int, limit: Int, fittingWidth: Int, fittingHeight: Int) {
        let size = PictureSize.fitting(PictureSize(width: width, height: height), macroblocks: limit)
        #expect((size.width + 15) / 16 * ((size.height + 15) / 16) <= limit)
        #expect(abs(size.width - fittingWidth) <= 48 && abs(size.height - fittingHeight) <= 32, "\(size)")
    }

    @Test func aBurstOfRequestsCostsOneKeyframeAndALaterOneIsHonoured() {
        var kiosk = Kiosk()
        kiosk.run(2)
        #expect(kiosk.keyframes.count == 1)
        for _ in 0..<50 { kiosk.hub.requestKeyframe() }
        kiosk.run(1)
        #expect(kiosk.keyframes.count == 2)
        kiosk.hub.requestKeyframe()
        kiosk.run(0.04)
        #expect(kiosk.keyframes.count == 3)
        // Right behind a keyframe: it may come from somebody who lost that one, so it waits and is not forgotten.
        kiosk.hub.requestKeyframe()
        kiosk.run(0.2)
        #expect(kiosk.keyframes.count == 3)
        kiosk.run(0.1)
        #expect(kiosk.keyframes.count == 4)
        kiosk.run(2)
        #expect(kiosk.keyframes.count == 4)
    }

    @Test func whoAsksWithEveryPictureGetsOneKeyframeForEachSpacing() {
        var kiosk = Kiosk()
        kiosk.run(3) { $0.requestKeyframe() }
        // Every 250 ms means every eighth picture.
        #expect((11...13).contains(kiosk.keyframes.count))
        for (earlier, later) in zip(kiosk.keyframes, kiosk.keyframes.dropFirst()) {
            #expect(later - earlier >= .milliseconds(250))
        }
    }

    /// An encoder for 640x480 holds megabytes: one that stayed behind with each change would show.
    @Test func hundredsOfChangesOfSizeKeepNoMemory() throws {
        func resident() throws -> Int64 {
            let pages = try #require(SystemFile.text("/proc/self/statm")).split(separator: " ")[1]
            return try #require(Int64(pages)) * 4096
        }
        var kiosk = Kiosk()
        func change(_ times: Int) {
            for index in 0..<times {
                let width = [640, 480, 320, 240][index % 4]
                kiosk.control.setMaximumSize(width: width, height: width * 3 / 4)
                kiosk.run(0.07)
            }
        }
        change(40)
        let before = try resident()
        change(400)
        let growth = try resident() - before
        #expect(kiosk.sizes.count > 300)
        #expect(kiosk.brokenBeginnings == 0)
        #expect(growth < 16 << 20, "\(growth >> 20) MiB more after 400 changes")
    }
}
