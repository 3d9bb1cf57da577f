import CV4L2
import Glibc
import Primitives
import Reactor

/// A V4L2 capture device that streams into memory-mapped buffers.
///
/// What a driver is asked for and what it does are two things, so every setting is read back: the format may be
/// another one, the size a nearby one, the rate the next lower one.
struct V4L2Camera: ~Copyable {
    /// What the driver fills while we convert: enough to ride out a slow moment, little enough not to grow old.
    private static let bufferCount: UInt32 = 4

    let format: CameraFormat
    let identity: CameraDescription
    private let stream: V4L2Stream
    var reader: PictureReader
    private var lastSequence: UInt32?

    init(opening path: String, _ request: CameraRequest) throws(CaptureError) {
        var opened = try V4L2Device(opening: path, emulating: false)
        let capability = try opened.capability()
        guard V4L2Camera.canStream(capability) else {
            throw .unsupported(device: path, found: "no streaming video capture")
        }
        var modes = opened.modes(for: request)
        if modes.isEmpty {
            let found = opened.formatNames()
            opened = try V4L2Device(opening: path, emulating: true)
            modes = opened.modes(for: request)
            guard !modes.isEmpty else { throw .unsupported(device: path, found: found) }
        }
        let layout = try V4L2Camera.negotiate(opened, FormatNegotiation.ranked(modes, for: request))
        let rate = V4L2Camera.setRate(opened, request.frameRate)
        let stream = try V4L2Stream(takingOwnershipOf: opened, count: V4L2Camera.bufferCount)
        var copy = capability
        format = CameraFormat(
            width: layout.width, height: layout.height, frameRate: rate ?? request.frameRate,
            pixelFormat: layout.pixelFormat)
        identity = CameraDescription(
            path: path,
            name: withUnsafeBytes(of: &copy.card) { String(nulTerminated: $0) },
            driver: withUnsafeBytes(of: &copy.driver) { String(nulTerminated: $0) },
            bus: withUnsafeBytes(of: &copy.bus_info) { String(nulTerminated: $0) })
        reader = PictureReader(layout)
        lastSequence = nil
        self.stream = stream
    }

    static func canStream(_ capability: v4l2_capability) -> Bool {
        let capabilities =
            capability.capabilities & cv4l2_cap_device_caps != 0
            ? capability.device_caps : capability.capabilities
        return capabilities & cv4l2_cap_video_capture != 0 && capabilities & cv4l2_cap_streaming != 0
            && capabilities & cv4l2_cap_video_m2m == 0
    }

    // MARK: Negotiation

    /// Asks for the modes in turn until the driver sets one that can be used.
    private static func negotiate(
        _ device: borrowing V4L2Device, _ modes: [CameraMode]
    ) throws(CaptureError) -> PictureLayout {
        var failure = CaptureError.unsupported(device: device.path, found: device.formatNames())
        var accepted: PictureLayout?
        for mode in modes {
            switch set(mode, device) {
            case .success(let layout):
                if layout.pixelFormat == mode.pixelFormat { return layout }
                // Another format than asked for, though a usable one: only if nothing is set as asked.
                accepted = accepted ?? layout
            case .failure(let error):
                if case .unsupported = error { continue }
                failure = error
                // Busy and gone do not get better with the next mode.
                if error.reason != "failed" { throw error }
            }
        }
        guard let accepted else { throw failure }
        let mode = CameraMode(
            pixelFormat: accepted.pixelFormat, width: accepted.width, height: accepted.height, frameRate: nil)
        return try set(mode, device).get()
    }

    /// Sets a mode and reads back what came of it.
    private static func set(_ mode: CameraMode, _ device: borrowing V4L2Device) -> Result<PictureLayout, CaptureError> {
        var format = v4l2_format()
        format.type = V4L2_BUF_TYPE_VIDEO_CAPTURE.rawValue
        format.fmt.pix.width = UInt32(mode.width)
        format.fmt.pix.height = UInt32(mode.height)
        format.fmt.pix.pixelformat = mode.pixelFormat.fourCC
        format.fmt.pix.field = V4L2_FIELD_ANY.rawValue
        if case .failure(let code) = device.call(cv4l2_s_fmt, &format) {
            return .failure(V4L2Device.error(code, "VIDIOC_S_FMT", device.path))
        }
        let set = format.fmt.pix
        guard let pixelFormat = PixelFormat(fourCC: set.pixelformat, emulating: device.isEmulating),
            let layout = PictureLayout(
                pixelFormat: pixelFormat, width: Int(set.width), height: Int(set.height),
                bytesPerLine: Int(set.bytesperline))
        else { return .failure(.unsupported(device: device.path, found: device.formatNames())) }
        return .success(layout)
    }

