import Primitives

/// Turns what a driver's buffer holds into a frame.
struct PictureReader: ~Copyable {
    private let layout: PictureLayout
    private var decoder: JPEGDecoder?
    /// Whether the driver's own JPEG of the next picture is kept.
    var keepsJPEG: Bool
    /// That of the latest whole picture, as a file; nil where the driver gives none, or none was to be kept.
    private(set) var jpeg: [UInt8]?

    init(_ layout: PictureLayout) {
        self.layout = layout
        decoder = layout.pixelFormat == .mjpeg ? JPEGDecoder() : nil
        keepsJPEG = false
        jpeg = nil
    }

    /// False when the picture is damaged or cut off: the frame is then spent, with the capture time of none.
    mutating func read(_ bytes: UnsafeRawBufferPointer, taken time: Instant, into frame: inout VideoFrame) -> Bool {
        let isWhole =
            switch layout.pixelFormat {
            case .mjpeg: decoder?.decode(bytes, into: &frame) ?? false
            case .i420, .emulated, .nv12, .yuyv, .uyvy: PixelConversion.convert(bytes, layout, into: &frame)
            }
        // Half of another picture may stand in it: the holder of the frame must not take it for the last whole one.
        frame.captureTime = isWhole ? time : .zero
        jpeg =
            isWhole && keepsJPEG && layout.pixelFormat == .mjpeg
            ? StillPicture.file(fromMotionJPEG: Array(bytes)) : nil
        return isWhole
    }
}
