import Capture
import Primitives
import Reactor
import Signaling
import TestSupport
import Testing

@testable import Media

@Suite struct MediaPipelineTests {
    private let readable = try! WakeFD()
    private let events = try! Mailbox<MediaEvent>()
    private let control = EncoderControl(
        videoBitrate: .kilobits(600), frameRate: 30, width: 320, height: 240, audioBitrate: .kilobits(32))

    private func pop(_ ring: FrameSubscriber, _ count: Int, into handle: (borrowing EncodedFrame) -> Void) -> Bool {
        var left = count
        return eventually {
            while left > 0, let frame = ring.pop() {
                frame.withFrame(handle)
                left -= 1
            }
            return left == 0
        }
    }

    private func next(_ matches: (MediaEvent) -> Bool) -> Bool {
        eventually {
            while let event = events.next() { if matches(event) { return true } }
            return false
        }
    }

    private func makeVideo(
        _ source: CameraSource, tally: MediaTally = MediaTally()
    ) throws -> (VideoPipeline, FrameSubscriber, MediaGate) {
        let gate = try MediaGate()
        let hub = FrameHub(kind: .video, frameCapacity: 64 * 1024, opened: gate.wake)
        let ring = hub.subscribe(readable: readable)!
        let request = CameraRequest(source: source, width: 320, height: 240, frameRate: FrameRate(frames: 30))
        let pipeline = VideoPipeline(
            request, frames: hub, control: control, tally: tally, gate: gate, events: events)
        try pipeline.start()
        return (pipeline, ring, gate)
    }

    @Test(arguments: [(60, 960), (20, 960), (19, 480), (10, 480), (9, 240), (5, 240), (4, 120), (1, 120)])
    func packetsHoldNoMoreThanTheReceiverWants(milliseconds: Int, samples: Int) {
        #expect(AudioPipeline.packetSize(atMost: milliseconds) == samples)
    }

    @Test func nothingIsEncodedBeforeThePeerIsThereAndTheFirstFrameIsAKeyframe() throws {
        let (pipeline, ring, gate) = try makeVideo(.testPattern)
        defer { pipeline.stop() }
        gate.open()
        #expect(next { if case .running(.video, _) = $0 { true } else { false } })
        // The camera is warm: pictures are taken and forgotten.
        #expect(eventually { pipeline.counters.captured >= 5 })
        #expect(pipeline.counters.encoded == 0)
        ring.open()
        var frames: [(isKeyframe: Bool, width: Int, bytes: Int)] = []
        #expect(pop(ring, 12) { frames.append(($0.isKeyframe, $0.width, $0.count)) })
        #expect(frames[0].isKeyframe)
        #expect(frames.dropFirst().allSatisfy { !$0.isKeyframe })
        #expect(frames.allSatisfy { $0.width == 320 && $0.bytes > 0 })
        let isSignaled = readable.isSignaled
        #expect(isSignaled)

        // A decoder that lost its place.
        ring.requestKeyframe()
        var sawKeyframe = false
        #expect(pop(ring, 12) { if $0.isKeyframe { sawKeyframe = true } })
        #expect(sawKeyframe)

        // The next monitor begins with a keyframe too.
        ring.close()
        ring.open()
        var first: Bool?
        #expect(pop(ring, 3) { if first == nil { first = $0.isKeyframe } })
        #expect(first == true)

        ring.close()
        gate.close()
        #expect(next { $0 == .stopped(.video) })
        let captured = pipeline.counters.captured
        #expect(pipeline.progress.lastBeat == nil || eventually { pipeline.progress.lastBeat == nil })
        #expect(pipeline.counters.captured == captured)
    }

    /// What the camera gives and what the encoder makes of it, for the session of now.
    @Test func countersAreTheSessions() throws {
        let tally = MediaTally()
        let (pipeline, ring, gate) = try makeVideo(.testPattern, tally: tally)
        defer { pipeline.stop() }
        control.setMaximumSize(width: 160, height: 160)
        tally.begin("S1")
        gate.open()
        ring.open()
        #expect(pop(ring, 10) { _ in })
        ring.close()
        let first = tally.session("S1", .video)
        #expect(first.source?.size == PictureSize(width: 320, height: 240))
        #expect(first.width == 160 && first.height == 120)
        #expect(first.source.map { 15...45 ~= $0.framesPerSecond } == true)
        #expect(first.encodeTime > .zero)
        #expect(first.quantizerSum > 0 && first.quantizerSum <= 127 * first.encoded)
        #expect(QualityLimitation.allCases.contains { first.limitedFor[$0] > .zero })
        #expect(first.encoded >= 9 && first.keyframes >= 1)

        gate.close()
        #expect(next { $0 == .stopped(.video) })
        tally.end("S1")
        tally.begin("S2")
        #expect(tally.session("S2", .video) == MediaCounters())
        control.setMaximumSize(width: 320, height: 240)
        gate.open()
        ring.open()
        #expect(pop(ring, 3) { _ in })
        ring.close()
        let second = tally.session("S2", .video)
        #expect(second.encoded < first.encoded && second.width == 320)
        #expect(second.resolutionChanges == 0, "another session's size is no change")
        #expect(pipeline.counters.encoded >= first.encoded + second.encoded)
    }

