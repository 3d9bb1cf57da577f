/// How a source stores its pictures. All of them end as I420.
public enum PixelFormat: String, Hashable, Sendable, CaseIterable {
    case i420 = "I420"
    case nv12 = "NV12"
    case yuyv = "YUYV"
    case uyvy = "UYVY"
    case mjpeg = "MJPEG"
    /// None of those: libv4l converts what the device has to I420.
    case emulated = "I420 by libv4l"
}

/// What a camera gives, read back from its driver.
public struct CameraFormat: Hashable, Sendable {
    /// In pixels.
    public var width: Int
    /// In pixels.
    public var height: Int
    /// What the driver says. Cameras in the dark may give less.
    public var frameRate: FrameRate
    /// Of the device; the frames handed out are I420.
    public var pixelFormat: PixelFormat

    /// Nothing is checked.
    public init(width: Int, height: Int, frameRate: FrameRate, pixelFormat: PixelFormat) {
        self.width = width
        self.height = height
        self.frameRate = frameRate
        self.pixelFormat = pixelFormat
    }
}

extension CameraFormat: CustomStringConvertible {
    public var description: String { "\(width)x\(height) \(pixelFormat.rawValue) at \(frameRate)" }
}

/// Which camera it is.
public struct CameraDescription: Hashable, Sendable {
    /// The path it was opened by; nil for a test pattern.
    public var path: String?
    /// The device's own name, "HD Pro Webcam C920"; of a file, its path.
    public var name: String
    /// The kernel driver, "uvcvideo"; "none" without one.
    public var driver: String
    /// Where it is attached, "usb-0000:00:14.0-1".
    public var bus: String

    /// Nothing is checked.
    public init(path: String?, name: String, driver: String, bus: String) {
        self.path = path
        self.name = name
        self.driver = driver
        self.bus = bus
    }
}

/// What happened to pictures on the way, since the camera was opened.
public enum CameraEvent: Int, CaseIterable, Sendable {
    /// Frames handed out.
    case delivered
    /// Frames the driver lost before they reached us: gaps in its sequence numbers.
    case lostByDriver
    /// Frames passed over because a newer one was there.
    case passedOver
    /// Buffers that the driver itself marked as broken.
    case brokenBuffer
    /// Compressed frames that did not decode, or buffers shorter than their picture.
    case undecodable
}
