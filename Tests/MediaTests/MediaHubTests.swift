import CAllocations
import Primitives
import Reactor
import Testing

@testable import Media

/// Several who take the frames of one camera.
@Suite struct MediaHubTests {
    /// A camera, its encoder and a hub, in virtual time.
    private struct Kiosk: ~Copyable {
        let hub: MediaHub
        private var stage: EncodingStage
        private var picture: VideoFrame
        private(set) var now: Instant
        private(set) var keyframesEncoded = 0

        init() throws {
            hub = try MediaHub(
                control: EncoderControl(
                    videoBitrate: .kilobits(3000), frameRate: 30, width: 160, height: 128, audioBitrate: .kilobits(32)))
            stage = EncodingStage(
                PictureSize(width: 160, height: 128), frameRate: 30, frames: hub.video, control: hub.control)
            picture = VideoFrame(width: 160, height: 128)
            now = .zero + .seconds(1000)
        }

        /// One who holds a lease, may have its media and takes the pictures.
        func join(_ lease: Lease, bitrate: Bitrate) throws -> MediaSubscriber {
            hub.hold(lease, [.video])
            hub.permit(lease)
            let subscriber = try #require(hub.subscribe(lease))
            subscriber.wish(VideoWish(bitrate: bitrate))
            subscriber.take([.video])
            return subscriber
        }

        mutating func run(_ pictures: Int, after: () -> Void) {
            for index in 0..<pictures {
                picture.captureTime = now
                picture.withUnsafeMutablePlanes { y, _, _ in
                    for column in 0..<160 {
                        y[(index % 128) * 160 + column] = UInt8(truncatingIfNeeded: column + index)
                    }
                }
                let began = now
                if let generation = hub.video.generation,
                    case .encoded(let encoded) = stage.process(picture, generation: generation, clock: { began }),
                    encoded.isKeyframe
                {
                    keyframesEncoded += 1
                }
                after()
                now += .nanoseconds(33_333_333)
            }
        }
    }

    /// What one subscriber read.
    private struct Log {
        var times: [Instant] = []
        var keyframes: [Int] = []
        /// The first frame was a keyframe, and after each one that is missing a keyframe came.
        var isDecodable = true

        mutating func read(_ subscriber: MediaSubscriber) {
            while let frame = subscriber.pop(.video) {
                let (isKeyframe, time) = frame.withFrame { ($0.isKeyframe, $0.captureTime) }
                let isNext = times.last.map { time - $0 < .milliseconds(40) } ?? false
                if !isKeyframe, !isNext { isDecodable = false }
                if isKeyframe { keyframes.append(times.count) }
                times.append(time)
            }
        }
    }

    @Test func twoPeersOfWhomOneStallsAndARecorder() throws {
        var kiosk = try Kiosk()
        let wide = try kiosk.join(.session("wide"), bitrate: .kilobits(900))
        let narrow = try kiosk.join(.session("narrow"), bitrate: .kilobits(200))
        let recorder = try kiosk.join(.recording("disk"), bitrate: .kilobits(2000))
        #expect(kiosk.hub.control.videoBitrate == .kilobits(200), "the least of the wishes")
        var (wideLog, narrowLog, diskLog) = (Log(), Log(), Log())
        kiosk.run(30) {
            wideLog.read(wide)
            narrowLog.read(narrow)
            diskLog.read(recorder)
        }
        #expect(wideLog.times.count == 30 && narrowLog.times == wideLog.times && diskLog.times == wideLog.times)
        #expect(kiosk.keyframesEncoded == 1)

        // The narrow one stalls for two seconds: the others notice nothing, and cost no keyframes.
        kiosk.run(60) {
            wideLog.read(wide)
            diskLog.read(recorder)
        }
        #expect(wideLog.times.count == 90 && diskLog.times.count == 90)
        #expect(kiosk.keyframesEncoded == 1)
        #expect(kiosk.hub.video.slotsInUse == 0, "what the stalled one had is dropped")
        #expect(narrow.drops(.video)[.overflow] > 0)
        #expect(wide.drops(.video).total == 0 && recorder.drops(.video).total == 0)

        // It reads again, and gets a keyframe because it does.
        kiosk.run(30) {
            wideLog.read(wide)
            narrowLog.read(narrow)
            diskLog.read(recorder)
        }
        #expect(kiosk.keyframesEncoded == 2)
        #expect(narrowLog.keyframes.count == 2 && narrowLog.times.count > 55)
        #expect(wideLog.isDecodable && narrowLog.isDecodable && diskLog.isDecodable)
        #expect(diskLog.times.count == 120)

        // It goes: the least of the other wishes counts.
        narrow.end()
        #expect(kiosk.hub.control.videoBitrate == .kilobits(900))
        wide.end()
        recorder.end()
        #expect(kiosk.hub.video.generation == nil && kiosk.hub.video.slotsInUse == 0)
    }

