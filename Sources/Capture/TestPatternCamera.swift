import Glibc
import Primitives
import Reactor

/// A moving picture made here, for kiosks without a camera and for tests: colour bars, a sliding texture, a disc and
/// a sweeping bar that move, and a burnt-in frame counter and time of day.
///
/// The background is drawn once; a frame costs a few row copies, so that a measurement with it is a measurement of
/// what comes behind it.
struct TestPatternCamera: ~Copyable {
    let format: CameraFormat
    let identity: CameraDescription
    private var pace: Pace
    private var painter: TestPatternPainter
    private var number: Int

    init(_ request: CameraRequest) {
        format = CameraFormat(
            width: request.width, height: request.height, frameRate: request.frameRate, pixelFormat: .i420)
        identity = CameraDescription(path: nil, name: "test pattern", driver: "none", bus: "none")
        pace = Pace(every: request.frameRate.interval)
        painter = TestPatternPainter(width: request.width, height: request.height)
        number = 0
    }

    mutating func nextFrame(
        into frame: inout VideoFrame, interruptedBy wake: WakeFD?,
        counting events: inout Counter<CameraEvent>
    ) -> Result<CaptureOutcome, CaptureError> {
        let (due, missed) = pace.advance(now: MonotonicClock.now())
        events.add(.passedOver, UInt64(missed))
        number += missed
        if Poll.sleep(until: due, interruptedBy: wake) == .interrupted { return .success(.interrupted) }
        painter.paint(number, clock: TimeOfDay.now(), into: &frame)
        frame.captureTime = due
        number += 1
        return .success(.captured)
    }
}

/// Local time of day.
struct TimeOfDay: Equatable {
    var hours: Int
    var minutes: Int
    var seconds: Int

    static func now() -> TimeOfDay {
        var seconds = time_t(SystemWallClock.now().secondsSince1970)
        var local = tm()
        localtime_r(&seconds, &local)
        return TimeOfDay(hours: Int(local.tm_hour), minutes: Int(local.tm_min), seconds: Int(local.tm_sec))
    }

    /// "HH:MM:SS" in ASCII.
    var digits: [8 of UInt8] {
        func digit(_ value: Int) -> UInt8 { UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value % 10) }
        let colon = UInt8(ascii: ":")
        return [
            digit(hours / 10), digit(hours), colon, digit(minutes / 10), digit(minutes), colon, digit(seconds / 10),
            digit(seconds),
        ]
    }
}
