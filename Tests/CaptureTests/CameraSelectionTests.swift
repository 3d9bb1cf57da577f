import Primitives
import Testing

@testable import Capture

@Suite struct CameraSelectionTests {
    private func facts(
        _ number: Int, driver: String = "uvcvideo", links: [String] = [], canCapture: Bool = true,
        failure: CaptureError? = nil
    ) -> CameraFacts {
        CameraFacts(
            node: "/dev/video\(number)", stableLinks: links, name: "camera \(number)", driver: driver, bus: "usb-1",
            canCapture: canCapture, failure: failure)
    }

    private func chosen(_ facts: [CameraFacts]) -> [String] { CameraSelection.ranked(facts).map(\.preferredPath) }

    @Test func nodesThatCannotCaptureAreNoCameras() {
        #expect(chosen([facts(0, canCapture: false), facts(1)]) == ["/dev/video1"])
        #expect(chosen([facts(0, canCapture: false)]) == [])
        #expect(chosen([]) == [])
    }

    @Test func theNumberIsANumber() {
        #expect(chosen([facts(10), facts(2)]) == ["/dev/video2", "/dev/video10"])
    }

    @Test func theStableNameIsWhatIsOpened() {
        let byId = "/dev/v4l/by-id/usb-Logitech_C920-video-index0"
        let byPath = "/dev/v4l/by-path/pci-0000:00:14.0-usb-0:1:1.0-video-index0"
        #expect(chosen([facts(0, links: [byId, byPath])]) == [byId])
        #expect(chosen([facts(0, links: [byPath])]) == [byPath])
        #expect(chosen([facts(0), facts(4, links: [byId])]) == [byId, "/dev/video0"])
    }

    @Test func hardwareComesBeforeSoftware() {
        #expect(
            chosen([facts(0, driver: "v4l2 loopback", links: ["/dev/v4l/by-id/x"]), facts(1)])
                == ["/dev/video1", "/dev/v4l/by-id/x"])
        #expect(chosen([facts(0, driver: "vivid")]) == ["/dev/video0"])
    }

    @Test func aNodeThatMayNotBeOpenedIsTheLastResort() {
        let denied = facts(0, canCapture: false, failure: .permissionDenied(device: "/dev/video0"))
        #expect(chosen([denied, facts(1, driver: "vivid")]) == ["/dev/video1", "/dev/video0"])
        #expect(chosen([denied]) == ["/dev/video0"])
    }
}

@Suite struct FormatNegotiationTests {
    static func request(_ width: Int, _ height: Int, _ rate: Int32 = 30) -> CameraRequest {
        CameraRequest(source: .automatic, width: width, height: height, frameRate: FrameRate(frames: rate))
    }

    private func best(_ modes: [(PixelFormat, Int, Int, Int32?)], _ request: CameraRequest) -> String? {
        let modes = modes.map { format, width, height, rate in
            CameraMode(
                pixelFormat: format, width: width, height: height, frameRate: rate.map { FrameRate(frames: $0) })
        }
        return FormatNegotiation.ranked(modes, for: request).first.map {
            "\($0.pixelFormat.rawValue) \($0.width)x\($0.height)"
        }
    }

    @Test func ofEqualModesTheCheapestToConvertWins() {
        let modes: [(PixelFormat, Int, Int, Int32?)] = [
            (.mjpeg, 640, 480, 30), (.uyvy, 640, 480, 30), (.yuyv, 640, 480, 30), (.nv12, 640, 480, 30),
            (.i420, 640, 480, 30),
        ]
        #expect(best(modes, Self.request(640, 480)) == "I420 640x480")
        #expect(best(modes.dropLast(), Self.request(640, 480)) == "NV12 640x480")
        #expect(best(modes.dropLast(2), Self.request(640, 480)) == "YUYV 640x480")
    }

