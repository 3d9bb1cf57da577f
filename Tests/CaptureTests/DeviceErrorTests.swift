import Glibc
import Primitives
import Testing

@testable import Capture

@Suite struct DeviceErrorTests {
    private func failure(_ source: CameraSource) -> CaptureError? {
        do throws(CaptureError) {
            _ = try Camera(
                opening: CameraRequest(source: source, width: 320, height: 180, frameRate: FrameRate(frames: 15)))
        } catch { return error }
        return nil
    }

    @Test func aCameraThatIsNotThereIsMissing() {
        #expect(failure(.device("/dev/video-nowhere")) == .missing(device: "/dev/video-nowhere"))
    }

    @Test func whatIsNoCameraIsUnsupported() {
        #expect(failure(.device("/dev/null"))?.reason == "unsupported")
    }

    @Test func aMicrophoneThatIsNotThereIsMissing() {
        #expect(throws: CaptureError.missing(device: "hw:31,0")) { _ = try Microphone.open(.device("hw:31,0")) }
    }

    @Test func everyErrnoHasItsRemedy() {
        let expected: [(Int32, String)] = [
            (ENOENT, "missing"), (ENXIO, "missing"), (EBUSY, "busy"), (EACCES, "permission-denied"),
            (EPERM, "permission-denied"), (ENODEV, "lost"), (EIO, "failed"),
        ]
        for (code, reason) in expected {
            #expect(V4L2Device.error(code, "VIDIOC_STREAMON", "x").reason == reason)
            #expect(ALSAMicrophone.error(-code, "snd_pcm_readi", "x", isOpening: false).reason == reason)
        }
        #expect(V4L2Device.error(ENODEV, "open", "x").reason == "missing")
        #expect(ALSAMicrophone.error(-ENODEV, "snd_pcm_open", "x", isOpening: true).reason == "missing")
    }

    @Test func theSearchForCamerasNeverFails() {
        for facts in CameraFacts.enumerate() { #expect(facts.node.hasPrefix("/dev/video")) }
    }

    /// Some drivers stamp with the time of day, some with nothing, and after a suspension with the past.
    @Test func onlyBelievableTimesAreTaken() {
        let now = Instant(nanoseconds: 100_000_000_000)
        func time(_ stamp: Instant, isMonotonic: Bool = true) -> Instant {
            V4L2Camera.captureTime(stamp, isMonotonic: isMonotonic, now: now)
        }
        #expect(time(now - .milliseconds(30)) == now - .milliseconds(30))
        #expect(time(now - .milliseconds(30), isMonotonic: false) == now)
        #expect(time(now + .milliseconds(1)) == now)
        #expect(time(.zero) == now)
    }

    @Test func theWatcherIsQuietWhileNothingHappens() throws {
        var watcher = try DeviceWatcher()
        #expect(watcher.descriptor >= 0)
        let event = watcher.next()
        #expect(event == nil)
    }
}