    /// Sets the rate where the driver has one to set.
    ///
    /// - Returns: the rate it then has; nil when it does not say.
    private static func setRate(_ device: borrowing V4L2Device, _ rate: FrameRate) -> FrameRate? {
        var parameters = v4l2_streamparm()
        parameters.type = V4L2_BUF_TYPE_VIDEO_CAPTURE.rawValue
        guard case .success = device.call(cv4l2_g_parm, &parameters) else { return nil }
        if parameters.parm.capture.capability & cv4l2_cap_timeperframe != 0 {
            parameters.parm.capture.timeperframe = v4l2_fract(
                numerator: UInt32(rate.seconds), denominator: UInt32(rate.frames))
            _ = device.call(cv4l2_s_parm, &parameters)
        }
        return FrameRate(interval: parameters.parm.capture.timeperframe)
    }

    // MARK: Streaming

    mutating func nextFrame(
        into frame: inout VideoFrame, timeout: Duration, interruptedBy wake: WakeFD?,
        counting events: inout Counter<CameraEvent>
    ) -> Result<CaptureOutcome, CaptureError> {
        let path = stream.device.path
        let deadline = MonotonicClock.now() + timeout
        var isGarbage = false
        while true {
            // A device that delivers garbage at full speed keeps poll(2) from ever timing out.
            if isGarbage, MonotonicClock.now() >= deadline { return .failure(.garbage(device: path, after: timeout)) }
            switch Poll.wait(for: stream.device.descriptor, until: deadline, interruptedBy: wake) {
            case .interrupted: return .success(.interrupted)
            case .timedOut:
                return .failure(
                    isGarbage ? .garbage(device: path, after: timeout) : .frozen(device: path, after: timeout))
            case .ready: break
            }
            switch takeNewest(counting: &events) {
            case .failure(let error): return .failure(error)
            case .success(nil):
                // The driver said ready and gave nothing: broken buffers, or an error that passes. Not in a tight loop.
                if Poll.sleep(until: MonotonicClock.now() + .milliseconds(2), interruptedBy: wake) == .interrupted {
                    return .success(.interrupted)
                }
                if MonotonicClock.now() >= deadline {
                    return .failure(.frozen(device: path, after: timeout))
                }
            case .success(let buffer?):
                let isConverted = convert(buffer, into: &frame)
                if case .failure(let error) = stream.give(back: buffer.index) { return .failure(error) }
                guard isConverted else {
                    events.add(.undecodable)
                    isGarbage = true
                    continue
                }
                return .success(.captured)
            }
        }
    }

    /// Dequeues everything that is there and keeps the newest whole picture.
    private mutating func takeNewest(counting events: inout Counter<CameraEvent>) -> Result<v4l2_buffer?, CaptureError>
    {
        var newest: v4l2_buffer?
        while true {
            var buffer = v4l2_buffer()
            buffer.type = V4L2_BUF_TYPE_VIDEO_CAPTURE.rawValue
            buffer.memory = V4L2_MEMORY_MMAP.rawValue
            switch stream.device.call(cv4l2_dqbuf, &buffer) {
            case .failure(EAGAIN): return .success(newest)
            case .failure(EIO):
                // "Temporary problems like signal loss" (VIDIOC_DQBUF): the buffer stays with the driver or was lost.
                events.add(.brokenBuffer)
                return .success(newest)
            case .failure(let code): return .failure(V4L2Device.error(code, "VIDIOC_DQBUF", stream.device.path))
            case .success: break
            }
            countLost(before: buffer.sequence, in: &events)
            let isBroken = buffer.flags & cv4l2_buf_error != 0 || buffer.index >= stream.count
            let spent: v4l2_buffer?
            if isBroken {
                events.add(.brokenBuffer)
                spent = buffer
            } else {
                if newest != nil { events.add(.passedOver) }
                spent = newest
                newest = buffer
            }
            if let spent, spent.index < stream.count,
                case .failure(let error) = stream.give(back: spent.index)
            {
                return .failure(error)
            }
        }
    }

    private mutating func countLost(before sequence: UInt32, in events: inout Counter<CameraEvent>) {
        if let lastSequence {
            let gap = sequence &- lastSequence &- 1
            // A sequence that runs backwards is a driver that began again, not four thousand million lost frames.
            if gap < 1000 { events.add(.lostByDriver, UInt64(gap)) }
        }
        lastSequence = sequence
    }

    private mutating func convert(_ buffer: v4l2_buffer, into frame: inout VideoFrame) -> Bool {
        let bytes = stream.bytes(of: buffer)
        var stamped = buffer
        let time = V4L2Camera.captureTime(
            Instant(nanoseconds: cv4l2_timestamp_nanoseconds(&stamped)),
            isMonotonic: buffer.flags & cv4l2_buf_timestamp_mask == cv4l2_buf_timestamp_monotonic,
            now: MonotonicClock.now())
        return reader.read(bytes, taken: time, into: &frame)
    }

    /// The driver's own time where it is on our clock and believable, else now.
    static func captureTime(_ stamp: Instant, isMonotonic: Bool, now: Instant) -> Instant {
        isMonotonic && stamp <= now && now - stamp < .seconds(2) ? stamp : now
    }
}
