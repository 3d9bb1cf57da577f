public import Primitives

extension STUNMessage {
    /// One attribute where it stands in the message.
    struct Position {
        var type: AttributeType
        /// Where its value is.
        var value: Range<Int>
        /// Where the next attribute begins.
        var next: Int
    }

    /// The attribute at `offset`, nil at the end of those that count.
    func position(at offset: Int) -> Position? {
        guard offset < attributesEnd else { return nil }
        let length = Int(readUInt16(bytes, offset + 2))
        return Position(
            type: AttributeType(rawValue: readUInt16(bytes, offset)), value: offset + 4..<offset + 4 + length,
            next: offset + 4 + (length + 3) & ~3)
    }

    func range(of type: AttributeType) -> Range<Int>? {
        var at = Self.headerSize
        while let attribute = position(at: at) {
            // "any subsequent duplicates SHOULD be ignored" (section 14).
            if attribute.type == type { return attribute.value }
            at = attribute.next
        }
        return nil
    }

    /// Whether the attribute is there.
    public func has(_ type: AttributeType) -> Bool { range(of: type) != nil }

    /// The value of the first such attribute, borrowed from the message; nil when there is none.
    @_lifetime(copy self)
    public func value(of type: AttributeType) -> Span<UInt8>? {
        guard let range = range(of: type) else { return nil }
        return bytes.extracting(range)
    }

    /// Where the value of the first such attribute lies in the datagram.
    public func valueRange(of type: AttributeType) -> Range<Int>? { range(of: type) }

    /// A copy of the value of the first such attribute; empty when there is none.
    public func copyBytes(of type: AttributeType) -> [UInt8] {
        range(of: type).map { bytes.extracting($0).copied() } ?? []
    }

    /// A 32-bit value; nil when it is missing or not four bytes long.
    public func uint32(of type: AttributeType) -> UInt32? {
        guard let range = range(of: type), range.count == 4 else { return nil }
        return readUInt32(bytes, range.lowerBound)
    }

    /// A 64-bit value; nil when it is missing or not eight bytes long.
    public func uint64(of type: AttributeType) -> UInt64? {
        guard let range = range(of: type), range.count == 8 else { return nil }
        return UInt64(readUInt32(bytes, range.lowerBound)) << 32 | UInt64(readUInt32(bytes, range.lowerBound + 4))
    }

    /// A text value of at most `limit` bytes; nil when it is missing, longer or no UTF-8.
    public func text(of type: AttributeType, limit: Int = 763) -> String? {
        guard let range = range(of: type), range.count <= limit else { return nil }
        return String(validating: bytes.extracting(range).copied(), as: UTF8.self)
    }

    /// The transport address in XOR-MAPPED-ADDRESS and its like (RFC 8489 section 14.2).
    public func xorAddress(of type: AttributeType) -> SocketAddress? {
        guard let range = range(of: type) else { return nil }
        return xorAddress(in: range)
    }

    /// Every transport address of that type, in order: CreatePermission requests carry several XOR-PEER-ADDRESS.
    public func xorAddresses(of type: AttributeType) -> [SocketAddress] {
        var result: [SocketAddress] = []
        var at = Self.headerSize
        while let attribute = position(at: at) {
            if attribute.type == type, let address = xorAddress(in: attribute.value) { result.append(address) }
            at = attribute.next
        }
        return result
    }

    private func xorAddress(in range: Range<Int>) -> SocketAddress? {
        guard var address = address(in: range) else { return nil }
        address.port ^= UInt16(Self.magicCookie >> 16)
        address.address = address.address.xored(with: transactionID)
        return address
    }

    /// The transport address in MAPPED-ADDRESS or ALTERNATE-SERVER (RFC 8489 section 14.1).
    public func address(of type: AttributeType) -> SocketAddress? {
        guard let range = range(of: type) else { return nil }
        return address(in: range)
    }

    private func address(in range: Range<Int>) -> SocketAddress? {
        guard range.count >= 4 else { return nil }
        let at = range.lowerBound
        let port = readUInt16(bytes, at + 2)
        switch AddressFamily(rawValue: bytes[at + 1]) {
        case .ipv4:
            guard range.count == 8 else { return nil }
            return SocketAddress(address: .v4(readUInt32(bytes, at + 4)), port: port)
        case .ipv6:
            guard range.count == 20 else { return nil }
            let high = UInt64(readUInt32(bytes, at + 4)) << 32 | UInt64(readUInt32(bytes, at + 8))
            let low = UInt64(readUInt32(bytes, at + 12)) << 32 | UInt64(readUInt32(bytes, at + 16))
            return SocketAddress(address: .v6(high: high, low: low), port: port)
        case nil: return nil
        }
    }

    /// ERROR-CODE (RFC 8489 section 14.8): class times 100 and number; nil when missing or out of 300…699.
    public var errorCode: ErrorCode? {
        guard let range = range(of: .errorCode), range.count >= 4 else { return nil }
        let hundreds = Int(bytes[range.lowerBound + 2] & 0x07)
        let number = Int(bytes[range.lowerBound + 3])
        guard (3...6).contains(hundreds), number < 100 else { return nil }
        return ErrorCode(rawValue: hundreds * 100 + number)
    }

    /// UNKNOWN-ATTRIBUTES (RFC 8489 section 14.13).
    public var unknownAttributes: [AttributeType] {
        guard let range = range(of: .unknownAttributes) else { return [] }
        return stride(from: range.lowerBound, to: range.upperBound - 1, by: 2).map {
            AttributeType(rawValue: readUInt16(bytes, $0))
        }
    }

    /// Attributes that must be understood and are not (RFC 8489 section 6.3); empty in a good message.
    public var notUnderstood: [AttributeType] {
        var result: [AttributeType] = []
        var at = Self.headerSize
        while let attribute = position(at: at) {
            if attribute.type.isComprehensionRequired, !attribute.type.isKnown, !result.contains(attribute.type) {
                result.append(attribute.type)
            }
            at = attribute.next
        }
        return result
    }

    /// The types of all attributes that count, in order.
    public var attributeTypes: [AttributeType] {
        var result: [AttributeType] = []
        var at = Self.headerSize
        while let attribute = position(at: at) {
            result.append(attribute.type)
            at = attribute.next
        }
        return result
    }
}

/// The family byte of addresses and of REQUESTED-ADDRESS-FAMILY (RFC 8489 section 14.1, RFC 8656 section 18.6).
public enum AddressFamily: UInt8, Sendable, CaseIterable {
    case ipv4 = 0x01
    case ipv6 = 0x02
}

extension IPAddress {
    /// XORed with the magic cookie and, for IPv6, the transaction identifier (RFC 8489 section 14.2).
    func xored(with id: TransactionID) -> IPAddress {
        switch self {
        case .v4(let value): .v4(value ^ STUNMessage.magicCookie)
        case .v6(let high, let low):
            .v6(
                high: high ^ (UInt64(STUNMessage.magicCookie) << 32 | id.high >> 32),
                low: low ^ (id.high << 32 | UInt64(id.low)))
        }
    }

    /// Of the address itself: an IPv4-mapped IPv6 address counts as IPv6.
    public var family: AddressFamily { isIPv4 ? .ipv4 : .ipv6 }
}
