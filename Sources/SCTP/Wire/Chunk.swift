import Primitives

/// The chunks that this implementation knows (RFC 9260 section 3.2, RFC 6525 section 3.1, RFC 3758 section 3.2).
enum ChunkType: UInt8, Sendable {
    case data = 0
    case initiation = 1
    case initiationAck = 2
    case sack = 3
    case heartbeat = 4
    case heartbeatAck = 5
    case abort = 6
    case shutdown = 7
    case shutdownAck = 8
    case error = 9
    case cookieEcho = 10
    case cookieAck = 11
    /// Explicit congestion notification echo and congestion window reduced: reserved, and ignored where they come.
    case ecnEcho = 12
    case congestionWindowReduced = 13
    case shutdownComplete = 14
    case reconfiguration = 130
    case forwardTSN = 192

    /// Bytes of type, flags and length before a chunk's value.
    static let headerSize = 4
}

/// Flags of a DATA chunk (RFC 9260 section 3.3.1).
struct DataFlags: OptionSet, Sendable {
    let rawValue: UInt8
    static let end = DataFlags(rawValue: 1)
    static let beginning = DataFlags(rawValue: 2)
    static let unordered = DataFlags(rawValue: 4)
    /// "The (I)mmediate bit": the sender wants its acknowledgement at once.
    static let immediate = DataFlags(rawValue: 8)

    /// Bytes of a DATA chunk before the user's data.
    static let headerSize = 16
}

/// One chunk of a packet, or one parameter of a chunk: a type, and where its value lies in the bytes it was read from.
struct TLV: Sendable {
    var type: UInt16
    /// Of chunks only.
    var flags: UInt8
    var value: Range<Int>
    /// Header and value, without padding.
    var whole: Range<Int> { value.lowerBound - 4..<value.upperBound }

    /// The chunk at `offset`, which moves behind its padding; nil at the end.
    /// - Throws: `truncated` for less than a header, `lengthInvalid` for a length below four or beyond the bytes.
    static func nextChunk(in bytes: Span<UInt8>, at offset: inout Int) throws(SCTPError) -> TLV? {
        guard var tlv = try next(in: bytes, at: &offset) else { return nil }
        tlv.flags = UInt8(truncatingIfNeeded: tlv.type)
        tlv.type >>= 8
        return tlv
    }

    /// The parameter or error cause at `offset`, which moves behind its padding; nil at the end.
    /// - Throws: `truncated` for less than a header, `lengthInvalid` for a length below four or beyond the bytes.
    static func nextParameter(in bytes: Span<UInt8>, at offset: inout Int) throws(SCTPError) -> TLV? {
        try next(in: bytes, at: &offset)
    }

    private static func next(in bytes: Span<UInt8>, at offset: inout Int) throws(SCTPError) -> TLV? {
        guard offset < bytes.count else { return nil }
        guard offset + 4 <= bytes.count else { throw .truncated }
        let type = UInt16(bytes[offset]) << 8 | UInt16(bytes[offset + 1])
        let length = Int(bytes[offset + 2]) << 8 | Int(bytes[offset + 3])
        guard length >= 4, offset + length <= bytes.count else { throw .lengthInvalid(length) }
        let value = offset + 4..<offset + length
        // "This padding MUST NOT be more than 3 bytes"; that of the last chunk is not missed.
        offset = min(offset + (length + 3) & ~3, bytes.count)
        return TLV(type: type, flags: 0, value: value)
    }
}

/// What the two highest bits of an unknown type ask of its receiver (RFC 9260 sections 3.2 and 3.2.1).
struct UnknownType {
    /// Nothing behind it is read.
    var stops: Bool
    /// The sender is told.
    var isReported: Bool

    init(chunk type: UInt16) { self.init(bits: type >> 6) }
    init(parameter type: UInt16) { self.init(bits: type >> 14) }

    private init(bits: UInt16) {
        stops = bits & 2 == 0
        isReported = bits & 1 == 1
    }
}

/// The first 12 bytes of a packet (RFC 9260 section 3.1).
struct PacketHeader: Sendable {
    static let size = 12

    var source: UInt16
    var destination: UInt16
    var tag: UInt32
    /// As it stands in the packet, least significant byte first.
    var checksum: UInt32

    /// - Throws: `truncated`.
    init(_ bytes: Span<UInt8>) throws(SCTPError) {
        do throws(ByteReaderError) {
            var reader = ByteReader(bytes)
            source = try reader.readUInt16()
            destination = try reader.readUInt16()
            tag = try reader.readUInt32()
            checksum = try reader.readUInt32().byteSwapped
        } catch { throw .truncated }
    }

    /// Writes its checksum into a packet.
    static func seal(_ packet: inout MutableSpan<UInt8>) {
        let checksum = CRC32c.checksum(ofPacket: packet.span)
        for index in 0..<4 { packet[8 + index] = UInt8(truncatingIfNeeded: checksum >> UInt32(8 * index)) }
    }
}
