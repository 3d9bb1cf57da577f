import Primitives

/// A STUN message (RFC 8489), read in place.
///
/// STUN is the envelope of everything that happens before and beside media: connectivity checks and consent (ICE),
/// the question "what is my address?" (servers), and relaying (TURN). A message is a header of 20 bytes, four of
/// which are the magic cookie, and attributes of type, length and value, each padded to four bytes:
///
///     0                   1                   2                   3
///     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
///    |0 0|     STUN Message Type     |         Message Length        |
///    |                     Magic Cookie 0x2112A442                   |
///    |                     Transaction ID (96 bits)                  |
///    |         Type                  |            Length             |
///    |                         Value (variable)                ....
///
/// Reading checks the frame once: header, lengths, order of the closing attributes, and the FINGERPRINT if there is
/// one. Values are read when asked for; a value that is malformed reads as nil. Whether the message is authentic is
/// a separate question with a key, `integrity(key:using:)`. Attributes behind MESSAGE-INTEGRITY are not protected by
/// it and therefore not seen ("agents MUST ignore all other attributes that follow", section 14.5).
public struct STUNMessage: ~Escapable {
    /// Bytes 4 to 7 of each message (RFC 8489 section 5).
    public static let magicCookie: UInt32 = 0x2112_A442
    /// Bytes before the first attribute.
    public static let headerSize = 20

    let bytes: Span<UInt8>
    /// Method and class.
    public let type: MessageType
    /// Ties the response to its request.
    public let transactionID: TransactionID
    /// Where the attributes end that count: at the first integrity attribute, the fingerprint, or the end.
    let attributesEnd: Int
    /// Where MESSAGE-INTEGRITY's header is.
    let integrityOffset: Int?
    /// Where MESSAGE-INTEGRITY-SHA256's header is, and the length of its value.
    let integritySHA256: (offset: Int, length: Int)?
    /// Whether a FINGERPRINT was there; a wrong one is an error of reading.
    public let hasFingerprint: Bool

    /// Whether a datagram can be STUN: enough bytes, zero upper bits, the magic cookie (RFC 7983, RFC 8489 section 6.3).
    public static func isSTUN(_ bytes: Span<UInt8>) -> Bool {
        bytes.count >= headerSize && bytes[0] < 4
            && bytes[4] == 0x21 && bytes[5] == 0x12 && bytes[6] == 0xA4 && bytes[7] == 0x42
    }

    /// - Throws: when the frame is wrong; the datagram is then to be dropped.
    @_lifetime(copy bytes)
    public init(_ bytes: Span<UInt8>) throws(STUNParseError) {
        guard bytes.count >= Self.headerSize else { throw .truncated }
        guard let type = MessageType(rawValue: readUInt16(bytes, 0)) else { throw .notSTUN }
        guard readUInt32(bytes, 4) == Self.magicCookie else { throw .notSTUN }
        guard Int(readUInt16(bytes, 2)) == bytes.count - Self.headerSize, bytes.count % 4 == 0 else {
            throw .lengthMismatch
        }
        self.bytes = bytes
        self.type = type
        transactionID = TransactionID(
            high: UInt64(readUInt32(bytes, 8)) << 32 | UInt64(readUInt32(bytes, 12)), low: readUInt32(bytes, 16))

        var at = Self.headerSize
        var end: Int?
        var integrity: Int?
        var sha256: (offset: Int, length: Int)?
        var fingerprint = false
        while at < bytes.count {
            // The total is a multiple of four, and so is every step: four bytes are there.
            let attribute = AttributeType(rawValue: readUInt16(bytes, at))
            let length = Int(readUInt16(bytes, at + 2))
            let next = at + 4 + (length + 3) & ~3
            guard next <= bytes.count else { throw .attributeTruncated(attribute) }
            guard !fingerprint else { throw .attributeAfterFingerprint(attribute) }
            switch attribute {
            case .messageIntegrity where integrity == nil && sha256 == nil:
                guard length == 20 else { throw .malformedAttribute(attribute) }
                integrity = at
                end = end ?? at
            case .messageIntegritySHA256 where sha256 == nil:
                guard (16...32).contains(length), length % 4 == 0 else { throw .malformedAttribute(attribute) }
                sha256 = (at, length)
                end = end ?? at
            case .fingerprint:
                guard length == 4 else { throw .malformedAttribute(attribute) }
                guard readUInt32(bytes, at + 4) == Self.fingerprint(of: bytes.extracting(0..<at)) else {
                    throw .fingerprintMismatch
                }
                fingerprint = true
                end = end ?? at
            default: break
            }
            at = next
        }
        attributesEnd = end ?? bytes.count
        integrityOffset = integrity
        integritySHA256 = sha256
        hasFingerprint = fingerprint
    }

    /// The value of FINGERPRINT over a message up to it (RFC 8489 section 14.7).
    static func fingerprint(of bytes: Span<UInt8>) -> UInt32 {
        var crc = CRC32.start
        for index in 0..<bytes.count { crc = CRC32.update(crc, with: bytes[index]) }
        return CRC32.finish(crc) ^ 0x5354_554E
    }
}

/// Why bytes are no STUN message.
public enum STUNParseError: Error, Hashable, Sendable {
    /// Fewer than 20 bytes.
    case truncated
    /// The upper bits or the magic cookie are wrong.
    case notSTUN
    /// The header's length is not the datagram's, or no multiple of four.
    case lengthMismatch
    /// An attribute reaches past the message's end.
    case attributeTruncated(AttributeType)
    /// An attribute that the frame depends on has a wrong length.
    case malformedAttribute(AttributeType)
    /// Something follows FINGERPRINT, which must be last.
    case attributeAfterFingerprint(AttributeType)
    case fingerprintMismatch
}

/// Big-endian reads at places that were checked before.
func readUInt16(_ bytes: Span<UInt8>, _ at: Int) -> UInt16 { UInt16(bytes[at]) << 8 | UInt16(bytes[at + 1]) }
func readUInt32(_ bytes: Span<UInt8>, _ at: Int) -> UInt32 {
    UInt32(readUInt16(bytes, at)) << 16 | UInt32(readUInt16(bytes, at + 2))
}
