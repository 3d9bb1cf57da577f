import Primitives

/// What the integrity attributes of a message say about a key.
public enum IntegrityResult: Sendable {
    /// Neither MESSAGE-INTEGRITY nor MESSAGE-INTEGRITY-SHA256 is there.
    case missing
    /// The sender of the message had the key.
    case valid
    case invalid
}

extension STUNMessage {
    /// Checks the strongest integrity attribute that is there against `key` (RFC 8489 sections 9.1.3 and 9.2.4: when
    /// both are there, SHA-256 counts). The comparison takes the same time wherever the codes differ.
    public func integrity(key: IntegrityKey, using authenticator: MessageAuthenticator) -> IntegrityResult {
        if let (offset, length) = integritySHA256 {
            let signed = signedBytes(upTo: offset, attributeSize: 4 + length)
            let code = authenticator.hmacSHA256(signed.span, key.bytes.span)
            return isEqualInConstantTime(code.span, at: offset + 4, count: length) ? .valid : .invalid
        }
        if let offset = integrityOffset {
            let signed = signedBytes(upTo: offset, attributeSize: 24)
            let code = authenticator.hmacSHA1(signed.span, key.bytes.span)
            return isEqualInConstantTime(code.span, at: offset + 4, count: 20) ? .valid : .invalid
        }
        return .missing
    }

    /// The message up to an integrity attribute, its length as if that attribute were the last (section 14.5).
    private func signedBytes(upTo offset: Int, attributeSize: Int) -> [UInt8] {
        var signed = bytes.extracting(0..<offset).copied()
        let length = UInt16(truncatingIfNeeded: offset + attributeSize - Self.headerSize)
        signed[2] = UInt8(length >> 8)
        signed[3] = UInt8(truncatingIfNeeded: length)
        return signed
    }

    private func isEqualInConstantTime(_ code: Span<UInt8>, at offset: Int, count: Int) -> Bool {
        var difference: UInt8 = 0
        for index in 0..<count { difference |= code[index] ^ bytes[offset + index] }
        return difference == 0
    }
}
