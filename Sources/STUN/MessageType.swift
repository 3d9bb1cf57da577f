/// What a message does: the 12 method bits of the STUN message type (RFC 8489 section 5).
public struct STUNMethod: Hashable, Sendable {
    public var rawValue: UInt16

    @inlinable public init(rawValue: UInt16) { self.rawValue = rawValue & 0x0FFF }

    /// RFC 8489.
    public static let binding = STUNMethod(rawValue: 0x001)
    /// RFC 8656 section 17.
    public static let allocate = STUNMethod(rawValue: 0x003)
    public static let refresh = STUNMethod(rawValue: 0x004)
    public static let send = STUNMethod(rawValue: 0x006)
    public static let data = STUNMethod(rawValue: 0x007)
    public static let createPermission = STUNMethod(rawValue: 0x008)
    public static let channelBind = STUNMethod(rawValue: 0x009)
}

/// The two class bits of the STUN message type (RFC 8489 section 5).
public enum STUNClass: UInt8, Sendable, CaseIterable {
    case request = 0b00
    case indication = 0b01
    case successResponse = 0b10
    case errorResponse = 0b11
}

/// Method and class, interleaved on the wire as RFC 8489 figure 3 shows.
public struct MessageType: Hashable, Sendable {
    public var method: STUNMethod
    public var messageClass: STUNClass

    @inlinable public init(_ method: STUNMethod, _ messageClass: STUNClass) {
        self.method = method
        self.messageClass = messageClass
    }

    /// From the first 16 bits of a message; nil when the two uppermost are not zero, which is no STUN.
    public init?(rawValue: UInt16) {
        guard rawValue & 0xC000 == 0 else { return nil }
        method = STUNMethod(rawValue: rawValue & 0x000F | (rawValue & 0x00E0) >> 1 | (rawValue & 0x3E00) >> 2)
        switch (rawValue & 0x0100 != 0, rawValue & 0x0010 != 0) {
        case (false, false): messageClass = .request
        case (false, true): messageClass = .indication
        case (true, false): messageClass = .successResponse
        case (true, true): messageClass = .errorResponse
        }
    }

    public var rawValue: UInt16 {
        let m = method.rawValue
        let c = UInt16(messageClass.rawValue)
        return m & 0x000F | (m & 0x0070) << 1 | (m & 0x0F80) << 2 | (c & 0b01) << 4 | (c & 0b10) << 7
    }

    public static let bindingRequest = MessageType(.binding, .request)
    public static let bindingIndication = MessageType(.binding, .indication)
    public static let bindingSuccess = MessageType(.binding, .successResponse)
    public static let bindingError = MessageType(.binding, .errorResponse)
}