    /// The usual USB 2 camera: raw at 10 frames/s, compressed at 30.
    @Test func theRateCountsMoreThanTheConversion() {
        let modes: [(PixelFormat, Int, Int, Int32?)] = [(.yuyv, 1280, 720, 10), (.mjpeg, 1280, 720, 30)]
        #expect(best(modes, Self.request(1280, 720)) == "MJPEG 1280x720")
        #expect(best(modes, Self.request(1280, 720, 10)) == "YUYV 1280x720")
    }

    @Test func theSizeCountsMost() {
        #expect(best([(.i420, 1280, 720, 30), (.mjpeg, 640, 480, 15)], Self.request(640, 480)) == "MJPEG 640x480")
        #expect(
            best([(.yuyv, 320, 240, 30), (.yuyv, 1920, 1080, 30), (.yuyv, 800, 600, 30)], Self.request(640, 480))
                == "YUYV 800x600")
        #expect(
            best([(.yuyv, 320, 240, 30), (.yuyv, 160, 120, 30)], Self.request(640, 480)) == "YUYV 320x240")
    }

    @Test func ratesThatAreNearlyEnoughAreEnough() {
        let ntsc = CameraMode(
            pixelFormat: .yuyv, width: 640, height: 480, frameRate: FrameRate(frames: 30_000, seconds: 1_001))
        let full = CameraMode(pixelFormat: .mjpeg, width: 640, height: 480, frameRate: FrameRate(frames: 30))
        #expect(FormatNegotiation.ranked([full, ntsc], for: Self.request(640, 480)).first == ntsc)
    }

    @Test func stepwiseSizesAreClamped() {
        #expect(FormatNegotiation.clamp(640, minimum: 16, maximum: 1920, step: 16) == 640)
        #expect(FormatNegotiation.clamp(641, minimum: 16, maximum: 1920, step: 16) == 640)
        #expect(FormatNegotiation.clamp(8, minimum: 16, maximum: 1920, step: 0) == 16)
        #expect(FormatNegotiation.clamp(4000, minimum: 16, maximum: 1920, step: 2) == 1920)
        #expect(FormatNegotiation.clamp(640, minimum: 100, maximum: 50, step: 2) == 640)
    }
}

@Suite struct SourceNameTests {
    @Test func aDeviceThatIsNotThereIsSeenWithoutOpeningIt() {
        #expect(CameraSource("/dev/video-of-nobody")?.absence == .missing(device: "/dev/video-of-nobody"))
        #expect(CameraSource("/dev/null")?.absence == nil)
        #expect(CameraSource("test-pattern")?.absence == nil)
        #expect(CameraSource("file:/nowhere.y4m")?.absence == nil)
    }

    @Test func cameras() {
        #expect(CameraSource("auto") == .automatic)
        #expect(CameraSource("test-pattern") == .testPattern)
        #expect(CameraSource("/dev/v4l/by-id/x") == .device("/dev/v4l/by-id/x"))
        #expect(CameraSource("file:clip.y4m") == .file("clip.y4m"))
        let black = CameraSource("test:black")
        let passing = CameraSource("test:frozen:8")
        #expect(black.map { "\($0)" }?.contains("test:black") == true)
        #expect(passing.map { "\($0)" }?.contains("test:frozen:8") == true)
        for wrong in [
            "", "file:", "video0", "testpattern", "test:", "test:silence", "test:black:", "test:black:0",
            "test:black:x",
        ] { #expect(CameraSource(wrong) == nil) }
    }

    @Test func microphones() {
        #expect(MicrophoneSource("default") == .device("default"))
        #expect(MicrophoneSource("hw:1,0") == .device("hw:1,0"))
        #expect(MicrophoneSource("test-tone") == .testTone)
        #expect(MicrophoneSource("none") == MicrophoneSource.none)
        #expect(MicrophoneSource("file:clip.wav") == .file("clip.wav"))
        #expect(MicrophoneSource("test:silence") != nil)
        for wrong in ["", "file:", "test:black", "test:silence:-1"] { #expect(MicrophoneSource(wrong) == nil) }
    }
}
