import CV4L2
import Glibc
import Reactor

/// An open V4L2 node and the calls that ask it questions.
struct V4L2Device: ~Copyable {
    let path: String
    let descriptor: Int32
    /// Whether calls go through libv4l, which converts what the device cannot give itself.
    let isEmulating: Bool

    /// Opens the node. Without emulation libv4l still works around the quirks it knows, but leaves the pixels alone.
    init(opening path: String, emulating: Bool) throws(CaptureError) {
        cv4l2_silence()
        let opened: Int32
        switch Syscall.call({ cv4l2_open(path) }) {
        case .success(let descriptor): opened = descriptor
        case .failure(let code): throw V4L2Device.error(code, "open", path)
        }
        // libv4l says aloud what it thinks of other devices, so they are sorted out before it sees them.
        var capability = v4l2_capability()
        let asked = withUnsafeMutablePointer(to: &capability) { pointer in
            Syscall.call { cv4l2_plain_ioctl(opened, cv4l2_querycap, pointer) }
        }
        if case .failure(let code) = asked {
            Syscall.close(opened)
            guard code == ENOTTY || code == EINVAL else { throw V4L2Device.error(code, "VIDIOC_QUERYCAP", path) }
            throw .unsupported(device: path, found: "not a V4L2 device")
        }
        let flags = emulating ? V4L2_ENABLE_ENUM_FMT_EMULATION : V4L2_DISABLE_CONVERSION
        guard case .success(let descriptor) = Syscall.call({ v4l2_fd_open(opened, Int32(flags)) }) else {
            Syscall.close(opened)
            // libv4l takes nothing but V4L2 capture devices.
            throw .unsupported(device: path, found: "not a V4L2 capture device")
        }
        self.descriptor = descriptor
        self.path = path
        isEmulating = emulating
    }

    deinit { v4l2_close(descriptor) }

    func call<Argument>(_ request: UInt, _ argument: inout Argument) -> Outcome<Int32> {
        let descriptor = descriptor
        return withUnsafeMutablePointer(to: &argument) { pointer in
            Syscall.call { cv4l2_ioctl(descriptor, request, pointer) }
        }
    }

    func require<Argument>(
        _ request: UInt, _ argument: inout Argument, _ name: @autoclosure () -> String
    ) throws(CaptureError) {
        if case .failure(let code) = call(request, &argument) { throw V4L2Device.error(code, name(), path) }
    }

    /// What an errno of a camera means.
    static func error(_ code: Int32, _ operation: String, _ path: String) -> CaptureError {
        switch code {
        case ENOENT, ENXIO: .missing(device: path)
        case ENODEV: operation == "open" ? .missing(device: path) : .lost(device: path)
        case EBUSY: .busy(device: path, holder: DeviceHolders.of(nodes: [path]).text)
        case EACCES, EPERM: .permissionDenied(device: path)
        default: .system(device: path, SystemError(operation, code))
        }
    }

    func capability() throws(CaptureError) -> v4l2_capability {
        var capability = v4l2_capability()
        try require(cv4l2_querycap, &capability, "VIDIOC_QUERYCAP")
        return capability
    }

    /// What the node says it can do at sizes near the requested one.
    func modes(for request: CameraRequest) -> [CameraMode] {
        var modes: [CameraMode] = []
        for index in 0..<64 as Range<UInt32> {
            var description = v4l2_fmtdesc()
            description.index = index
            description.type = V4L2_BUF_TYPE_VIDEO_CAPTURE.rawValue
            guard case .success = call(cv4l2_enum_fmt, &description) else { break }
            guard let format = PixelFormat(fourCC: description.pixelformat, emulating: isEmulating),
                request.pixelFormat == nil || request.pixelFormat == format
            else { continue }
            for (width, height) in sizes(description.pixelformat, request) {
                modes.append(
                    CameraMode(
                        pixelFormat: format, width: width, height: height,
                        frameRate: fastestRate(description.pixelformat, width, height)))
            }
        }
        return modes
    }

