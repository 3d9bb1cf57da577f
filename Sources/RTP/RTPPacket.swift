public import Primitives

/// The fixed part of an RTP header (RFC 3550 section 5.1), without contributing sources, which WebRTC peers that do
/// not mix never have.
public struct RTPHeader: Hashable, Sendable {
    /// Bytes of a header without contributing sources and extension.
    public static let size = 12

    /// M: the last packet of a frame (video) or the first of a talkspurt (audio).
    public var hasMarker: Bool
    /// Which agreed codec, or its retransmissions.
    public var payloadType: PayloadType
    /// One more with each packet of the source; wraps.
    public var sequenceNumber: SequenceNumber
    /// Of the frame's capture, in ticks of the codec's clock; begins at random and wraps.
    public var timestamp: UInt32
    /// Whose packet it is.
    public var ssrc: SSRC

    /// Nothing is checked.
    public init(
        hasMarker: Bool, payloadType: PayloadType, sequenceNumber: SequenceNumber, timestamp: UInt32, ssrc: SSRC
    ) {
        self.hasMarker = hasMarker
        self.payloadType = payloadType
        self.sequenceNumber = sequenceNumber
        self.timestamp = timestamp
        self.ssrc = ssrc
    }

    func write(into writer: inout ByteWriter, hasExtensions: Bool, hasPadding: Bool) {
        writer.write(0x80 | (hasPadding ? 0x20 : 0) as UInt8 | (hasExtensions ? 0x10 : 0))
        writer.write((hasMarker ? 0x80 : 0) | payloadType.rawValue)
        writer.write(sequenceNumber.rawValue)
        writer.write(timestamp)
        writer.write(ssrc.rawValue)
    }
}

/// A received RTP packet, read in place.
public struct RTPPacket: ~Escapable {
    /// Without contributing sources, which are skipped.
    public let header: RTPHeader
    /// The header extension elements, one- or two-byte form (RFC 8285).
    public let extensions: HeaderExtensionList
    /// Without padding.
    public let payload: Span<UInt8>
    /// Bytes behind the payload, the counting one included (RFC 3550 section 5.1, P).
    public let paddingSize: Int

    /// Reads in place; the packet lives as long as its bytes.
    /// - Throws: `truncated`, `unsupportedVersion` or `malformedPadding`; the packet is to be dropped.
    @_lifetime(copy bytes)
    public init(parsing bytes: Span<UInt8>) throws(RTPError) {
        guard let first = bytes.isEmpty ? nil : bytes[0] else { throw .truncated }
        guard first >> 6 == 2 else { throw .unsupportedVersion }
        var reader = ByteReader(bytes)
        do throws(ByteReaderError) {
            try reader.skip(1)
            let second = try reader.readUInt8()
            header = RTPHeader(
                hasMarker: second & 0x80 != 0, payloadType: PayloadType(masking: second),
                sequenceNumber: SequenceNumber(try reader.readUInt16()), timestamp: try reader.readUInt32(),
                ssrc: SSRC(try reader.readUInt32()))
            try reader.skip(4 * Int(first & 0x0F))
            let hasExtension = first & 0x10 != 0
            let profile = hasExtension ? try reader.readUInt16() : 0
            let words = hasExtension ? try reader.readUInt16() : 0
            extensions = HeaderExtensionList(profile: profile, bytes: try reader.readBytes(4 * Int(words)))
        } catch { throw .truncated }

        let rest = reader.readRemaining()
        let hasPadding = first & 0x20 != 0
        let padding = hasPadding && !rest.isEmpty ? Int(rest[rest.count - 1]) : 0
        guard !hasPadding || padding > 0, padding <= rest.count else { throw .malformedPadding }
        paddingSize = padding
        payload = rest.extracting(0..<rest.count - padding)
    }
}

/// Tells RTCP from RTP on one port (RFC 5761 section 4): packet types 192 to 223 stand where RTP has marker and
/// payload type.
public func isRTCP(_ datagram: Span<UInt8>) -> Bool {
    datagram.count >= 2 && (192...223).contains(datagram[1])
}
