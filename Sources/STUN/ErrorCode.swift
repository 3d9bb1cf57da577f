/// The number in ERROR-CODE (RFC 8489 section 14.8, RFC 8656 section 19, RFC 8445 section 16.2).
public struct ErrorCode: Hashable, Sendable {
    /// 300 … 699.
    public var rawValue: Int

    @inlinable public init(rawValue: Int) { self.rawValue = rawValue }

    /// Ask the server in ALTERNATE-SERVER instead (RFC 8489 section 10).
    public static let tryAlternate = ErrorCode(rawValue: 300)
    /// The request is malformed; it is not to be repeated unchanged.
    public static let badRequest = ErrorCode(rawValue: 400)
    /// Credentials are missing or wrong. With a REALM and a NONCE it is the server's challenge (RFC 8489 section
    /// 9.2.4).
    public static let unauthenticated = ErrorCode(rawValue: 401)
    /// The relay does not serve this peer or this user.
    public static let forbidden = ErrorCode(rawValue: 403)
    /// The request has an attribute that must be understood and was not (RFC 8489 section 6.3.1).
    public static let unknownAttribute = ErrorCode(rawValue: 420)
    /// The allocation exists already, or does not exist (RFC 8656 section 19).
    public static let allocationMismatch = ErrorCode(rawValue: 437)
    /// The NONCE has expired; the response brings another one.
    public static let staleNonce = ErrorCode(rawValue: 438)
    /// The relay has no address of the family that was asked for.
    public static let addressFamilyNotSupported = ErrorCode(rawValue: 440)
    /// The credentials are not those that the allocation was made with.
    public static let wrongCredentials = ErrorCode(rawValue: 441)
    /// The relay does not relay REQUESTED-TRANSPORT.
    public static let unsupportedTransport = ErrorCode(rawValue: 442)
    /// The peer's family is not the relayed address's.
    public static let peerAddressFamilyMismatch = ErrorCode(rawValue: 443)
    /// The user has as many allocations as it may.
    public static let allocationQuotaReached = ErrorCode(rawValue: 486)
    /// Both agents claim the same role (RFC 8445 section 7.3.1.1).
    public static let roleConflict = ErrorCode(rawValue: 487)
    /// A temporary fault of the server's; the request may be repeated.
    public static let serverError = ErrorCode(rawValue: 500)
    /// The relay has no address or port left.
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
