import Primitives

/// As much of a DNS message as resolving a `.local` name takes (RFC 1035 section 4, RFC 6762).
enum MDNSMessage {
    static let port: UInt16 = 5353
    static let groupIPv4 = SocketAddress(address: .v4(0xE000_00FB), port: port)
    static let groupIPv6 = SocketAddress(
        address: .v6(high: 0xFF02_0000_0000_0000, low: 0x0000_0000_0000_00FB), port: port)

    private static let typeA: UInt16 = 1
    private static let typeAAAA: UInt16 = 28
    private static let classIN: UInt16 = 1

    /// Labels of a name, lower case; nil when it is no name for the wire.
    static func labels(_ name: String) -> [[UInt8]]? {
        let parts = name.lowercased().split(separator: ".", omittingEmptySubsequences: false).map { Array($0.utf8) }
        guard parts.allSatisfy({ (1...63).contains($0.count) }), parts.reduce(1, { $0 + $1.count + 1 }) <= 255 else {
            return nil
        }
        return parts
    }

    /// One query for the A and AAAA records of each name.
    ///
    /// - Parameter prefersUnicast: The QU bit (RFC 6762 section 5.4): the answer may come by unicast.
    static func writeQuery(_ names: [[[UInt8]]], prefersUnicast: Bool, into writer: inout ByteWriter) {
        // "In multicast query messages, the Query Identifier SHOULD be set to zero on transmission."
        writer.write(UInt16(0))
        writer.write(UInt16(0))
        writer.write(UInt16(truncatingIfNeeded: names.count * 2))
        writer.write(zeros: 6)
        for labels in names {
            for type in [typeA, typeAAAA] {
                for label in labels {
                    writer.write(UInt8(truncatingIfNeeded: label.count))
                    writer.write(label)
                }
                writer.write(UInt8(0))
                writer.write(type)
                writer.write(classIN | (prefersUnicast ? 0x8000 : 0))
            }
        }
    }

    /// Address records of a response: name, address. Nil when the bytes are no response.
    static func parseResponse(_ bytes: Span<UInt8>) -> [(name: [[UInt8]], address: IPAddress)]? {
        do {
            var reader = ByteReader(bytes)
            try reader.skip(2)
            let flags = try reader.readUInt16()
            // A response, of a standard query, without error (RFC 6762 section 18).
            guard flags & 0x8000 != 0, flags & 0x7800 == 0, flags & 0x000F == 0 else { return nil }
            let questions = Int(try reader.readUInt16())
            let records = Int(try reader.readUInt16()) + Int(try reader.readUInt16()) + Int(try reader.readUInt16())
            guard questions + records <= 256 else { return nil }
            for _ in 0..<questions {
                guard try readName(&reader, of: bytes) != nil else { return nil }
                try reader.skip(4)
            }
            var result: [(name: [[UInt8]], address: IPAddress)] = []
            for _ in 0..<records {
                guard let name = try readName(&reader, of: bytes) else { return nil }
                let type = try reader.readUInt16()
                // The top bit is the cache-flush bit (RFC 6762 section 10.2).
                let recordClass = try reader.readUInt16() & 0x7FFF
                try reader.skip(4)
                let length = Int(try reader.readUInt16())
                switch (type, length) {
                case (typeA, 4) where recordClass == classIN:
                    result.append((name, .v4(try reader.readUInt32())))
                case (typeAAAA, 16) where recordClass == classIN:
                    let high = try reader.readUInt64()
                    result.append((name, .v6(high: high, low: try reader.readUInt64())))
                default: try reader.skip(length)
                }
            }
            return result
        } catch {
            return nil
        }
    }

    /// A name with compression (RFC 1035 section 4.1.4), lower case; nil when it is malformed. Pointers only lead
    /// back, so every name ends.
    private static func readName(
        _ reader: inout ByteReader, of bytes: Span<UInt8>
    ) throws(ByteReaderError) -> [[UInt8]]? {
        var labels: [[UInt8]] = []
        var total = 1
        /// Where the reading goes on after a pointer, which the reader itself does not follow.
        var at: Int?
        var limit = reader.offset
        while true {
            let length: UInt8
            if let place = at {
                guard place < bytes.count else { return nil }
                length = bytes[place]
                at = place + 1
            } else {
                length = try reader.readUInt8()
            }
            switch length {
            case 0: return labels
            case 1...63:
                total += Int(length) + 1
                guard total <= 255 else { return nil }
                var label: [UInt8] = []
                for _ in 0..<length {
                    let byte: UInt8
                    if let place = at {
                        guard place < bytes.count else { return nil }
                        byte = bytes[place]
                        at = place + 1
                    } else {
                        byte = try reader.readUInt8()
                    }
                    label.append((0x41...0x5A).contains(byte) ? byte | 0x20 : byte)
                }
                labels.append(label)
            case 192...255:
                let low: UInt8
                if let place = at {
                    guard place < bytes.count else { return nil }
                    low = bytes[place]
                } else {
                    low = try reader.readUInt8()
                }
                let target = Int(length & 0x3F) << 8 | Int(low)
                guard target >= 12, target < limit else { return nil }
                limit = target
                at = target
            default: return nil
            }
        }
    }
}
