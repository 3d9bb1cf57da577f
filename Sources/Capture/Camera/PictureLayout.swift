/// How an uncompressed picture lies in a driver's buffer.
struct PictureLayout: Hashable {
    var pixelFormat: PixelFormat
    var width: Int
    var height: Int
    /// Bytes from one row of the first plane to the next.
    var stride: Int

    /// Nil for sizes that no camera has, and for rows shorter than their pixels.
    init?(pixelFormat: PixelFormat, width: Int, height: Int, bytesPerLine: Int) {
        guard (2...8192).contains(width), (2...8192).contains(height) else { return nil }
        let row = PictureLayout.rowBytes(pixelFormat, width)
        // Some drivers leave the field empty: rows without padding then.
        let stride = bytesPerLine == 0 || pixelFormat == .mjpeg ? row : bytesPerLine
        guard stride >= row, stride <= 8 * 8192 else { return nil }
        self.pixelFormat = pixelFormat
        self.width = width
        self.height = height
        self.stride = stride
    }

    init(unchecked pixelFormat: PixelFormat, width: Int, height: Int, stride: Int) {
        self.pixelFormat = pixelFormat
        self.width = width
        self.height = height
        self.stride = stride
    }

    private static func rowBytes(_ format: PixelFormat, _ width: Int) -> Int {
        switch format {
        case .i420, .emulated, .nv12, .mjpeg: width
        case .yuyv, .uyvy: (width + 1) / 2 * 4
        }
    }

    /// From one chroma row of I420 to the next: half of the luma's (V4L2_PIX_FMT_YUV420).
    var chromaStride: Int { (stride + 1) / 2 }

    /// Bytes a buffer must hold to be a whole picture. The last row may lack its padding.
    var minimumSize: Int {
        let chromaHeight = (height + 1) / 2
        switch pixelFormat {
        case .i420, .emulated:
            return stride * height + chromaStride * (2 * chromaHeight - 1) + (width + 1) / 2
        case .nv12: return stride * (height + chromaHeight - 1) + (width + 1) / 2 * 2
        case .yuyv, .uyvy: return stride * (height - 1) + (width + 1) / 2 * 4
        case .mjpeg: return 4
        }
    }
}
