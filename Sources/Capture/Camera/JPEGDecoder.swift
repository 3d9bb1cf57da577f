import CTurboJPEG
import CYUV
import Glibc
import Primitives

/// Motion JPEG to I420 by libjpeg-turbo, straight into the frame where the picture is 4:2:0 already.
struct JPEGDecoder: ~Copyable {
    private let handle: tjhandle
    /// Planes of a picture with more chroma than I420 has; grows to what the camera needs, once.
    private var scratch: [UInt8]
    /// A picture with the end marker that its camera leaves out.
    private var completed: [UInt8]
    /// The camera leaves it out.
    private var lacksEnd: Bool

    /// Nil when there is no memory for it.
    init?() {
        guard let handle = tjInitDecompress() else { return nil }
        self.handle = handle
        scratch = []
        completed = []
        lacksEnd = false
    }

    deinit { tjDestroy(handle) }

    /// False when the picture is damaged, cut off, or not of the frame's size: `frame` is then undefined.
    ///
    /// Cameras leave the end marker (EOI) out, or fill the buffer with zeros in its place; the picture is whole all the same,
    /// where the marker put behind it ends it properly.
    mutating func decode(_ bytes: UnsafeRawBufferPointer, into frame: inout VideoFrame) -> Bool {
        if !lacksEnd {
            if decodeAsItIs(bytes, into: &frame) { return true }
            guard let text = tjGetErrorStr2(handle), strstr(text, "Premature end of JPEG file") != nil else {
                return false
            }
        }
        completed.removeAll(keepingCapacity: true)
        completed.append(contentsOf: bytes)
        completed.append(contentsOf: [0xFF, 0xD9])
        // Lent out while it decodes.
        let whole = completed
        lacksEnd = whole.withUnsafeBytes { decodeAsItIs($0, into: &frame) }
        return lacksEnd
    }

    private mutating func decodeAsItIs(_ bytes: UnsafeRawBufferPointer, into frame: inout VideoFrame) -> Bool {
        guard let base = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), !bytes.isEmpty else { return false }
        var (width, height, sampling, space): (Int32, Int32, Int32, Int32) = (0, 0, 0, 0)
        let size = UInt(bytes.count)
        guard tjDecompressHeader3(handle, base, size, &width, &height, &sampling, &space) == 0,
            Int(width) == frame.width, Int(height) == frame.height
        else { return false }
        let isWhole: Bool
        switch TJSAMP(UInt32(bitPattern: sampling)) {
        case TJSAMP_420: isWhole = decodeInPlace(base, size, into: &frame)
        case TJSAMP_422: isWhole = decodeThroughScratch(base, size, chromaWidth: (frame.width + 1) / 2, into: &frame)
        case TJSAMP_444: isWhole = decodeThroughScratch(base, size, chromaWidth: frame.width, into: &frame)
        case TJSAMP_GRAY: isWhole = decodeGrey(base, size, into: &frame)
        default: return false
        }
        guard isWhole else { return false }
        PixelConversion.compressRange(of: &frame)
        return true
    }

    private func decodeInPlace(_ base: UnsafePointer<UInt8>, _ size: UInt, into frame: inout VideoFrame) -> Bool {
        let strides = (Int32(frame.stride), Int32(frame.chromaStride))
        let (width, height) = (Int32(frame.width), Int32(frame.height))
        return frame.withUnsafeMutablePlanes { y, u, v in
            decompress(base, size, width, height, planes: (y, u, v), strides: strides)
        }
    }

    /// 4:2:2 and 4:4:4: all chroma rows first, then two of them become one.
    private mutating func decodeThroughScratch(
        _ base: UnsafePointer<UInt8>, _ size: UInt, chromaWidth: Int, into frame: inout VideoFrame
    ) -> Bool {
        let (width, height) = (frame.width, frame.height)
        let (lumaStride, chromaStride) = (Int32(frame.stride), Int32(frame.chromaStride))
        // The decoder writes whole blocks of the subsampled width, no more.
        let lumaSize = (width + 1) * height
        let chromaSize = (chromaWidth + 1) * height
        let needed = lumaSize + 2 * chromaSize
        if scratch.count < needed { scratch = Array(repeating: 0, count: needed) }
        let handle = handle
        return scratch.withUnsafeMutableBufferPointer { buffer in
            let luma = buffer.baseAddress!
            let u = luma + lumaSize
            let v = u + chromaSize
            let strides = (Int32(width + 1), Int32(chromaWidth + 1))
            guard
                JPEGDecoder.decompress(
                    handle, base, size, Int32(width), Int32(height), planes: (luma, u, v), strides: strides)
            else { return false }
            let convert = chromaWidth == width ? I444ToI420 : I422ToI420
            return frame.withUnsafeMutablePlanes { toY, toU, toV in
                convert(
                    luma, strides.0, u, strides.1, v, strides.1, toY, lumaStride, toU, chromaStride, toV,
                    chromaStride, Int32(width), Int32(height)) == 0
            }
        }
    }

    private func decodeGrey(_ base: UnsafePointer<UInt8>, _ size: UInt, into frame: inout VideoFrame) -> Bool {
        let strides = (Int32(frame.stride), Int32(frame.chromaStride))
        let chroma = frame.chromaStride * frame.chromaHeight
        let (width, height) = (Int32(frame.width), Int32(frame.height))
        return frame.withUnsafeMutablePlanes { y, u, v in
            u.update(repeating: 128, count: chroma)
            v.update(repeating: 128, count: chroma)
            return decompress(base, size, width, height, planes: (y, nil, nil), strides: strides)
        }
    }

    private typealias Planes = (UnsafeMutablePointer<UInt8>, UnsafeMutablePointer<UInt8>?, UnsafeMutablePointer<UInt8>?)

    private func decompress(
        _ base: UnsafePointer<UInt8>, _ size: UInt, _ width: Int32, _ height: Int32, planes: Planes,
        strides: (Int32, Int32)
    ) -> Bool {
        JPEGDecoder.decompress(handle, base, size, width, height, planes: planes, strides: strides)
    }

    private static func decompress(
        _ handle: tjhandle, _ base: UnsafePointer<UInt8>, _ size: UInt, _ width: Int32, _ height: Int32,
        planes: Planes, strides: (Int32, Int32)
    ) -> Bool {
        var pointers: [3 of UnsafeMutablePointer<UInt8>?] = [planes.0, planes.1, planes.2]
        var rows: [3 of Int32] = [strides.0, strides.1, strides.1]
        var pointerSpan = pointers.mutableSpan
        var rowSpan = rows.mutableSpan
        let status = pointerSpan.withUnsafeMutableBufferPointer { pointers in
            rowSpan.withUnsafeMutableBufferPointer { rows in
                tjDecompressToYUVPlanes(
                    handle, base, size, pointers.baseAddress!, width, rows.baseAddress!, height,
                    Int32(TJFLAG_FASTDCT))
            }
        }
        if status == 0 { return true }
        // Cameras put padding between segments, which earns a warning and does no harm; a picture that ends early does.
        guard tjGetErrorCode(handle) == Int32(TJERR_WARNING.rawValue), let text = tjGetErrorStr2(handle) else {
            return false
        }
        return strstr(text, "extraneous") != nil
    }
}
