/// The CRC-32 of ITU-T V.42, as FINGERPRINT uses it (RFC 8489 section 14.7).
enum CRC32 {
    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { crc, _ in crc & 1 == 1 ? 0xEDB8_8320 ^ (crc >> 1) : crc >> 1 }
    }

    /// Takes one byte into a running checksum, which starts as `start` and ends by `finish`.
    static func update(_ crc: UInt32, with byte: UInt8) -> UInt32 {
        table[Int(UInt8(truncatingIfNeeded: crc) ^ byte)] ^ (crc >> 8)
    }

    static let start: UInt32 = 0xFFFF_FFFF
    static func finish(_ crc: UInt32) -> UInt32 { ~crc }
}