    /// The names of all formats, for the message that none of them can be used.
    func formatNames() -> String {
        var names: [String] = []
        for index in 0..<64 as Range<UInt32> {
            var description = v4l2_fmtdesc()
            description.index = index
            description.type = V4L2_BUF_TYPE_VIDEO_CAPTURE.rawValue
            guard case .success = call(cv4l2_enum_fmt, &description) else { break }
            names.append(withUnsafeBytes(of: &description.description) { String(nulTerminated: $0) })
        }
        return names.isEmpty ? "no formats" : names.joined(separator: ", ")
    }

    private func sizes(_ fourCC: UInt32, _ request: CameraRequest) -> [(Int, Int)] {
        var sizes: [(Int, Int)] = []
        for index in 0..<256 as Range<UInt32> {
            var entry = v4l2_frmsizeenum()
            entry.index = index
            entry.pixel_format = fourCC
            guard case .success = call(cv4l2_enum_framesizes, &entry) else { break }
            guard entry.type == V4L2_FRMSIZE_TYPE_DISCRETE.rawValue else {
                let range = entry.stepwise
                return [
                    (
                        FormatNegotiation.clamp(
                            request.width, minimum: Int(range.min_width), maximum: Int(range.max_width),
                            step: Int(range.step_width)),
                        FormatNegotiation.clamp(
                            request.height, minimum: Int(range.min_height), maximum: Int(range.max_height),
                            step: Int(range.step_height))
                    )
                ]
            }
            sizes.append((Int(entry.discrete.width), Int(entry.discrete.height)))
        }
        // A driver that does not enumerate is asked for what is wanted.
        return sizes.isEmpty ? [(request.width, request.height)] : sizes.filter { $0.0 > 0 && $0.1 > 0 }
    }

    private func fastestRate(_ fourCC: UInt32, _ width: Int, _ height: Int) -> FrameRate? {
        var fastest: FrameRate?
        for index in 0..<64 as Range<UInt32> {
            var entry = v4l2_frmivalenum()
            entry.index = index
            entry.pixel_format = fourCC
            entry.width = UInt32(width)
            entry.height = UInt32(height)
            guard case .success = call(cv4l2_enum_frameintervals, &entry) else { break }
            let isDiscrete = entry.type == V4L2_FRMIVAL_TYPE_DISCRETE.rawValue
            if let rate = FrameRate(interval: isDiscrete ? entry.discrete : entry.stepwise.min),
                rate.framesPerSecond > fastest?.framesPerSecond ?? 0
            {
                fastest = rate
            }
            if !isDiscrete { break }
        }
        return fastest
    }
}

extension PixelFormat {
    /// The formats we convert ourselves; under emulation only what libv4l makes.
    init?(fourCC: UInt32, emulating: Bool) {
        switch fourCC {
        case cv4l2_fmt_yuv420: self = emulating ? .emulated : .i420
        case _ where emulating: return nil
        case cv4l2_fmt_nv12: self = .nv12
        case cv4l2_fmt_yuyv: self = .yuyv
        case cv4l2_fmt_uyvy: self = .uyvy
        case cv4l2_fmt_mjpeg, cv4l2_fmt_jpeg: self = .mjpeg
        default: return nil
        }
    }

    var fourCC: UInt32 {
        switch self {
        case .i420, .emulated: cv4l2_fmt_yuv420
        case .nv12: cv4l2_fmt_nv12
        case .yuyv: cv4l2_fmt_yuyv
        case .uyvy: cv4l2_fmt_uyvy
        case .mjpeg: cv4l2_fmt_mjpeg
        }
    }
}

extension FrameRate {
    /// From a driver's seconds per frame; nil when it says nonsense.
    init?(interval: v4l2_fract) {
        guard interval.numerator > 0, interval.denominator > 0, let frames = Int32(exactly: interval.denominator),
            let seconds = Int32(exactly: interval.numerator)
        else { return nil }
        self.init(frames: frames, seconds: seconds)
    }
}

extension String {
    /// A fixed C field that may lack its zero.
    init(nulTerminated bytes: UnsafeRawBufferPointer) {
        self.init(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
}
