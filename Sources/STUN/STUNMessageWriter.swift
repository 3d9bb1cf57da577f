public import Primitives

/// Writes one STUN message attribute by attribute behind what a `ByteWriter` already holds.
///
///     var message = STUNMessageWriter(.bindingRequest, id, into: &writer)
///     message.write(.username, utf8: "theirs:ours", into: &writer)
///     message.writeMessageIntegrity(key: key, using: authenticator, into: &writer)
///     message.writeFingerprint(into: &writer)
///
/// The header's length is kept true after each attribute, so a message is complete at any time.
public struct STUNMessageWriter: Sendable {
    private let start: Int
    private let transactionID: TransactionID

    /// Writes the header.
    public init(_ type: MessageType, _ transactionID: TransactionID, into writer: inout ByteWriter) {
        start = writer.count
        self.transactionID = transactionID
        writer.write(type.rawValue)
        writer.write(UInt16(0))
        writer.write(STUNMessage.magicCookie)
        writer.write(transactionID.high)
        writer.write(transactionID.low)
    }

    private func begin(_ type: AttributeType, length: Int, into writer: inout ByteWriter) {
        writer.write(type.rawValue)
        writer.write(UInt16(truncatingIfNeeded: length))
        setLength(writer.count + (length + 3) & ~3 - start - STUNMessage.headerSize, in: &writer)
    }

    private func setLength(_ length: Int, in writer: inout ByteWriter) {
        writer.patch(UInt16(truncatingIfNeeded: length), at: start + 2)
    }

    private func pad(_ length: Int, into writer: inout ByteWriter) {
        writer.write(zeros: (length + 3) & ~3 - length)
    }

    /// An attribute without value: USE-CANDIDATE, DONT-FRAGMENT.
    public func write(_ type: AttributeType, into writer: inout ByteWriter) {
        begin(type, length: 0, into: &writer)
    }

    /// An attribute of four bytes, big-endian.
    public func write(_ type: AttributeType, _ value: UInt32, into writer: inout ByteWriter) {
        begin(type, length: 4, into: &writer)
        writer.write(value)
    }

    /// An attribute of eight bytes, big-endian.
    public func write(_ type: AttributeType, _ value: UInt64, into writer: inout ByteWriter) {
        begin(type, length: 8, into: &writer)
        writer.write(value)
    }

    /// An attribute with these bytes, padded with zeros to a multiple of four.
    public func write(_ type: AttributeType, _ value: Span<UInt8>, into writer: inout ByteWriter) {
        begin(type, length: value.count, into: &writer)
        writer.write(value)
        pad(value.count, into: &writer)
    }

    /// Only type and length of an attribute whose value already lies behind it, padded.
    public func writeHeader(_ type: AttributeType, length: Int, into writer: inout ByteWriter) {
        begin(type, length: length, into: &writer)
    }

    /// An attribute with the text's bytes in UTF-8, padded with zeros to a multiple of four.
    public func write(_ type: AttributeType, utf8 text: String, into writer: inout ByteWriter) {
        let length = text.utf8.count
        begin(type, length: length, into: &writer)
        writer.write(utf8: text)
        pad(length, into: &writer)
    }

    /// XOR-MAPPED-ADDRESS, XOR-PEER-ADDRESS or XOR-RELAYED-ADDRESS (RFC 8489 section 14.2).
    public func write(_ type: AttributeType, xor address: SocketAddress, into writer: inout ByteWriter) {
        write(
            type,
            plain: SocketAddress(
                address: address.address.xored(with: transactionID),
                port: address.port ^ UInt16(STUNMessage.magicCookie >> 16)),
            into: &writer)
    }

    /// MAPPED-ADDRESS or ALTERNATE-SERVER (RFC 8489 section 14.1).
    public func write(_ type: AttributeType, plain address: SocketAddress, into writer: inout ByteWriter) {
        begin(type, length: address.address.isIPv4 ? 8 : 20, into: &writer)
        writer.write(UInt8(0))
        writer.write(address.address.family.rawValue)
        writer.write(address.port)
        switch address.address {
        case .v4(let value): writer.write(value)
        case .v6(let high, let low):
            writer.write(high)
            writer.write(low)
        }
    }

    /// ERROR-CODE with its usual reason phrase (RFC 8489 section 14.8).
    public func writeErrorCode(_ code: ErrorCode, into writer: inout ByteWriter) {
        let phrase = code.reasonPhrase
        let length = 4 + phrase.utf8.count
        begin(.errorCode, length: length, into: &writer)
        writer.write(UInt16(0))
        writer.write(UInt8(truncatingIfNeeded: code.rawValue / 100))
        writer.write(UInt8(truncatingIfNeeded: code.rawValue % 100))
        writer.write(utf8: phrase)
        pad(length, into: &writer)
    }

    /// UNKNOWN-ATTRIBUTES (RFC 8489 section 14.13).
    public func writeUnknownAttributes(_ types: [AttributeType], into writer: inout ByteWriter) {
        begin(.unknownAttributes, length: 2 * types.count, into: &writer)
        for type in types { writer.write(type.rawValue) }
        pad(2 * types.count, into: &writer)
    }

    /// MESSAGE-INTEGRITY over everything before (RFC 8489 section 14.5).
    public func writeMessageIntegrity(
        key: IntegrityKey, using authenticator: MessageAuthenticator, into writer: inout ByteWriter
    ) {
        // "the length field must include MESSAGE-INTEGRITY itself, but nothing behind it"
        setLength(writer.count + 24 - start - STUNMessage.headerSize, in: &writer)
        guard !writer.overflowed else { return }
        let code = authenticator.hmacSHA1(writer.written.extracting(start..<writer.count), key.bytes.span)
        begin(.messageIntegrity, length: 20, into: &writer)
        writer.write(code.span)
    }

    /// MESSAGE-INTEGRITY-SHA256 over everything before, not truncated (RFC 8489 section 14.6).
    public func writeMessageIntegritySHA256(
        key: IntegrityKey, using authenticator: MessageAuthenticator, into writer: inout ByteWriter
    ) {
        setLength(writer.count + 36 - start - STUNMessage.headerSize, in: &writer)
        guard !writer.overflowed else { return }
        let code = authenticator.hmacSHA256(writer.written.extracting(start..<writer.count), key.bytes.span)
        begin(.messageIntegritySHA256, length: 32, into: &writer)
        writer.write(code.span)
    }

    /// FINGERPRINT, which must be the last attribute (RFC 8489 section 14.7).
    public func writeFingerprint(into writer: inout ByteWriter) {
        setLength(writer.count + 8 - start - STUNMessage.headerSize, in: &writer)
        guard !writer.overflowed else { return }
        let value = STUNMessage.fingerprint(of: writer.written.extracting(start..<writer.count))
        begin(.fingerprint, length: 4, into: &writer)
        writer.write(value)
    }
}
