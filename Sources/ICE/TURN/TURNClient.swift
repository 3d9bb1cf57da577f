public import Primitives
public import STUN

/// One TURN allocation (RFC 8656): a public address on a server that hands on datagrams between us and our peers.
///
/// It is what remains when no two addresses reach each other. The client asks for an allocation, learns the realm
/// and nonce by being refused, and asks again with its credentials:
///
///     idle ─start─▶ allocating ─401─▶ allocating ─success─▶ allocated ─close─▶ closed
///                       │ 300: the same at another server       │ refresh refused
///                       └──────────▶ failed ◀───────────────────┘
///
/// The allocation is refreshed a minute before it ends (or at half its lifetime, when that is short), permissions
/// every four minutes of their five, channels before their ten are over. Any request may meet a stale nonce (438) and
/// is then sent again with the fresh one. Both families are asked for at once (ADDITIONAL-ADDRESS-FAMILY); a server
/// that refuses (440) is asked for IPv4 alone, and then for IPv6 alone.
///
/// Data goes as Send indications until a channel is bound, with 36 or 48 bytes of overhead, and in a channel with
/// four. The driver owns the socket: over UDP each transmit is a datagram; over TCP and TLS it is a frame of the
/// stream, and `TURNStreamReader` cuts what comes back.
public struct TURNClient: Sendable {
    private static let maximumPermissions = 64

    enum Phase: Sendable { case idle, allocating, allocated, failed, closed }

    struct Request: Sendable {
        enum Kind: Hashable, Sendable {
            case allocate
            case refresh
            case deallocate
            case createPermission([IPAddress])
            case channelBind(UInt16, SocketAddress)
        }

        var id: TransactionID
        var kind: Kind
        var transmissions: Int
        var nextAt: Instant
        /// How often it was refused for want of (fresh) authentication.
        var refusals: Int
        /// Whether it was sent with credentials.
        var isAuthenticated: Bool
    }

    /// Of which families the relayed addresses are to be.
    enum RelayedFamilies: Sendable {
        case both, ipv4, ipv6

        /// What is asked for when the server has not all of these.
        var fewer: RelayedFamilies? {
            switch self {
            case .both: .ipv4
            case .ipv4: .ipv6
            case .ipv6: nil
            }
        }
    }

    struct Permission: Sendable {
        var address: IPAddress
        var isGranted: Bool
        var refreshAt: Instant
    }

    struct Channel: Sendable {
        var number: UInt16
        var peer: SocketAddress
        var isBound: Bool
        var refreshAt: Instant
    }

    public internal(set) var server: SocketAddress
    public let transport: TransportProtocol
    /// The local address whose socket speaks to the server.
    public let base: SocketAddress
    let authenticator: MessageAuthenticator
    var random: RandomSource
    let minimumRTO: Duration

    var phase: Phase
    var credentials: TURNCredentials
    /// Given by signaling since the allocation was made; tried when the old ones are refused.
    var replacement: TURNCredentials?
    var realm: String
    var nonce: [UInt8]
    var key: IntegrityKey?
    /// PASSWORD-ALGORITHMS as the server sent it, to be sent back; empty for servers of RFC 5389.
    var passwordAlgorithms: [UInt8]
    var algorithm: PasswordAlgorithm
    var families: RelayedFamilies
    var redirections: [SocketAddress]

    /// The relayed transport addresses.
    public internal(set) var relayed: [SocketAddress]
    public internal(set) var mapped: SocketAddress?
    var requests: [Request]
    var refreshAt: Instant?
    /// When the server forgets the allocation, unless it is refreshed; kept after the end, for whoever wants another.
    public internal(set) var expiresAt: Instant?
    /// The server refuses to refresh, so that it ends with its lifetime.
    var isRunningOut: Bool
    var permissions: [Permission]
    var channels: [Channel]
    var nextChannel: UInt16
    /// When the NAT before us is told that the way to the server is still in use.
    var keepaliveAt: Instant
    var events: RingBuffer<TURNEvent>
    public internal(set) var drops: Counter<TURNDrop>

    public init(
        server: TURNServer, base: SocketAddress, minimumRTO: Duration = .milliseconds(500),
        authenticator: MessageAuthenticator, random: RandomSource
    ) {
        self.server = server.address
        transport = server.transport
        self.base = base
        self.authenticator = authenticator
        self.random = random
        self.minimumRTO = minimumRTO
        phase = .idle
        credentials = server.credentials
        replacement = nil
        realm = ""
        nonce = []
        key = nil
        passwordAlgorithms = []
        algorithm = .md5
        families = .both
        redirections = [server.address]
        relayed = []
        mapped = nil
        requests = []
        refreshAt = nil
        expiresAt = nil
        isRunningOut = false
        permissions = []
        channels = []
        // 0x4000 … 0x4FFF (RFC 8656 section 12); a random start tells generations of one base apart.
        nextChannel = 0
        keepaliveAt = .distantFuture
        events = RingBuffer(capacity: 4)
        drops = Counter()
        nextChannel = 0x4000 | UInt16(truncatingIfNeeded: self.random.next()) & 0x07FF
    }

    public var isAllocated: Bool { phase == .allocated }
    /// Whether an answer to the question for an allocation is still open.
    public var isAllocating: Bool { phase == .idle || phase == .allocating }

    /// The first question has not been sent yet. Over a stream there is nothing to wait for.
    var isAboutToStart: Bool {
        phase == .allocating && transport == .udp && key == nil && redirections.count == 1
            && requests.contains { $0.transmissions == 0 }
    }

