public import Primitives
public import STUN

/// A TURN server as `iceServers` names it, its host resolved.
public struct TURNServer: Hashable, Sendable {
    /// Where requests go at first, from bases of the same family.
    public var address: SocketAddress
    /// How the client reaches it; the relay itself always speaks UDP to the peer.
    public var transport: TransportProtocol
    /// Name and password that the server expects (RFC 8489 section 9.2).
    public var credentials: TURNCredentials

    /// A server over UDP unless `transport` says otherwise.
    public init(address: SocketAddress, transport: TransportProtocol = .udp, credentials: TURNCredentials) {
        self.address = address
        self.transport = transport
        self.credentials = credentials
    }
}

/// Long-term credentials of a TURN server (RFC 8489 section 9.2). They do not show in logs.
public struct TURNCredentials: Hashable, Sendable {
    /// USERNAME of signed requests (RFC 8489 section 14.3: fewer than 509 bytes, which is not checked here).
    public var username: String
    /// Enters the key of MESSAGE-INTEGRITY (RFC 8489 section 9.2.2) and is never sent itself.
    public var password: String

    /// Takes both as signaling gives them.
    public init(username: String, password: String) {
        self.username = username
        self.password = password
    }
}

extension TURNCredentials: CustomStringConvertible, CustomReflectable {
    public var description: String { "(redacted)" }
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// Why there is no allocation.
public enum TURNFailure: Error, Hashable, Sendable {
    /// No answer within the retransmissions.
    case timeout
    /// The server does not take our name and password, or asks again and again.
    case unauthenticated
    /// The server sent us on in a circle, or too often.
    case redirectedTooOften
    /// The server names another one to be asked instead (300), which over a stream only the driver can do.
    case redirected(to: AlternateServer)
    /// Any other error response.
    case refused(ErrorCode)
    /// A response lacked what it must have.
    case malformedResponse
}

extension TURNFailure: CustomStringConvertible {
    public var description: String {
        switch self {
        case .timeout: "no answer"
        case .unauthenticated: "it refuses name or password (401)"
        case .redirectedTooOften: "it sends us on and on (300)"
        case .redirected: "it sends us on (300)"
        case .refused(let code): "it refuses (\(code))"
        case .malformedResponse: "its answer cannot be read"
        }
    }
}

/// What a TURN client has to say.
public enum TURNEvent: Hashable, Sendable {
    /// Relayed transport addresses, one per family, and what the server sees us as.
    case allocated(relayed: [SocketAddress], mapped: SocketAddress?)
    /// The relay passes datagrams to and from this address from now on.
    case permissionGranted(IPAddress)
    /// The server refused the permission or did not answer, or there are too many.
    case permissionDenied(IPAddress)
    /// Data to and from this peer needs four bytes of header from now on.
    case channelBound(peer: SocketAddress)
    /// The allocation never came or is gone; the client is of no use any more.
    case failed(TURNFailure)
}

/// What a datagram from the TURN server was.
public enum TURNInput: Hashable, Sendable {
    /// The client's own business, or dropped and counted.
    case consumed
    /// The peer's bytes lie in this range.
    case data(Range<Int>, peer: SocketAddress)
}

/// Why something from a TURN server was dropped.
public enum TURNDrop: Int, Sendable, CaseIterable {
    case malformed, transactionUnknown, integrityInvalid, channelUnknown, indicationIncomplete, noPermission
}

/// The server that another one wants to be asked in its place (ALTERNATE-SERVER, ALTERNATE-DOMAIN: RFC 8489 sections 10,
/// 14.15 and 14.16).
public struct AlternateServer: Hashable, Sendable {
    /// ALTERNATE-SERVER: the transport address to ask instead.
    public var address: SocketAddress
    /// The name that its certificate must have; nil: the host name of the server that redirected.
    public var domain: String?

    /// - Parameter domain: ALTERNATE-DOMAIN, where the response has one that is not empty.
    public init(address: SocketAddress, domain: String? = nil) {
        self.address = address
        self.domain = domain
    }
}
