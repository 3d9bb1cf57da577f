import Capture
import Primitives
import Reactor
import Signaling
import TestSupport
import Testing

@testable import Media

@Suite struct SnapshotTests {
    @Test(
        arguments: [
            ("a.png", Snapshot.Format.png), ("/tmp/a.b.JPG", .jpeg), ("x.jpeg", .jpeg), ("a.gif", nil), ("png", nil),
            ("a.png/b", nil),
            ("", nil),
        ] as [(String, Snapshot.Format?)])
    func aNameSaysTheFormat(path: String, format: Snapshot.Format?) {
        #expect(Snapshot.Format(suffixOf: path) == format)
    }

    @Test(arguments: [
        ("missing", SnapshotFailure.Code.cameraMissing), ("busy", .cameraBusy), ("permission-denied", .notPermitted),
        ("stalled", .cameraFailed),
    ])
    func troubleKeepsItsName(state: String, code: SnapshotFailure.Code) {
        let failure = SnapshotFailure(
            MediaTrouble(.cameraFailed, state: state, message: "no picture", remedy: "look at it"))
        #expect(failure.code == code)
        #expect(failure.description == "no picture; look at it")
    }

    @Test func aCameraThatWasJustOpenedFindsItsExposure() {
        var settling = ExposureSettling()
        let times: [Duration] = [.zero, .milliseconds(499), .milliseconds(500), .seconds(9)]
        let isOver = times.map { settling.isOver(now: .zero + $0) }
        #expect(isOver == [false, false, true, true])
    }

    @Test(arguments: Snapshot.Format.allCases)
    func oneIsTakenWithoutAnAgent(format: Snapshot.Format) throws {
        let request = CameraRequest(
            source: .testPattern, width: 320, height: 240, frameRate: FrameRate(frames: 30))
        let snapshot = try SnapshotCamera.take(request, as: format, clock: MonotonicClock.now)
        #expect(snapshot.format == format && snapshot.size == PictureSize(width: 320, height: 240))
        #expect(snapshot.bytes.starts(with: format == .png ? [0x89, 0x50, 0x4E, 0x47] : [0xFF, 0xD8, 0xFF]))
        #expect(snapshot.takenAt > .zero)
    }

    @Test func aCameraThatIsNotThereIsNamed() {
        let request = CameraRequest(
            source: .device("/dev/video-none"), width: 320, height: 240, frameRate: FrameRate(frames: 30))
        #expect {
            _ = try SnapshotCamera.take(request, as: .png, clock: MonotonicClock.now)
        } throws: { ($0 as? SnapshotFailure)?.code == .cameraMissing }
    }

    /// Once for each time that somebody asks, and nothing is encoded for it.
    @Test func theVideoThreadTakesOne() throws {
        let events = try Mailbox<MediaEvent>()
        let gate = try MediaGate()
        let hub = FrameHub(kind: .video, frameCapacity: 64 * 1024, opened: gate.wake)
        let pipeline = VideoPipeline(
            CameraRequest(source: .testPattern, width: 320, height: 240, frameRate: FrameRate(frames: 30)),
            frames: hub,
            control: EncoderControl(
                videoBitrate: .kilobits(600), frameRate: 30, width: 160, height: 120, audioBitrate: .kilobits(32)),
            gate: gate, events: events)
        try pipeline.start()
        defer { pipeline.stop() }
        var taken: [UInt64: PictureSize] = [:]
        func collect() {
            while let event = events.next() {
                if case .snapshot(let id, .success(let snapshot)) = event { taken[id] = snapshot.size }
            }
        }
        // One that was taken back is none.
        pipeline.take(SnapshotRequest(id: 1, format: .png))
        pipeline.take(nil)
        pipeline.take(SnapshotRequest(id: 2, format: .png))
        gate.open()
        #expect(
            eventually {
                collect()
                return !taken.isEmpty
            })
        let before = pipeline.counters.captured
        #expect(eventually { pipeline.counters.captured >= before + 3 })
        collect()
        // The camera's size, whatever a session would be sent.
        #expect(taken == [2: PictureSize(width: 320, height: 240)])
        #expect(pipeline.counters.encoded == 0)
    }
}