    @Test func theNetworksWishesAreFollowed() throws {
        let (pipeline, ring, gate) = try makeVideo(.testPattern)
        defer { pipeline.stop() }
        control.setMaximumSize(width: 160, height: 160)
        gate.open()
        ring.open()
        var sizes: [PictureSize] = []
        #expect(pop(ring, 3) { sizes.append(PictureSize(width: $0.width, height: $0.height)) })
        #expect(sizes == Array(repeating: PictureSize(width: 160, height: 120), count: 3))
        control.setMaximumSize(width: 1000, height: 1000)
        var became: Bool?
        #expect(pop(ring, 20) { if $0.width == 320, became == nil { became = $0.isKeyframe } })
        #expect(became == true, "a new size begins with a keyframe")
        #expect(pipeline.counters.resolutionChanges == 1)
    }

    @Test func aMissingCameraIsReportedOnceAndFoundWhenItComes() throws {
        let node = "/dev/video-that-is-not-there"
        let (pipeline, _, gate) = try makeVideo(.device(node))
        defer { pipeline.stop() }
        gate.open()
        var troubles: [MediaTrouble] = []
        let sawTrouble = next {
            if case .trouble(.video, let trouble) = $0 { troubles.append(trouble) }
            return !troubles.isEmpty
        }
        #expect(sawTrouble)
        #expect(troubles.first?.code == .cameraMissing)
        #expect(troubles.first?.state == "missing")
        #expect(troubles.first?.message == "\(node): no such device")
        #expect(troubles.first?.remedy?.isEmpty == false)
        // Another camera is plugged in, and udev says so.
        pipeline.update(
            CameraRequest(source: .testPattern, width: 320, height: 240, frameRate: FrameRate(frames: 30)))
        gate.deviceChanged()
        // The next event is that it runs: the missing one was not reported again meanwhile.
        var events: [MediaEvent] = []
        #expect(
            next {
                events.append($0)
                return true
            })
        #expect(events == [.running(.video, source: "test pattern, 320x240 I420 at 30 frames/s")])
        gate.close()
        #expect(next { $0 == .stopped(.video) })
    }

    @Test func aCoveredLensAndALostCameraAreToldAndOver() throws {
        let fault = try #require(CameraSource("test:black"))
        let (pipeline, _, gate) = try makeVideo(fault)
        defer { pipeline.stop() }
        gate.open()
        #expect(next { $0 == .condition(.video, .black) })
        // The camera is looked for by its name again after it failed; now the name leads to one that is well.
        pipeline.update(
            CameraRequest(source: .testPattern, width: 320, height: 240, frameRate: FrameRate(frames: 30)))
        gate.close()
        #expect(next { $0 == .condition(.video, nil) })
        #expect(next { $0 == .stopped(.video) })
        gate.open()
        #expect(next { if case .running(.video, _) = $0 { true } else { false } })
        #expect(eventually { pipeline.counters.captured > 40 })
        var later: [MediaEvent] = []
        while let event = events.next() { later.append(event) }
        #expect(later == [])
    }

    /// One monitor goes and the next comes before the camera's thread looks.
    @Test func theNextMonitorHearsThatTheCameraRuns() throws {
        let (pipeline, _, gate) = try makeVideo(.testPattern)
        defer { pipeline.stop() }
        gate.open()
        #expect(next { if case .running(.video, _) = $0 { true } else { false } })
        gate.close()
        gate.open()
        #expect(next { if case .running(.video, _) = $0 { true } else { false } })
    }

    @Test func theNextMonitorHearsThatTheMicrophoneRuns() throws {
        let gate = try MediaGate()
        let hub = FrameHub(kind: .audio, frameCapacity: 1500, opened: gate.wake)
        let pipeline = AudioPipeline(.testTone, frames: hub, control: control, gate: gate, events: events)
        try pipeline.start()
        defer { pipeline.stop() }
        gate.open()
        #expect(next { if case .running(.audio, _) = $0 { true } else { false } })
        gate.close()
        gate.open()
        #expect(next { if case .running(.audio, _) = $0 { true } else { false } })
    }

    /// A camera that repeats one picture is closed and opened anew, which often brings it back.
    @Test func aCameraThatRepeatsOnePictureIsOpenedAnew() throws {
        let source = try #require(CameraSource("test:frozen"))
        let (pipeline, _, gate) = try makeVideo(source)
        defer { pipeline.stop() }
        gate.open()
        #expect(next { if case .running(.video, _) = $0 { true } else { false } })
        #expect(next { $0 == .condition(.video, .frozen) })
        #expect(next { if case .trouble(.video, let trouble) = $0 { trouble.state == "frozen" } else { false } })
        let captured = pipeline.counters.captured
        #expect(eventually { pipeline.counters.captured > captured + 10 })
    }

    @Test func aCameraThatOnlyGivesGarbageIsNamed() throws {
        let (pipeline, _, gate) = try makeVideo(try #require(CameraSource("test:garbage")))
        defer { pipeline.stop() }
        gate.open()
        #expect(
            next {
                if case .trouble(.video, let trouble) = $0 {
                    trouble.code == .cameraFailed && trouble.state == "garbage" && trouble.remedy != nil
                } else {
                    false
                }
            })
    }

    @Test func silenceIsTold() throws {
        let gate = try MediaGate()
        let hub = FrameHub(kind: .audio, frameCapacity: 1500, opened: gate.wake)
        let source = try #require(MicrophoneSource("test:silence:4"))
        let pipeline = AudioPipeline(source, frames: hub, control: control, gate: gate, events: events)
        try pipeline.start()
        defer { pipeline.stop() }
        gate.open()
        // Four seconds of tone, then four of nothing, then tone again.
        #expect(next { $0 == .condition(.audio, .silent) })
        #expect(next { $0 == .condition(.audio, nil) })
    }

    @Test func soundFlowsInTwentyMillisecondPackets() throws {
        let gate = try MediaGate()
        let hub = FrameHub(kind: .audio, frameCapacity: 1500, opened: gate.wake)
        let ring = hub.subscribe(readable: readable)!
        let pipeline = AudioPipeline(.testTone, frames: hub, control: control, gate: gate, events: events)
        try pipeline.start()
        defer { pipeline.stop() }
        gate.open()
        #expect(eventually { pipeline.counters.captured >= 3 })
        #expect(pipeline.counters.encoded == 0)
        ring.open()
        var times: [Instant] = []
        var sizes: [Int] = []
        var durations: Set<Duration> = []
        #expect(
            pop(ring, 10) {
                times.append($0.captureTime)
                sizes.append($0.count)
                durations.insert($0.duration)
            })
        #expect(durations == [.milliseconds(20)])
        #expect(sizes.allSatisfy { $0 > 2 })
        #expect(zip(times, times.dropFirst()).allSatisfy { $0 < $1 })
        gate.close()
        #expect(next { $0 == .stopped(.audio) })
    }

    @Test func withoutAMicrophoneNothingRuns() throws {
        let gate = try MediaGate()
        let hub = FrameHub(kind: .audio, frameCapacity: 1500, opened: gate.wake)
        let pipeline = AudioPipeline(.none, frames: hub, control: control, gate: gate, events: events)
        try pipeline.start()
        gate.open()
        gate.close()
        pipeline.stop()
        #expect(pipeline.counters.captured == 0)
    }
}