    public mutating func pollEvent() -> TURNEvent? { events.popFirst() }
    var hasEvents: Bool { !events.isEmpty }

    public mutating func start(now: Instant) {
        guard phase == .idle else { return }
        phase = .allocating
        submit(.allocate, now: now)
    }

    /// Gives the allocation back: one Refresh with lifetime 0, whose answer nobody waits for.
    public mutating func close(now: Instant) {
        let wasAllocated = phase == .allocated
        phase = .closed
        requests.removeAll()
        permissions.removeAll()
        channels.removeAll()
        refreshAt = nil
        isRunningOut = false
        if wasAllocated { submit(.deallocate, now: now) }
    }

    /// Credentials that signaling has renewed. A server keeps an allocation to the name that made it (441), so the
    /// old ones go on as long as they are taken.
    public mutating func replaceCredentials(_ new: TURNCredentials) {
        guard new != credentials else { return }
        if phase == .allocated { replacement = new } else { adopt(new) }
    }

    mutating func adopt(_ new: TURNCredentials) {
        credentials = new
        replacement = nil
        makeKey()
    }

    mutating func makeKey() {
        guard !realm.isEmpty else { return }
        key = .longTerm(
            username: credentials.username, realm: realm, password: credentials.password, algorithm: algorithm,
            authenticator: authenticator)
    }

    mutating func fail(_ failure: TURNFailure) {
        guard phase != .failed, phase != .closed else { return }
        phase = .failed
        requests.removeAll()
        permissions.removeAll()
        channels.removeAll()
        refreshAt = nil
        isRunningOut = false
        events.append(.failed(failure))
    }

    // MARK: Peers

    /// Lets datagrams from this address in. The event `permissionGranted` or `permissionDenied` follows.
    public mutating func permit(_ peer: IPAddress, now: Instant) {
        guard phase == .allocated, relayed.contains(where: { $0.address.isIPv4 == peer.isIPv4 }) else { return }
        if let known = permissions.first(where: { $0.address == peer }) {
            if known.isGranted { events.append(.permissionGranted(peer)) }
            return
        }
        guard permissions.count < TURNClient.maximumPermissions else {
            return events.append(.permissionDenied(peer))
        }
        permissions.append(Permission(address: peer, isGranted: false, refreshAt: .distantFuture))
        submit(.createPermission([peer]), now: now)
    }

    /// Whether there is room for the address, or it is known.
    func mayPermit(_ peer: IPAddress) -> Bool {
        permissions.count < TURNClient.maximumPermissions || permissions.contains { $0.address == peer }
    }

    public func isPermitted(_ peer: IPAddress) -> Bool {
        permissions.contains { $0.address == peer && $0.isGranted }
    }

    /// Lets permissions of others end: they are not refreshed any more. One that a channel needs stays.
    mutating func retainPermissions(of peers: Set<IPAddress>) {
        permissions.removeAll { permission in
            !peers.contains(permission.address) && !channels.contains { $0.peer.address == permission.address }
        }
    }

    /// Binds a channel for the peer that carries media.
    public mutating func bindChannel(to peer: SocketAddress, now: Instant) {
        guard phase == .allocated, !channels.contains(where: { $0.peer == peer }), channels.count < 16 else { return }
        let number = nextChannel
        nextChannel = nextChannel == 0x4FFF ? 0x4000 : nextChannel + 1
        channels.append(Channel(number: number, peer: peer, isBound: false, refreshAt: .distantFuture))
        submit(.channelBind(number, peer), now: now)
    }

    // MARK: Data

    /// Puts TURN's header before what is in `packet`, which goes to `server` from `base` then. False, and nothing
    /// changed, when it does not fit or the peer has no permission: the caller drops it.
    public mutating func frame(_ packet: inout PacketBuffer, to peer: SocketAddress) -> Bool {
        guard phase == .allocated, isPermitted(peer.address) else {
            drops.add(.noPermission)
            return false
        }
        let size = packet.count
        let padding = (size + 3) & ~3 - size
        if let channel = channels.first(where: { $0.peer == peer && $0.isBound }) {
            // Over a stream "the message MUST be padded to a multiple of four bytes" (section 12.5).
            guard packet.prepend(4, appending: transport == .udp ? 0 : padding) else { return false }
            var writer = ByteWriter(packet.mutableBytes)
            writer.write(channel.number)
            writer.write(UInt16(truncatingIfNeeded: size))
            return true
        }
        let header = 20 + (peer.address.isIPv4 ? 12 : 24) + 4
        guard packet.prepend(header, appending: padding) else { return false }
        let id = TransactionID.random(using: &random)
        var writer = ByteWriter(packet.mutableBytes)
        let message = STUNMessageWriter(MessageType(.send, .indication), id, into: &writer)
        message.write(.xorPeerAddress, xor: peer, into: &writer)
        message.writeHeader(.data, length: size, into: &writer)
        return true
    }
}

extension PacketBuffer {
    /// Makes room before the bytes and behind them, the latter zeroed; false when it does not fit.
    mutating func prepend(_ header: Int, appending trailer: Int) -> Bool {
        let size = count
        guard header + size + trailer <= capacity else { return false }
        setCount(header + size + trailer)
        var bytes = mutableBytes
        var index = size
        while index > 0 {
            index -= 1
            bytes[header + index] = bytes[index]
        }
        for index in 0..<trailer { bytes[header + size + index] = 0 }
        return true
    }
}
