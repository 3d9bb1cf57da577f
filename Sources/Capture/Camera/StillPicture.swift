internal import CTurboJPEG
internal import CYUV
public import Primitives

/// A frame as a picture by itself.
public enum StillPicture {
    /// - Returns: rows from the top, three bytes a pixel (red, green, blue), without padding.
    public static func rgb(_ frame: borrowing VideoFrame) -> [UInt8] {
        let (width, height) = (frame.width, frame.height)
        let (stride, chromaStride) = (Int32(frame.stride), Int32(frame.chromaStride))
        return frame.withUnsafePlanes { y, u, v in
            [UInt8](unsafeUninitializedCapacity: width * height * 3) { output, count in
                // Called RAW by libyuv, whose RGB24 is the other way round. BT.601, studio range, as all frames here.
                _ = I420ToRAW(
                    y, stride, u, chromaStride, v, chromaStride, output.baseAddress!, Int32(width * 3), Int32(width),
                    Int32(height))
                count = width * height * 3
            }
        }
    }

    /// - Parameter quality: 1 … 100.
    /// - Returns: a JPEG file (JFIF) with 4:2:0 chroma; nil when there is no memory for it.
    public static func jpeg(_ frame: borrowing VideoFrame, quality: Int = 90) -> [UInt8]? {
        guard let handle = tjInitCompress() else { return nil }
        defer { tjDestroy(handle) }
        let pixels = rgb(frame)
        var bytes: UnsafeMutablePointer<UInt8>?
        var size: UInt = 0
        defer { tjFree(bytes) }
        let status = tjCompress2(
            handle, pixels, Int32(frame.width), 0, Int32(frame.height), Int32(TJPF_RGB.rawValue), &bytes, &size,
            Int32(TJSAMP_420.rawValue), Int32(quality), 0)
        guard status == 0, let bytes else { return nil }
        return Array(UnsafeBufferPointer(start: bytes, count: Int(size)))
    }

    /// A camera's Motion JPEG picture as a file that every viewer opens. Cameras leave out Huffman tables, the end marker or both, and
    /// fill the rest of their buffer with zeros.
    ///
    /// - Returns: nil when it has no Huffman table before its first scan (ITU-T T.81, B.1.1.3), or is no JPEG.
    static func file(fromMotionJPEG bytes: [UInt8]) -> [UInt8]? {
        guard bytes.starts(with: [0xFF, 0xD8]) else { return nil }
        var (index, hasTables) = (2, false)
        while true {
            // Each segment but the first has a marker, which padding may precede, and its own length.
            while index + 1 < bytes.count, bytes[index] == 0xFF, bytes[index + 1] == 0xFF { index += 1 }
            guard index + 3 < bytes.count, bytes[index] == 0xFF else { return nil }
            let marker = bytes[index + 1]
            if marker == 0xDA { break }
            if marker == 0xC4 { hasTables = true }
            index += 2 + (Int(bytes[index + 2]) << 8 | Int(bytes[index + 3]))
        }
        guard hasTables else { return nil }
        var file = bytes
        while file.last == 0 { file.removeLast() }
        if file.suffix(2) != [0xFF, 0xD9] { file += [0xFF, 0xD9] }
        return file
    }
}
