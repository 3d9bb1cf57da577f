internal import CZlib

/// The gzip format (RFC 1952) by zlib.
public enum Gzip {
    /// Compresses at the highest level, for what is compressed once and sent often. No time and no name are written: equal bytes give equal bytes.
    /// - Parameter bytes: at most 4 GiB.
    /// - Returns: one gzip member. Traps where memory is out.
    public static func compressed(_ bytes: [UInt8]) -> [UInt8] {
        var stream = z_stream()
        var status = czlib_deflate_init_gzip(&stream, Z_BEST_COMPRESSION)
        precondition(status == Z_OK, "gzip: deflateInit2 failed (\(status))")
        defer { deflateEnd(&stream) }
        return [UInt8](unsafeUninitializedCapacity: Int(deflateBound(&stream, UInt(bytes.count)))) { output, count in
            // zlib does not write to its input; the type of the field is older than `const`.
            bytes.withUnsafeBufferPointer { input in
                stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
                stream.avail_in = UInt32(input.count)
                stream.next_out = output.baseAddress
                stream.avail_out = UInt32(output.count)
                status = deflate(&stream, Z_FINISH)
            }
            precondition(status == Z_STREAM_END, "gzip: deflate did not end within deflateBound (\(status))")
            count = Int(stream.total_out)
        }
    }
}