@Suite struct FramePacerTests {
    private func kept(_ rate: Int, of cameraRate: Int, jitter: Int64 = 0) -> Int {
        var pacer = FramePacer()
        var random = RandomSource.seeded(5)
        return (0..<(cameraRate * 10)).count { index in
            let noise = jitter == 0 ? 0 : Int64.random(in: -jitter...jitter, using: &random)
            let time = Instant(nanoseconds: 1_000_000_000 + Int64(index) * 1_000_000_000 / Int64(cameraRate) + noise)
            return pacer.admits(captureTime: time, framesPerSecond: rate)
        }
    }

    @Test func keepsTheWantedShare() {
        #expect(kept(30, of: 30) == 300)
        #expect((148...152).contains(kept(15, of: 30)))
        #expect((98...102).contains(kept(10, of: 30)))
        #expect((195...205).contains(kept(20, of: 30)))
        #expect(kept(60, of: 30) == 300)
    }

    @Test func jitterCostsNothing() {
        #expect(kept(30, of: 30, jitter: 5_000_000) >= 298)
    }

    @Test func sizesFitWithTheirShape() {
        let camera = PictureSize(width: 640, height: 480)
        #expect(PictureSize.fitting(camera, into: PictureSize(width: 640, height: 480)) == camera)
        #expect(PictureSize.fitting(camera, into: PictureSize(width: 1280, height: 720)) == camera)
        #expect(
            PictureSize.fitting(camera, into: PictureSize(width: 320, height: 480))
                == PictureSize(width: 320, height: 240))
        #expect(
            PictureSize.fitting(camera, into: PictureSize(width: 1, height: 1)) == PictureSize(width: 16, height: 16))
    }
}
