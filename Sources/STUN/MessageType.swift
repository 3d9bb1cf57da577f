/// What a message does: the 12 method bits of the STUN message type (RFC 8489 section 5).
public struct STUNMethod: Hashable, Sendable {
    public var rawValue: UInt16

    @inlinable public init(rawValue: UInt16) { self.rawValue = rawValue & 0x0FFF }

    /// RFC 8489.
    public static let binding = STUNMethod(rawValue: 0x001)
    /// RFC 8656 section 17.
    public static let allocate = STUNMethod(rawValue: 0x003)
    /// Makes an allocation last longer, or ends it (RFC 8656 section 17).
    public static let refresh = STUNMethod(rawValue: 0x004)
    /// An indication: data for a peer (RFC 8656 section 17).
    public static let send = STUNMethod(rawValue: 0x006)
    /// An indication: data of a peer (RFC 8656 section 17).
    public static let data = STUNMethod(rawValue: 0x007)
    /// Lets a peer's address send to the relayed address for five minutes (RFC 8656 section 17).
    public static let createPermission = STUNMethod(rawValue: 0x008)
    /// Gives a peer a channel number, for ten minutes (RFC 8656 section 17).
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
    /// The 12 method bits.
    public var method: STUNMethod
    /// The two class bits.
    public var messageClass: STUNClass

    /// Any pair is a message type, also one that no RFC uses.
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

    /// A connectivity check, a consent check or a question to a server: 0x0001.
    public static let bindingRequest = MessageType(.binding, .request)
    /// A keepalive, which gets no answer: 0x0011.
    public static let bindingIndication = MessageType(.binding, .indication)
    /// The answer to a check, with the address that the request came from: 0x0101.
    public static let bindingSuccess = MessageType(.binding, .successResponse)
    /// The refusal of a check, with ERROR-CODE: 0x0111.
    public static let bindingError = MessageType(.binding, .errorResponse)
}
