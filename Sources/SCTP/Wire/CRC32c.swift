/// The CRC-32C of RFC 9260 appendix A, which an SCTP packet carries least significant byte first.
enum CRC32c {
    /// Eight tables of 256: how a byte changes the checksum that has yet to pass 0 to 7 bytes behind it.
    private static let tables: [UInt32] = {
        var tables: [UInt32] = []
        for index in 0..<256 as Range<UInt32> {
            var crc = index
            for _ in 0..<8 { crc = crc & 1 == 1 ? 0x82F6_3B78 ^ (crc >> 1) : crc >> 1 }
            tables.append(crc)
        }
        for index in 256..<2048 {
            let before = tables[index - 256]
            tables.append(tables[Int(before & 0xFF)] ^ (before >> 8))
        }
        return tables
    }()

    /// The checksum of a packet, its checksum field taken as zero. `packet` has at least the common header's 12 bytes.
    static func checksum(ofPacket packet: Span<UInt8>) -> UInt32 {
        let tables = self.tables
        var crc: UInt32 = 0xFFFF_FFFF
        for index in 0..<12 {
            let byte = index < 8 ? packet[index] : 0
            crc = tables[Int(UInt8(truncatingIfNeeded: crc) ^ byte)] ^ (crc >> 8)
        }
        var at = 12
        while at + 8 <= packet.count {
            let low =
                crc
                ^ (UInt32(packet[at]) | UInt32(packet[at + 1]) << 8 | UInt32(packet[at + 2]) << 16
                    | UInt32(packet[at + 3]) << 24)
            let first = tables[1792 + Int(low & 0xFF)] ^ tables[1536 + Int(low >> 8 & 0xFF)]
            let second = tables[1280 + Int(low >> 16 & 0xFF)] ^ tables[1024 + Int(low >> 24)]
            let third = tables[768 + Int(packet[at + 4])] ^ tables[512 + Int(packet[at + 5])]
            let fourth = tables[256 + Int(packet[at + 6])] ^ tables[Int(packet[at + 7])]
            crc = first ^ second ^ third ^ fourth
            at += 8
        }
        while at < packet.count {
            crc = tables[Int(UInt8(truncatingIfNeeded: crc) ^ packet[at])] ^ (crc >> 8)
            at += 1
        }
        return ~crc
    }
}
