import Glibc
import Primitives

/// Where pictures come from, as the configuration names it.
public enum CameraSource: Hashable, Sendable {
    /// The first real capture device, by the rules of `CameraSelection`.
    case automatic
    /// A device node or a link to one, `/dev/v4l/by-id/…` best of all.
    case device(String)
    /// A moving picture made here.
    case testPattern
    /// A moving picture with something wrong with it.
    case fault(ProvokedFault<CameraFault>)
    /// A Y4M file, played in a loop at its own size and rate.
    case file(String)

    /// `auto`, `/dev/…`, `test-pattern`, `test:black` and the like, or `file:clip.y4m`; nil for anything else.
    public init?(_ text: String) {
        switch text {
        case "auto": self = .automatic
        case "test-pattern": self = .testPattern
        case let path where path.hasPrefix("/dev/"): self = .device(path)
        case let file where file.hasPrefix("file:") && file.utf8.count > 5: self = .file(String(file.dropFirst(5)))
        case let fault where fault.hasPrefix("test:"):
            guard let fault = ProvokedFault<CameraFault>(fault.dropFirst(5)) else { return nil }
            self = .fault(fault)
        default: return nil
        }
    }

    /// Why it cannot be there, as far as that is seen without opening it; nil where it may be.
    public var absence: CaptureError? {
        switch self {
        case .automatic: CameraFacts.nodes().isEmpty ? .missing(device: "camera") : nil
        case .device(let path): access(path, F_OK) == 0 ? nil : .missing(device: path)
        case .testPattern, .fault, .file: nil
        }
    }
}

/// What is wanted of a camera. What it really gives is in `Camera.format`.
public struct CameraRequest: Hashable, Sendable {
    /// Which camera, picture or file.
    public var source: CameraSource
    /// In pixels.
    public var width: Int
    /// In pixels.
    public var height: Int
    /// A driver gives the nearest it has.
    public var frameRate: FrameRate
    /// The only format to use, for measurements; nil takes the cheapest.
    public var pixelFormat: PixelFormat?

    /// Traps for a size that is not positive.
    public init(
        source: CameraSource, width: Int, height: Int, frameRate: FrameRate, pixelFormat: PixelFormat? = nil
    ) {
        precondition(width > 0 && height > 0, "camera request: empty size")
        self.source = source
        self.width = width
        self.height = height
        self.frameRate = frameRate
        self.pixelFormat = pixelFormat
    }
}

/// Frames per second as a fraction, the way drivers and files count them.
public struct FrameRate: Hashable, Sendable {
    /// Numerator, positive.
    public let frames: Int32
    /// Denominator, positive.
    public let seconds: Int32

    /// Both must be positive.
    public init(frames: Int32, seconds: Int32 = 1) {
        precondition(frames > 0 && seconds > 0, "frame rate: not positive")
        self.frames = frames
        self.seconds = seconds
    }

    /// The time from one frame to the next.
    public var interval: Duration { .nanoseconds(Int64(seconds) * 1_000_000_000 / Int64(frames)) }
    /// The fraction as a number, 29.97… for 30000/1001.
    public var framesPerSecond: Double { Double(frames) / Double(seconds) }
}

extension FrameRate: CustomStringConvertible {
    public var description: String {
        seconds == 1 ? "\(frames) frames/s" : "\(frames)/\(seconds) frames/s"
    }
}
