internal import CZlib

/// Portable Network Graphics (ISO/IEC 15948) by zlib: pictures without loss.
public enum PNG {
    /// Fast rather than small, because a picture that is asked for in mid-session holds up the live one.
    ///
    /// - Parameters:
    ///   - rgb: rows from the top, three bytes a pixel, without padding.
    ///   - width: in pixels, positive.
    ///   - height: in pixels, positive.
    /// - Returns: a file of colour type 2 (truecolour) with 8 bits a sample. Traps where `rgb` is not of that size.
    public static func encoded(rgb: [UInt8], width: Int, height: Int) -> [UInt8] {
        precondition(width > 0 && height > 0 && rgb.count == width * height * 3, "png: pixels of another size")
        // Clause 5.2, the signature.
        var file: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
        // Clause 11.2.2: depth, colour type, compression, filter and interlace methods.
        append("IHDR", bytes(UInt32(width)) + bytes(UInt32(height)) + [8, 2, 0, 0, 0], to: &file)
        append("IDAT", deflated(filtered(rgb, rowBytes: width * 3)), to: &file)
        append("IEND", [], to: &file)
        return file
    }

    /// Each row's type, and each byte less that of the pixel to its left (clause 9.2, filter type 1: Sub).
    private static func filtered(_ rgb: [UInt8], rowBytes: Int) -> [UInt8] {
        let rows = rgb.count / rowBytes
        return [UInt8](unsafeUninitializedCapacity: rgb.count + rows) { output, count in
            var to = 0
            for row in 0..<rows {
                let from = row * rowBytes
                output[to] = 1
                for column in 0..<rowBytes {
                    let left = column < 3 ? 0 : rgb[from + column - 3]
                    output[to + 1 + column] = rgb[from + column] &- left
                }
                to += 1 + rowBytes
            }
            count = to
        }
    }

    private static func deflated(_ bytes: [UInt8]) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: Int(compressBound(uLong(bytes.count)))) { output, count in
            var size = uLong(output.count)
            let status = compress2(output.baseAddress, &size, bytes, uLong(bytes.count), Z_BEST_SPEED)
            precondition(status == Z_OK, "png: compress2 failed (\(status))")
            count = Int(size)
        }
    }

    /// Clause 5.3: length, type, data, and the checksum of type and data.
    private static func append(_ type: String, _ data: [UInt8], to file: inout [UInt8]) {
        let body = Array(type.utf8) + data
        file += bytes(UInt32(data.count)) + body
        file += bytes(UInt32(truncatingIfNeeded: crc32(0, body, uInt(body.count))))
    }

    private static func bytes(_ value: UInt32) -> [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
    }
}
