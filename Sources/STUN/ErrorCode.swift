/// The number in ERROR-CODE (RFC 8489 section 14.8, RFC 8656 section 19, RFC 8445 section 16.2).
public struct ErrorCode: Hashable, Sendable {
    /// 300 … 699.
    public var rawValue: Int

    @inlinable public init(rawValue: Int) { self.rawValue = rawValue }

    public static let tryAlternate = ErrorCode(rawValue: 300)
    public static let badRequest = ErrorCode(rawValue: 400)
    public static let unauthenticated = ErrorCode(rawValue: 401)
    public static let forbidden = ErrorCode(rawValue: 403)
    public static let unknownAttribute = ErrorCode(rawValue: 420)
    public static let allocationMismatch = ErrorCode(rawValue: 437)
    public static let staleNonce = ErrorCode(rawValue: 438)
    public static let addressFamilyNotSupported = ErrorCode(rawValue: 440)
    public static let wrongCredentials = ErrorCode(rawValue: 441)
    public static let unsupportedTransport = ErrorCode(rawValue: 442)
    public static let peerAddressFamilyMismatch = ErrorCode(rawValue: 443)
    public static let allocationQuotaReached = ErrorCode(rawValue: 486)
    public static let roleConflict = ErrorCode(rawValue: 487)
    public static let serverError = ErrorCode(rawValue: 500)
    public static let insufficientCapacity = ErrorCode(rawValue: 508)

    /// The reason phrase that goes with it on the wire.
    public var reasonPhrase: String {
        switch self {
        case .tryAlternate: "Try Alternate"
        case .badRequest: "Bad Request"
        case .unauthenticated: "Unauthenticated"
        case .forbidden: "Forbidden"
        case .unknownAttribute: "Unknown Attribute"
        case .allocationMismatch: "Allocation Mismatch"
        case .staleNonce: "Stale Nonce"
        case .addressFamilyNotSupported: "Address Family not Supported"
        case .wrongCredentials: "Wrong Credentials"
        case .unsupportedTransport: "Unsupported Transport Protocol"
        case .peerAddressFamilyMismatch: "Peer Address Family Mismatch"
        case .allocationQuotaReached: "Allocation Quota Reached"
        case .roleConflict: "Role Conflict"
        case .serverError: "Server Error"
        case .insufficientCapacity: "Insufficient Capacity"
        default: ""
        }
    }
}

extension ErrorCode: CustomStringConvertible {
    public var description: String { reasonPhrase.isEmpty ? "\(rawValue)" : "\(rawValue) \(reasonPhrase)" }
}