    @Test func whoJoinsBeginsWithAKeyframeAndTheOthersGoOn() throws {
        var kiosk = try Kiosk()
        let first = try kiosk.join(.session("S1"), bitrate: .kilobits(900))
        var (log, late) = (Log(), Log())
        kiosk.run(10) { log.read(first) }
        let second = try kiosk.join(.session("S2"), bitrate: .kilobits(900))
        kiosk.run(10) {
            log.read(first)
            late.read(second)
        }
        #expect(late.keyframes.first == 0 && late.times.count == 10 && late.isDecodable)
        #expect(log.times.count == 20 && log.isDecodable)
        #expect(Set(log.times).count == 20, "no picture twice")
        first.end()
        second.end()
    }

    @Test func shutAtOnce() throws {
        var kiosk = try Kiosk()
        let first = try kiosk.join(.session("S1"), bitrate: .kilobits(900))
        let second = try kiosk.join(.session("S2"), bitrate: .kilobits(900))
        kiosk.run(5) {}
        kiosk.hub.forbid(.session("S1"))
        let frame = first.pop(.video)
        switch frame {
        case .some: Issue.record("a frame after the permission ended")
        case .none: break
        }
        var log = Log()
        log.read(second)
        #expect(log.times.count == 5)
        first.end()
        second.end()
    }

    @Test func aFrameInHandOutlivesItsSubscriber() throws {
        var kiosk = try Kiosk()
        let subscriber = try kiosk.join(.session("S1"), bitrate: .kilobits(900))
        kiosk.run(1) {}
        switch subscriber.pop(.video) {
        case .some(let frame):
            subscriber.end()
            #expect(kiosk.hub.video.slotsInUse == 1)
            #expect(frame.withFrame { $0.count } > 0)
        case .none: Issue.record("no frame")
        }
        #expect(kiosk.hub.video.slotsInUse == 0)
    }

    @Test func placesAreBoundedAndComeBack() throws {
        let kiosk = try Kiosk()
        var all: [MediaSubscriber] = []
        for index in 0..<FrameHub.mostSubscribers {
            all.append(try kiosk.join(.session("\(index)"), bitrate: .kilobits(900)))
        }
        #expect(kiosk.hub.subscribe(.session("one more")) == nil)
        // The same lease again is the same place.
        #expect(kiosk.hub.subscribe(.session("0")) != nil)
        #expect(kiosk.hub.subscribe(.session("one more")) == nil)
        for subscriber in all { subscriber.end() }
        #expect(kiosk.hub.subscribe(.session("one more")) != nil)
    }

    /// The wish of one who does not get anything yet binds nobody else.
    @Test func whoWaitsForItsPermissionDoesNotNarrowTheOthers() throws {
        let kiosk = try Kiosk()
        let first = try kiosk.join(.session("S1"), bitrate: .kilobits(900))
        let waiting = try #require(kiosk.hub.subscribe(.session("S2")))
        kiosk.hub.hold(.session("S2"), [.video])
        waiting.wish(VideoWish(bitrate: .kilobits(100), frameRate: 5))
        waiting.take([.video])
        #expect(kiosk.hub.control.videoBitrate == .kilobits(900) && kiosk.hub.control.maximumFrameRate == .max)
        kiosk.hub.permit(.session("S2"))
        #expect(kiosk.hub.control.videoBitrate == .kilobits(100) && kiosk.hub.control.maximumFrameRate == 5)
        kiosk.hub.release(.session("S2"))
        #expect(kiosk.hub.control.videoBitrate == .kilobits(900))
        first.end()
        waiting.end()
    }

    /// What three subscribers cost for each frame: nothing, once the slots have their size.
    @Test func framesTakeNoMemory() throws {
        let kiosk = try Kiosk()
        let all = try [
            kiosk.join(.session("S1"), bitrate: .kilobits(900)), kiosk.join(.session("S2"), bitrate: .kilobits(800)),
            kiosk.join(.recording("R1"), bitrate: .kilobits(700)),
        ]
        let generation = try #require(kiosk.hub.video.generation)
        var frame = EncodedFrame(kind: .video, capacity: 64 * 1024)
        func offer(_ count: Int) -> Int64 {
            let before = allocations_of_this_thread()
            for number in 0..<count {
                frame.isKeyframe = number % 20 == 0
                frame.withUnsafeMutableMemory(resizedTo: 2000) { $0[0] = 1 }
                _ = kiosk.hub.video.push(&frame, generation: generation)
                // The last one reads now and then, and loses frames.
                for index in 0..<(number % 11 == 0 ? 3 : 2) { while all[index].pop(.video) != nil {} }
                all[number % 2].wish(VideoWish(bitrate: .kilobits(Double(500 + number % 50))))
            }
            return allocations_of_this_thread() - before
        }
        _ = offer(100)
        #expect(offer(1000) == 0)
        for subscriber in all { subscriber.end() }
    }
}
