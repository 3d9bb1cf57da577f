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
    private let fault: ProvokedFault<CameraFault>?
    private var pace: Pace
    private var painter: TestPatternPainter
    private var number: Int
    private var openedAt: Instant?
    /// The number of the picture that a frozen camera repeats.
    private var frozenAt: Int?

    init(_ request: CameraRequest, fault: ProvokedFault<CameraFault>?) {
        format = CameraFormat(
            width: request.width, height: request.height, frameRate: request.frameRate, pixelFormat: .i420)
        identity = CameraDescription(
            path: nil, name: fault.map { "\($0)" } ?? "test pattern", driver: "none", bus: "none")
        self.fault = fault
        pace = Pace(every: request.frameRate.interval)
        painter = TestPatternPainter(width: request.width, height: request.height)
        number = 0
        openedAt = nil
        frozenAt = nil
    }

    mutating func nextFrame(
        into frame: inout VideoFrame, timeout: Duration, interruptedBy wake: WakeFD?,
        counting events: inout Counter<CameraEvent>
    ) -> Result<CaptureOutcome, CaptureError> {
        let deadline = MonotonicClock.now() + timeout
        while true {
            let (due, missed) = pace.advance(now: MonotonicClock.now())
            events.add(.passedOver, UInt64(missed))
            number += missed
            if Poll.sleep(until: due, interruptedBy: wake) == .interrupted { return .success(.interrupted) }
            let opened = openedAt ?? due
            openedAt = opened
            number += 1
            frame.captureTime = due
            guard let fault, fault.isOn(after: due - opened) else {
                frozenAt = nil
                painter.paint(number - 1, clock: TimeOfDay.now(), into: &frame)
                return .success(.captured)
            }
            switch fault.kind {
            case .frozen:
                let still = frozenAt ?? number
                frozenAt = still
                painter.paint(still, clock: TimeOfDay(hours: 12, minutes: 34, seconds: 56), into: &frame)
            case .black: frame.fill(luma: 16, noise: 6, number: number)
            case .covered: frame.fill(luma: 92, noise: 8, number: number)
            case .garbage:
                events.add(.undecodable)
                if due >= deadline { return .failure(.garbage(device: identity.name, after: timeout)) }
                continue
            case .stall: TestPatternCamera.stall()
            case .lost: return .failure(.lost(device: identity.name))
            case .flash:
                painter.paint(number - 1, clock: TimeOfDay.now(), into: &frame)
                if FlashAndBeep.isOn(at: due) { frame.fill(luma: 235) }
            }
            return .success(.captured)
        }
    }

    /// What a system call that never returns looks like to the rest of the program: neither the gate nor the end of the
    /// agent reaches this thread.
    static func stall() -> Never {
        while true { sleep(3600) }
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
