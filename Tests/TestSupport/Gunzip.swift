import CZlib

/// What reads the gzip format (RFC 1952), to check what was written in it.
public enum Gunzip {
    /// - Returns: what one gzip member holds; nil where the bytes are none, are cut off, have a wrong checksum or hold more than `limit` bytes.
    public static func decompressed(_ bytes: [UInt8], limit: Int) -> [UInt8]? {
        var stream = z_stream()
        var status = inflateInit2_(&stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        precondition(status == Z_OK, "gzip: inflateInit2 failed (\(status))")
        defer { inflateEnd(&stream) }
        // One byte more than the limit: zlib wants room, and a longer content is seen.
        let content = [UInt8](unsafeUninitializedCapacity: limit + 1) { output, count in
            bytes.withUnsafeBufferPointer { input in
                stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
                stream.avail_in = UInt32(input.count)
                stream.next_out = output.baseAddress
                stream.avail_out = UInt32(output.count)
                status = inflate(&stream, Z_FINISH)
            }
            count = Int(stream.total_out)
        }
        return status == Z_STREAM_END && content.count <= limit && stream.avail_in == 0 ? content : nil
    }
}
