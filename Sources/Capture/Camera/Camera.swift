public import Primitives
public import Reactor

/// A source of I420 pictures: a V4L2 device, a test pattern or a file.
///
/// It is owned and used by one thread, the video thread as a rule, and lives exactly as long as somebody watches:
/// letting go of it stops the stream and closes the device.
///
///     var camera = try Camera(opening: request)
///     var frame = camera.makeFrame()
///     while try camera.nextFrame(into: &frame, timeout: .seconds(2), interruptedBy: stop.wake) == .captured { … }
public struct Camera: ~Copyable {
    /// What it gives.
    public let format: CameraFormat
    /// Which camera it is.
    public let identity: CameraDescription
    /// What happened to its pictures since it was opened.
    public private(set) var events: Counter<CameraEvent>
    /// Whether `jpeg` is wanted of the next pictures; false at first, because it costs a copy.
    public var keepsJPEG: Bool
    /// The latest picture as the device itself made it, as a file; nil where it makes none that stands alone.
    public private(set) var jpeg: [UInt8]?
    private var source: Source

    /// Opens the source, settles on a format and starts the stream.
    public init(opening request: CameraRequest) throws(CaptureError) {
        switch request.source {
        case .automatic: self.init(try Camera.openFirst(request))
        case .device(let path): self.init(try V4L2Camera(opening: path, request))
        case .testPattern: self.init(TestPatternCamera(request, fault: nil))
        case .fault(let fault): self.init(TestPatternCamera(request, fault: fault))
        case .file(let path): self.init(try Y4MCamera(opening: path))
        }
    }

    private init(_ camera: consuming V4L2Camera) {
        (format, identity, events) = (camera.format, camera.identity, Counter())
        (keepsJPEG, jpeg) = (false, nil)
        source = .device(camera)
    }

    private init(_ camera: consuming TestPatternCamera) {
        (format, identity, events) = (camera.format, camera.identity, Counter())
        (keepsJPEG, jpeg) = (false, nil)
        source = .testPattern(camera)
    }

    private init(_ camera: consuming Y4MCamera) {
        (format, identity, events) = (camera.format, camera.identity, Counter())
        (keepsJPEG, jpeg) = (false, nil)
        source = .file(camera)
    }

    /// The best device that can be opened. When none can, the first one's error says most.
    private static func openFirst(_ request: CameraRequest) throws(CaptureError) -> V4L2Camera {
        var first: CaptureError?
        for candidate in CameraSelection.ranked(CameraFacts.enumerate()) {
            do {
                return try V4L2Camera(opening: candidate.preferredPath, request)
            } catch {
                first = first ?? error
            }
        }
        throw first ?? .missing(device: "camera")
    }

    /// A frame of this camera's size, for `nextFrame`.
    public func makeFrame() -> VideoFrame { VideoFrame(width: format.width, height: format.height) }

    /// Waits for the next picture and fills `frame` with it. A device's newest wins: older ones that wait are passed
    /// over.
    ///
    /// - Parameter frame: replaced when it has another size than `format`.
    /// - Parameter timeout: how long a picture may take before the camera counts as frozen.
    /// - Parameter wake: ends the wait when it is or becomes signaled. It is not cleared.
    public mutating func nextFrame(
        into frame: inout VideoFrame, timeout: Duration, interruptedBy wake: WakeFD?
    ) throws(CaptureError) -> CaptureOutcome {
        if frame.width != format.width || frame.height != format.height { frame = makeFrame() }
        let outcome = try source.nextFrame(
            into: &frame, timeout: timeout, interruptedBy: wake, counting: &events, keeping: keepsJPEG, &jpeg)
        if outcome == .captured { events.add(.delivered) }
        return outcome
    }

    private enum Source: ~Copyable {
        case device(V4L2Camera)
        case testPattern(TestPatternCamera)
        case file(Y4MCamera)

        mutating func nextFrame(
            into frame: inout VideoFrame, timeout: Duration, interruptedBy wake: WakeFD?,
            counting events: inout Counter<CameraEvent>, keeping keepsJPEG: Bool, _ jpeg: inout [UInt8]?
        ) throws(CaptureError) -> CaptureOutcome {
            let result: Result<CaptureOutcome, CaptureError>
            switch consume self {
            case .device(var camera):
                camera.reader.keepsJPEG = keepsJPEG
                result = camera.nextFrame(into: &frame, timeout: timeout, interruptedBy: wake, counting: &events)
                jpeg = camera.reader.jpeg
                self = .device(camera)
            case .testPattern(var camera):
                result = camera.nextFrame(
                    into: &frame, timeout: timeout, interruptedBy: wake, counting: &events)
                self = .testPattern(camera)
            case .file(var camera):
                result = camera.nextFrame(into: &frame, interruptedBy: wake, counting: &events)
                self = .file(camera)
            }
            return try result.get()
        }
    }
}
